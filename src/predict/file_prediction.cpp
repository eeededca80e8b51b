#include "predict/file_prediction.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/error.h"
#include "core/log.h"
#include "core/progress.h"
#include "predict/row_output.h"

namespace infig {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// Everything that the bytes of the output depend on.
json command_of(const FilePredictionRequest& request, const PostInput& input) {
  json command = request.command != nullptr ? *request.command : json::object();
  command["input"] = json::array();
  for (const fs::path& table : input.tables()) {
    const auto changed = fs::last_write_time(table).time_since_epoch().count();
    command["input"].push_back(
        {{"file", fs::absolute(table).lexically_normal().string()}, {"bytes", fs::file_size(table)}, {"changed", changed}});
  }
  command["block_rows"] = request.block_rows;
  if (request.limit > 0) command["limit"] = request.limit;
  command["input_format"] = request.input_format;
  command["format"] = static_cast<int>(request.format);
  command["min_confidence"] = request.min_confidence;
  return command;
}

// Ends the reading: behind --limit there may be a pipe that never ends.
struct EnoughRows {};

class FilePrediction {
 public:
  FilePrediction(const Predictor& predictor, const FilePredictionRequest& request, const PredictingOptions& options)
      : predictor_(predictor),
        request_(request),
        options_(options),
        ranks_(*options.scoring.ranks),
        lines_(request.format, predictor.labels(), request.min_confidence),
        input_(request.input, request.input_format) {}

  PredictionCounts run() {
    if (input_.standard_input() && ranks_.several())
      throw ConfigError("--input -: standard input can be read by one rank alone; leave out mpirun, or give a file");
    int64_t total = 0;
    // A pass for the bar's sake alone.
    if (ranks_.first() && ProgressBar::shown() && !input_.standard_input()) total = input_.count();
    if (request_.limit > 0) total = std::min(total, request_.limit);
    ProgressBar bar(ranks_.first() ? "predicting" : "", total);
    if (ranks_.first()) open_output();
    go_on();
    try {
      predict_rows(bar);
    } catch (const Interrupted&) {
      throw;
    } catch (const Error&) {
      if (output_ && !output_->state().is_null())
        log_info("{} rows are kept in {}.partial; the same command goes on behind them", done_.rows, request_.output.string());
      throw;
    }
    bar.finish();
    if (output_) output_->commit();
    static_cast<void>(ranks_.broadcast(""));  // nobody is done before the file is there
    return done_;
  }

 private:
  // What one block became.
  struct Lines {
    std::string text;
    PredictionCounts counts;
  };

  void open_output() {
    if (request_.stream != nullptr) {
      output_.emplace(*request_.stream);
    } else if (input_.standard_input()) {
      output_.emplace(request_.output);
    } else {
      output_.emplace(request_.output, command_of(request_, input_), request_.restart);
    }
  }

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
    try {
      input_.for_each([&](PostRequest&& request) {
        if (++read_ > done_.rows) block_.push_back(std::move(request));
        if (block_.size() == static_cast<size_t>(request_.block_rows)) flush();
        if (read_ == request_.limit) throw EnoughRows();
      });
    } catch (const EnoughRows&) {
      read_ = request_.limit;  // the last block is still to be scored
    }
    if (!block_.empty()) flush();
    if (blocks_ % ranks_.size() != 0) end_round();
  }

  // Every rank has scored its block, or has none at the end of the rows.
  void end_round() {
    std::vector<int64_t> mine = own_.counts.numbers();
    mine.push_back(stop_now());
    const std::vector<int64_t> all = ranks_.gather(mine);
    for (const std::string& lines : ranks_.gather(own_.text)) {
      if (output_) output_->stream() << lines;
    }
    int stop = 0;
    const auto width = static_cast<std::ptrdiff_t>(mine.size());
    for (auto theirs = all.begin(); theirs != all.end(); theirs += width) {
      done_.add(PredictionCounts::from({theirs, theirs + width - 1}));
      stop = std::max(stop, static_cast<int>(*(theirs + width - 1)));
    }
    own_ = {};
    if (output_) output_->save({{"counts", done_.numbers()}});
    if (stop != 0) stopped(stop);
  }

  void go_on() {
    const json state = json::parse(ranks_.broadcast(output_ ? output_->state().dump() : ""));
    if (state.is_null()) {
      if (output_) output_->stream() << lines_.header();
      return;
    }
    done_ = PredictionCounts::from(state.at("counts").get<std::vector<int64_t>>());
    log_info("{}: going on behind row {}, where an interrupted run was saved", request_.output.string(), done_.rows);
  }

  int stop_now() const { return request_.stop != nullptr ? request_.stop->load() : 0; }
  void check_stop() const {
    if (const int number = stop_now(); number != 0) stopped(number);
  }

  [[noreturn]] void stopped(int number) const {
    const bool kept = request_.stream == nullptr && !input_.standard_input();
    throw Interrupted(kept ? fmt::format("stopped; {} rows are saved, the same command goes on behind them", done_.rows)
                           : fmt::format("stopped after {} rows", done_.rows),
                      128 + number);
  }

  // The block's rows get their probabilities, or the reason why there are none. A block is scored by its rank alone.
  Lines score(const std::function<void(int64_t)>& on_batch) const {
    PredictingOptions options = options_;
    options.scoring.on_batch = on_batch;
    options.scoring.ranks = &Ranks::alone();
    const std::vector<PostOutcome> outcomes = predictor_.predict(block_, options);
    Lines lines;
    for (size_t i = 0; i < block_.size(); ++i) {
      lines.text += lines_.line(block_[i].post, outcomes[i]);
      lines.counts.add(outcomes[i], request_.min_confidence);
    }
    return lines;
  }

  const Predictor& predictor_;
  const FilePredictionRequest& request_;
  const PredictingOptions& options_;
  Ranks& ranks_;
  PredictionLines lines_;
  PostInput input_;
  std::optional<RowOutput> output_;  // of the first rank
  std::vector<PostRequest> block_;
  Lines own_;           // of this rank's block in this round
  int64_t blocks_ = 0;  // read since this run began
  int64_t read_ = 0;    // rows
  PredictionCounts done_;
};

}  // namespace

PredictionCounts predict_files(const Predictor& predictor, const FilePredictionRequest& request, const PredictingOptions& options) {
  return FilePrediction(predictor, request, options).run();
}

}  // namespace infig
