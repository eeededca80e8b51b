#include <ATen/Parallel.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>

#include "apps/commands.h"
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
// saved is passed over. Scores depend a little on a batch's other posts, so blocks begin at the same rows whoever writes them.
class FilePrediction {
 public:
  FilePrediction(const PredictFlags& flags, LoadedModel& loaded, const LoaderOptions& loader)
      : flags_(flags), loaded_(loaded), loader_(loader), csv_(csv_wanted(flags)), tables_(tables_of(flags.input)), stop_(watch_signals()) {}

  void run() {
    int64_t total = 0;
    if (ProgressBar::shown()) {  // a pass for the bar's sake alone
      for (const fs::path& table : tables_)
        for_each_row(table, [&total](PostRow&&) { ++total; }, [&total](const std::string&) { ++total; });
    }
    ProgressBar bar("predicting", total);
    ResumableFile file(flags_.output, command_of(flags_, tables_), flags_.restart);
    go_on(file);
    try {
      predict_rows(file, bar);
    } catch (const Interrupted&) {
      throw;
    } catch (const Error&) {
      if (!file.state().is_null())
        log_info("{} rows are kept in {}.partial; the same command goes on behind them", written_, flags_.output);
      throw;
    }
    bar.finish();
    file.commit();
    std::fprintf(stderr, "%lld rows written to %s (%lld with an error)\n", static_cast<long long>(written_), flags_.output.c_str(),
                 static_cast<long long>(faults_));
  }

 private:
  void predict_rows(ResumableFile& file, ProgressBar& bar) {
    const auto flush = [&] {
      score_and_write(file, [&](int64_t done) {
        bar.update(written_ + done);
        check_stop();
      });
      file.save({{"rows", written_}, {"faults", faults_}});
      check_stop();
    };
    for (const fs::path& table : tables_) {
      for_each_row(
          table, [&](PostRow&& row) { add(std::move(row), table, flush); }, [&](const std::string& message) { add_fault(message, flush); });
    }
    if (!block_.empty()) flush();
  }

  static bool csv_wanted(const PredictFlags& flags) {
    const std::string extension = fs::path(flags.output).extension();
    if (extension != ".csv" && extension != ".jsonl")
      throw ConfigError(fmt::format("--output {}: expected a .jsonl or .csv file", flags.output));
    return extension == ".csv";
  }

  void go_on(ResumableFile& file) {
    if (file.state().is_null()) {
      if (csv_) file.stream() << csv_header(loaded_.labels);
      return;
    }
    written_ = file.state().at("rows").get<int64_t>();
    faults_ = file.state().at("faults").get<int64_t>();
    log_info("{}: going on behind row {}, where an interrupted run was saved", flags_.output, written_);
  }

  void check_stop() const {
    const int number = stop_->load();
    if (number == 0) return;
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
  void score_and_write(ResumableFile& file, const std::function<void(int64_t)>& on_batch) {
    std::vector<Post> posts;
    std::vector<int64_t> wanted;
    for (const auto& row : block_) {
      if (row.error.empty()) wanted.push_back(static_cast<int64_t>(posts.size()));
      posts.push_back(row.post);
    }
    const auto& options = loaded_.model->options();
    PostLoader loader(posts, *loaded_.tokenizer, options.image.pixels, options.text.max_length, loader_, 0);
    const std::vector<int64_t> kept = loader.prepare(wanted, "");
    ScoredRows scored = score_rows(loaded_.model, loader, kept, {.batch_size = flags_.batch_size, .on_batch = on_batch});
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
    for (size_t i = 0; i < block_.size(); ++i) {
      const auto line = csv_ ? csv_line : json_line;
      file.stream() << line(block_[i], loaded_.labels, probabilities[i], pictures[i]);
      faults_ += block_[i].error.empty() ? 0 : 1;
    }
    written_ += static_cast<int64_t>(block_.size());
    block_.clear();
  }

  const PredictFlags& flags_;
  LoadedModel& loaded_;
  const LoaderOptions& loader_;
  bool csv_;
  std::vector<fs::path> tables_;
  const std::atomic<int>* stop_;
  std::vector<InputRow> block_;
  int64_t read_ = 0, written_ = 0, faults_ = 0;
};

void predict_one(const PredictFlags& flags, LoadedModel& loaded, const LoaderOptions& loader_options) {
  if (find_invalid_utf8(flags.text) != std::string::npos) throw DataError("--text: not UTF-8");
  InputRow row;
  row.post.id = "1";
  row.post.text = flags.text;
  row.post.image = parse_file_span(flags.image);
  const std::vector<Post> posts = {row.post};
  PostLoader loader(posts, *loaded.tokenizer, loaded.model->options().image.pixels, loaded.model->options().text.max_length, loader_options,
                    0);
  ScoredRows scored = score_rows(loaded.model, loader, {0}, {.batch_size = 1});
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
  if (flags.threads > 0) at::set_num_threads(static_cast<int>(flags.threads));
  LoaderOptions loader{.workers = one ? 1 : flags.workers, .cache_mb = 0};
  ConfigBinder binder;
  bind_options(binder, loader);
  apply_override(binder, "bad_image=" + flags.bad_image);
  LoadedModel loaded = load_model(find_checkpoint(flags.run));
  if (one) {
    predict_one(flags, loaded, loader);
  } else {
    FilePrediction(flags, loaded, loader).run();
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
  verb->add_option("--batch-size", flags->batch_size, "posts a batch")->capture_default_str()->check(CLI::PositiveNumber);
  verb->add_option("--threads", flags->threads, "compute threads; 0: all cores")->capture_default_str()->check(CLI::NonNegativeNumber);
  verb->add_option("--workers", flags->workers, "threads that read pictures")->capture_default_str()->check(CLI::NonNegativeNumber);
  verb->add_option("--block-rows", flags->block_rows, "rows held in memory, and saved at once")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  verb->add_flag("--restart", flags->restart, "begin anew where an interrupted run left OUTPUT.partial");
  verb->footer(
      "Examples:\n  infig predict --run runs/demo --text \"What a lovely day\" --image storm.jpg\n"
      "  infig predict --run runs/demo --input posts.jsonl --output predictions.jsonl --temperature fitted\n"
      "  infig predict --run runs/demo --input 'shards/{000..099}.tar' --output predictions.csv");
  verb->callback([flags] { predict_verb(*flags); });
}

}  // namespace infig
