#include <ATen/Parallel.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "apps/commands.h"
#include "apps/compute_flags.h"
#include "apps/ranks_of_verb.h"
#include "apps/signals.h"
#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "core/progress.h"
#include "core/resumable_file.h"
#include "data/rows.h"
#include "data/utf8.h"
#include "evaluation/temperature.h"
#include "metrics/calibration.h"
#include "model/inference.h"
#include "model/pretrained.h"

namespace infig {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

struct PredictFlags {
  std::string run, text, image, input, output, bad_image = "missing", temperature = "none";
  int64_t batch_size = 64, threads = 0, workers = 2, block_rows = 4096;
  bool restart = false;
};

// One row of the input: a post, or why it is none. Rows keep their place whatever happens to them.
struct InputRow {
  Post post;
  std::string error;
};

std::string json_line(const InputRow& row, const std::vector<std::string>& labels, const double* probabilities,
                      const std::string& picture) {
  nlohmann::ordered_json line;
  line["id"] = row.post.id;
  if (!row.error.empty()) {
    line["error"] = row.error;
    return line.dump() + "\n";
  }
  const auto best = std::max_element(probabilities, probabilities + labels.size()) - probabilities;
  line["label"] = labels[static_cast<size_t>(best)];
  for (size_t c = 0; c < labels.size(); ++c) line["probabilities"][labels[c]] = probabilities[c];
  if (!picture.empty()) line["image"] = picture;
  return line.dump() + "\n";
}

std::string csv_line(const InputRow& row, const std::vector<std::string>& labels, const double* probabilities, const std::string& picture) {
  std::string line = csv_cell(row.post.id);
  if (!row.error.empty()) {
    line += "," + std::string(labels.size() + 1, ',') + csv_cell(row.error);
  } else {
    const auto best = std::max_element(probabilities, probabilities + labels.size()) - probabilities;
    line += "," + csv_cell(labels[static_cast<size_t>(best)]);
    for (size_t c = 0; c < labels.size(); ++c) line += fmt::format(",{:.9g}", probabilities[c]);
    line += "," + csv_cell(picture.empty() ? "" : "image " + picture);
  }
  return line + "\n";
}

std::string csv_header(const std::vector<std::string>& labels) {
  std::string header = "id,prediction";
  for (const auto& label : labels) header += "," + csv_cell("p_" + label);
  return header + ",note\n";
}

// Everything that the bytes of the output depend on: an interrupted run is continued by the same command alone.
json command_of(const PredictFlags& flags, const std::vector<fs::path>& tables) {
  json input = json::array();
  for (const fs::path& table : tables) {
    const auto changed = fs::last_write_time(table).time_since_epoch().count();
    input.push_back({{"file", fs::absolute(table).lexically_normal().string()}, {"bytes", fs::file_size(table)}, {"changed", changed}});
  }
  const fs::path checkpoint = find_checkpoint(flags.run);
  return {{"input", input},
          {"model", sha256_file(checkpoint / "model.safetensors")},
          {"config", sha256_file(checkpoint / "config.json")},
          {"bad_image", flags.bad_image},
          {"batch_size", flags.batch_size},
          {"block_rows", flags.block_rows},
          {"temperature", chosen_temperature(flags.run, flags.temperature)},
          {"threads", at::get_num_threads()}};
}

// Probabilities of posts, scaled as --temperature asks.
std::vector<double> scaled(const PredictFlags& flags, const LoadedModel& loaded, const std::vector<double>& probabilities) {
  const double temperature = chosen_temperature(flags.run, flags.temperature);
  if (temperature == 1) return probabilities;
  return apply_temperature(probabilities, static_cast<int64_t>(loaded.labels.size()), temperature);
}

// Reads files block by block, scores them and writes a row for a row. After each block the output is saved; what an interrupted run has
// saved is passed over. Scores depend a little on a batch's other posts, so blocks begin at the same rows whoever writes them. Several
// ranks read the same rows and score the blocks in turn; the first one writes what all of them found.
class FilePrediction {
 public:
  FilePrediction(const PredictFlags& flags, LoadedModel& loaded, const LoaderOptions& loader, Ranks& ranks)
      : flags_(flags),
        loaded_(loaded),
        loader_(loader),
        ranks_(ranks),
        csv_(csv_wanted(flags)),
        tables_(tables_of(flags.input)),
        stop_(watch_signals()) {}

  void run() {
    int64_t total = 0;
    if (ranks_.first() && ProgressBar::shown()) {  // a pass for the bar's sake alone
      for (const fs::path& table : tables_)
        for_each_row(table, [&total](PostRow&&) { ++total; }, [&total](const std::string&) { ++total; });
    }
    ProgressBar bar(ranks_.first() ? "predicting" : "", total);
    if (ranks_.first()) file_.emplace(flags_.output, command_of(flags_, tables_), flags_.restart);
    go_on();
    try {
      predict_rows(bar);
    } catch (const Interrupted&) {
      throw;
    } catch (const Error&) {
      if (file_ && !file_->state().is_null())
        log_info("{} rows are kept in {}.partial; the same command goes on behind them", written_, flags_.output);
      throw;
    }
    bar.finish();
    if (!file_) return;
    file_->commit();
    std::fprintf(stderr, "%lld rows written to %s (%lld with an error)\n", static_cast<long long>(written_), flags_.output.c_str(),
                 static_cast<long long>(faults_));
  }

 private:
  // What one block became.
  struct Lines {
    std::string text;
    int64_t rows = 0, faults = 0;
  };

  void predict_rows(ProgressBar& bar) {
    const auto flush = [&] {
      if (blocks_++ % ranks_.size() == ranks_.rank()) {
        own_ = score([&](int64_t done) {
          bar.update(written_ + done * ranks_.size());
          if (!ranks_.several()) check_stop();
        });
      }
      block_.clear();
      if (blocks_ % ranks_.size() == 0) end_round();
    };
    for (const fs::path& table : tables_) {
      for_each_row(
          table, [&](PostRow&& row) { add(std::move(row), table, flush); }, [&](const std::string& message) { add_fault(message, flush); });
    }
    if (!block_.empty()) flush();
    if (blocks_ % ranks_.size() != 0) end_round();
  }

  // Every rank has scored its block, or has none at the end of the rows.
  void end_round() {
    const std::array<int64_t, 3> mine = {own_.rows, own_.faults, stop_->load()};
    const std::vector<int64_t> counts = ranks_.gather(mine);
    for (const std::string& lines : ranks_.gather(own_.text)) {
      if (file_) file_->stream() << lines;
    }
    int stop = 0;
    for (size_t r = 0; r < counts.size(); r += 3) {
      written_ += counts[r];
      faults_ += counts[r + 1];
      stop = std::max(stop, static_cast<int>(counts[r + 2]));
    }
    own_ = {};
    if (file_) file_->save({{"rows", written_}, {"faults", faults_}});
    if (stop != 0) stopped(stop);
  }

  static bool csv_wanted(const PredictFlags& flags) {
    const std::string extension = fs::path(flags.output).extension();
    if (extension != ".csv" && extension != ".jsonl")
      throw ConfigError(fmt::format("--output {}: expected a .jsonl or .csv file", flags.output));
    return extension == ".csv";
  }

  void go_on() {
    const json state = json::parse(ranks_.broadcast(file_ ? file_->state().dump() : ""));
    if (state.is_null()) {
      if (file_ && csv_) file_->stream() << csv_header(loaded_.labels);
      return;
    }
    written_ = state.at("rows").get<int64_t>();
    faults_ = state.at("faults").get<int64_t>();
    log_info("{}: going on behind row {}, where an interrupted run was saved", flags_.output, written_);
  }

  void check_stop() const {
    if (const int number = stop_->load(); number != 0) stopped(number);
  }

  [[noreturn]] void stopped(int number) const {
    throw Interrupted(fmt::format("stopped; {} rows are saved, the same command goes on behind them", written_), 128 + number);
  }

  template <typename Flush>
  void add(PostRow&& row, const fs::path& table, const Flush& flush) {
    InputRow input;
    if (++read_ <= written_) return;
    input.post.id = row.id.value_or(std::to_string(read_));
    input.post.text = row.text.value_or("");
    input.post.image = picture_of(row, table);
    push(std::move(input), flush);
  }

  template <typename Flush>
  void add_fault(const std::string& message, const Flush& flush) {
    InputRow faulty;
    if (++read_ <= written_) return;
    faulty.post.id = std::to_string(read_);
    faulty.error = message;
    push(std::move(faulty), flush);
  }

  template <typename Flush>
  void push(InputRow&& row, const Flush& flush) {
    block_.push_back(std::move(row));
    if (block_.size() == static_cast<size_t>(flags_.block_rows)) flush();
  }

  // The block's rows get their probabilities, or the reason why there are none.
  Lines score(const std::function<void(int64_t)>& on_batch) {
    std::vector<Post> posts;
    std::vector<int64_t> wanted;
    for (const auto& row : block_) {
      if (row.error.empty()) wanted.push_back(static_cast<int64_t>(posts.size()));
      posts.push_back(row.post);
    }
    PostLoader loader(posts, loaded_.model->inputs(loaded_.tokenizer.get()), loader_, 0);
    const std::vector<int64_t> kept = loader.prepare(wanted, "");
    ScoredRows scored = score_rows(*loaded_.model, loader, kept, {.batch_size = flags_.batch_size, .on_batch = on_batch});
    scored.probabilities = scaled(flags_, loaded_, scored.probabilities);
    std::vector<const double*> probabilities(block_.size(), nullptr);
    for (size_t i = 0; i < kept.size(); ++i)
      probabilities[static_cast<size_t>(kept[i])] = scored.probabilities.data() + i * loaded_.labels.size();
    std::vector<std::string> pictures(block_.size());
    for (const auto& [row, bad] : loader.bad_by_row()) {
      const auto r = static_cast<size_t>(row);
      if (block_[r].post.image.empty()) continue;  // the row names no picture: nothing went wrong
      pictures[r] = bad.status + ": " + bad.reason;
      if (probabilities[r] == nullptr) block_[r].error = "image " + pictures[r];
    }
    Lines lines{.text = {}, .rows = static_cast<int64_t>(block_.size())};
    for (size_t i = 0; i < block_.size(); ++i) {
      const auto line = csv_ ? csv_line : json_line;
      lines.text += line(block_[i], loaded_.labels, probabilities[i], pictures[i]);
      lines.faults += block_[i].error.empty() ? 0 : 1;
    }
    return lines;
  }

  const PredictFlags& flags_;
  LoadedModel& loaded_;
  const LoaderOptions& loader_;
  Ranks& ranks_;
  bool csv_;
  std::vector<fs::path> tables_;
  const std::atomic<int>* stop_;
  std::optional<ResumableFile> file_;  // of the first rank
  std::vector<InputRow> block_;
  Lines own_;           // of this rank's block in this round
  int64_t blocks_ = 0;  // read since this run began
  int64_t read_ = 0, written_ = 0, faults_ = 0;
};

void predict_one(const PredictFlags& flags, LoadedModel& loaded, const LoaderOptions& loader_options) {
  if (find_invalid_utf8(flags.text) != std::string::npos) throw DataError("--text: not UTF-8");
  InputRow row;
  row.post.id = "1";
  row.post.text = flags.text;
  row.post.image = parse_file_span(flags.image);
  const std::vector<Post> posts = {row.post};
  PostLoader loader(posts, loaded.model->inputs(loaded.tokenizer.get()), loader_options, 0);
  ScoredRows scored = score_rows(*loaded.model, loader, {0}, {.batch_size = 1});
  scored.probabilities = scaled(flags, loaded, scored.probabilities);
  std::string picture;
  for (const auto& bad : loader.bad_pictures()) {
    if (flags.image.empty()) continue;
    picture = bad.status + ": " + bad.reason;
    if (!bad.truncated()) throw DataError(fmt::format("--image {}: {}", flags.image, picture));
    log_warning("--image {}: {}", flags.image, picture);
  }
  std::fputs(json_line(row, loaded.labels, scored.probabilities.data(), picture).c_str(), stdout);
}

void predict_verb(const PredictFlags& flags) {
  const bool one = !flags.text.empty() || !flags.image.empty();
  if (one == !flags.input.empty())
    throw ConfigError("predict: give either --text and/or --image for one post, or --input and --output for a file");
  if (!one && flags.output.empty()) throw ConfigError("predict: --input needs --output FILE.jsonl or FILE.csv");
  chosen_temperature(flags.run, flags.temperature);  // said before the work
  Ranks& ranks = ranks_of_verb();
  if (one && ranks.several()) throw ConfigError("predict: one post needs one rank; leave out mpirun, or give --input FILE");
  if (flags.threads > 0) at::set_num_threads(static_cast<int>(flags.threads));
  LoaderOptions loader{.workers = one ? 1 : flags.workers, .cache_mb = 0};
  ConfigBinder binder;
  bind_options(binder, loader);
  apply_override(binder, "bad_image=" + flags.bad_image);
  LoadedModel loaded = load_model(find_checkpoint(flags.run));
  if (one) {
    predict_one(flags, loaded, loader);
  } else {
    FilePrediction(flags, loaded, loader, ranks).run();
  }
}

}  // namespace

void add_predict(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("predict", "labels and probabilities of one post, or of a file row by row");
  auto flags = std::make_shared<PredictFlags>();
  verb->add_option("--run", flags->run, "run folder, or a checkpoint folder")->required();
  verb->add_option("--text", flags->text, "the post's text");
  verb->add_option("--image", flags->image, "the post's picture");
  verb->add_option(
      "--input", flags->input,
      "JSONL, CSV or TSV with id, text, image (paths from the file's folder), a WebDataset tar, a data set folder, or a pattern");
  verb->add_option("--output", flags->output,
                   "JSONL or CSV to write, one row for each input row, in order; an interrupted run goes on with the same command");
  verb->add_option("--bad-image", flags->bad_image,
                   "rows whose picture cannot be used: missing (text alone) | skip (row gets an error) | error (stop)")
      ->capture_default_str();
  verb->add_option("--temperature", flags->temperature, "scale the probabilities: fitted (by evaluate --fit-temperature) | none")
      ->capture_default_str()
      ->check(CLI::IsMember({"fitted", "none"}));
  add_compute_flags(*verb,
                    {.batch_size = flags->batch_size, .threads = flags->threads, .workers = flags->workers, .workers_may_be_none = true});
  verb->add_option("--block-rows", flags->block_rows, "rows held in memory, and saved at once")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  verb->add_flag("--restart", flags->restart, "begin anew where an interrupted run left OUTPUT.partial");
  verb->footer(
      "Examples:\n  infig predict --run runs/demo --text \"What a lovely day\" --image storm.jpg\n"
      "  infig predict --run runs/demo --input posts.jsonl --output predictions.jsonl --temperature fitted\n"
      "  infig predict --run runs/demo --input 'shards/{000..099}.tar' --output predictions.csv\n"
      "  mpirun -n 4 infig predict --run runs/demo --input posts.jsonl --output predictions.jsonl");
  verb->callback([flags] { predict_verb(*flags); });
}

}  // namespace infig
