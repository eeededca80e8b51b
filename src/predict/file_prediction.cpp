#include "predict/file_prediction.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/error.h"
#include "core/log.h"
#include "core/progress.h"
#include "core/resumable_file.h"
#include "data/rows.h"

namespace infig {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

size_t most_likely(const PostOutcome& outcome) {
  return static_cast<size_t>(std::max_element(outcome.probabilities.begin(), outcome.probabilities.end()) - outcome.probabilities.begin());
}

std::string csv_line(const std::string& id, const PostOutcome& outcome, const std::vector<std::string>& labels) {
  std::string line = csv_cell(id);
  if (outcome.fault != PostFault::kNone) {
    line += "," + std::string(labels.size() + 1, ',') + csv_cell(outcome.message);
  } else {
    line += "," + csv_cell(labels[most_likely(outcome)]);
    for (const double probability : outcome.probabilities) line += fmt::format(",{:.9g}", probability);
    line += "," + csv_cell(outcome.picture.empty() ? "" : "image " + outcome.picture);
  }
  return line + "\n";
}

std::string csv_header(const std::vector<std::string>& labels) {
  std::string header = "id,prediction";
  for (const auto& label : labels) header += "," + csv_cell("p_" + label);
  return header + ",note\n";
}

bool csv_wanted(const fs::path& output) {
  const std::string extension = output.extension();
  if (extension != ".csv" && extension != ".jsonl")
    throw ConfigError(fmt::format("--output {}: expected a .jsonl or .csv file", output.string()));
  return extension == ".csv";
}

// Everything that the bytes of the output depend on.
json command_of(const FilePredictionRequest& request, const std::vector<fs::path>& tables) {
  json command = request.command != nullptr ? *request.command : json::object();
  command["input"] = json::array();
  for (const fs::path& table : tables) {
    const auto changed = fs::last_write_time(table).time_since_epoch().count();
    command["input"].push_back(
        {{"file", fs::absolute(table).lexically_normal().string()}, {"bytes", fs::file_size(table)}, {"changed", changed}});
  }
  command["block_rows"] = request.block_rows;
  if (request.limit > 0) command["limit"] = request.limit;
  return command;
}

class FilePrediction {
 public:
  FilePrediction(const Predictor& predictor, const FilePredictionRequest& request, const PredictingOptions& options)
      : predictor_(predictor),
        request_(request),
        options_(options),
        ranks_(*options.scoring.ranks),
        csv_(csv_wanted(request.output)),
        tables_(tables_of(request.input)) {}

  FilePredictionResult run() {
    int64_t total = 0;
    if (ranks_.first() && ProgressBar::shown()) {  // a pass for the bar's sake alone
      for (const fs::path& table : tables_)
        for_each_row(table, [&total](PostRow&&) { ++total; }, [&total](const std::string&) { ++total; });
    }
    if (request_.limit > 0) total = std::min(total, request_.limit);
    ProgressBar bar(ranks_.first() ? "predicting" : "", total);
    if (ranks_.first()) file_.emplace(request_.output, command_of(request_, tables_), request_.restart);
    go_on();
    try {
      predict_rows(bar);
    } catch (const Interrupted&) {
      throw;
    } catch (const Error&) {
      if (file_ && !file_->state().is_null())
        log_info("{} rows are kept in {}.partial; the same command goes on behind them", done_.rows, request_.output.string());
      throw;
    }
    bar.finish();
    if (file_) file_->commit();
    return done_;
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
          bar.update(done_.rows + done * ranks_.size());
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
    const std::array<int64_t, 3> mine = {own_.rows, own_.faults, stop_now()};
    const std::vector<int64_t> counts = ranks_.gather(mine);
    for (const std::string& lines : ranks_.gather(own_.text)) {
      if (file_) file_->stream() << lines;
    }
    int stop = 0;
    for (size_t r = 0; r < counts.size(); r += 3) {
      done_.rows += counts[r];
      done_.faults += counts[r + 1];
      stop = std::max(stop, static_cast<int>(counts[r + 2]));
    }
    own_ = {};
    if (file_) file_->save({{"rows", done_.rows}, {"faults", done_.faults}});
    if (stop != 0) stopped(stop);
  }

  void go_on() {
    const json state = json::parse(ranks_.broadcast(file_ ? file_->state().dump() : ""));
    if (state.is_null()) {
      if (file_ && csv_) file_->stream() << csv_header(predictor_.labels());
      return;
    }
    done_.rows = state.at("rows").get<int64_t>();
    done_.faults = state.at("faults").get<int64_t>();
    log_info("{}: going on behind row {}, where an interrupted run was saved", request_.output.string(), done_.rows);
  }

  int stop_now() const { return request_.stop != nullptr ? request_.stop->load() : 0; }
  void check_stop() const {
    if (const int number = stop_now(); number != 0) stopped(number);
  }

  [[noreturn]] void stopped(int number) const {
    throw Interrupted(fmt::format("stopped; {} rows are saved, the same command goes on behind them", done_.rows), 128 + number);
  }

  // Whether the row that was read last is one to be scored.
  bool is_wanted() {
    ++read_;
    return read_ > done_.rows && (request_.limit == 0 || read_ <= request_.limit);
  }

  template <typename Flush>
  void add(PostRow&& row, const fs::path& table, const Flush& flush) {
    PostRequest request;
    if (!is_wanted()) return;
    request.post.id = row.id.value_or(std::to_string(read_));
    request.post.text = row.text.value_or("");
    request.post.image = picture_of(row, table);
    push(std::move(request), flush);
  }

  template <typename Flush>
  void add_fault(const std::string& message, const Flush& flush) {
    PostRequest request;
    if (!is_wanted()) return;
    request.post.id = std::to_string(read_);
    request.fault = message;
    push(std::move(request), flush);
  }

  template <typename Flush>
  void push(PostRequest&& request, const Flush& flush) {
    block_.push_back(std::move(request));
    if (block_.size() == static_cast<size_t>(request_.block_rows)) flush();
  }

  // The block's rows get their probabilities, or the reason why there are none. A block is scored by its rank alone.
  Lines score(const std::function<void(int64_t)>& on_batch) const {
    PredictingOptions options = options_;
    options.scoring.on_batch = on_batch;
    options.scoring.ranks = &Ranks::alone();
    const std::vector<PostOutcome> outcomes = predictor_.predict(block_, options);
    Lines lines{.text = {}, .rows = static_cast<int64_t>(block_.size())};
    for (size_t i = 0; i < block_.size(); ++i) {
      const auto line = csv_ ? csv_line : prediction_line;
      lines.text += line(block_[i].post.id, outcomes[i], predictor_.labels());
      lines.faults += outcomes[i].fault == PostFault::kNone ? 0 : 1;
    }
    return lines;
  }

  const Predictor& predictor_;
  const FilePredictionRequest& request_;
  const PredictingOptions& options_;
  Ranks& ranks_;
  bool csv_;
  std::vector<fs::path> tables_;
  std::optional<ResumableFile> file_;  // of the first rank
  std::vector<PostRequest> block_;
  Lines own_;           // of this rank's block in this round
  int64_t blocks_ = 0;  // read since this run began
  int64_t read_ = 0;    // rows
  FilePredictionResult done_;
};

}  // namespace

std::string prediction_line(const std::string& id, const PostOutcome& outcome, const std::vector<std::string>& labels) {
  nlohmann::ordered_json line;
  line["id"] = id;
  if (outcome.fault != PostFault::kNone) {
    line["error"] = outcome.message;
    return line.dump() + "\n";
  }
  line["label"] = labels[most_likely(outcome)];
  for (size_t c = 0; c < labels.size(); ++c) line["probabilities"][labels[c]] = outcome.probabilities[c];
  if (!outcome.picture.empty()) line["image"] = outcome.picture;
  return line.dump() + "\n";
}

FilePredictionResult predict_files(const Predictor& predictor, const FilePredictionRequest& request, const PredictingOptions& options) {
  return FilePrediction(predictor, request, options).run();
}

}  // namespace infig
