#include "predict/file_prediction.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_map>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "core/progress.h"
#include "core/words.h"
#include "data/captions.h"
#include "data/parquet/parquet_file.h"
#include "data/picture_spool.h"
#include "data/rows.h"
#include "posts/parquet_predictions.h"
#include "predict/row_output.h"

namespace infig {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kSaveEvery{5};

// All settings and inputs that the output depends on.
json command_of(const FilePredictionRequest& request, const PostInput& input) {
  json command = request.command != nullptr ? *request.command : json::object();
  command["input"] = json::array();
  for (const fs::path& table : input.tables()) {
    const auto changed = fs::last_write_time(table).time_since_epoch().count();
    const uintmax_t bytes = fs::is_directory(table) ? 0 : fs::file_size(table);  // a folder of pictures
    command["input"].push_back({{"file", fs::absolute(table).lexically_normal().string()}, {"bytes", bytes}, {"changed", changed}});
  }
  command["block_rows"] = request.block_rows;
  if (!request.captions.empty()) command["captions"] = sha256_file(request.captions);
  if (request.limit > 0) command["limit"] = request.limit;
  command["input_format"] = request.reading.format;
  if (!request.reading.columns.empty()) command["columns"] = request.reading.columns;
  if (!request.reading.members.empty()) command["members"] = request.reading.members;
  if (request.reading.quoting != Quoting::kAuto) command["quote"] = static_cast<int>(request.reading.quoting);
  command["format"] = static_cast<int>(request.format);
  command["min_confidence"] = request.min_confidence;
  return command;
}

// What is known of a block that is not written yet, as the saved state holds it. JSON keeps every bit of a double.
json json_of(const ScoringProgress& progress) {
  json known = json::array();
  for (const auto& [position, probabilities] : progress.known) known.push_back({position, probabilities});
  return {{"known", known}, {"bad_pictures", pack_bad_pictures(progress.bad_pictures)}};
}

ScoringProgress progress_from(const json& saved) {
  ScoringProgress progress;
  for (const json& one : saved.at("known")) progress.known[one.at(0).get<int64_t>()] = one.at(1).get<std::vector<double>>();
  progress.bad_pictures = unpack_bad_pictures({saved.at("bad_pictures").get<std::string>()});
  return progress;
}

// Thrown to stop reading at --limit: the input may be a pipe that never ends.
struct EnoughRows {};

class FilePrediction {
 public:
  FilePrediction(const Predictor& predictor, const FilePredictionRequest& request, const PredictingOptions& options)
      : predictor_(predictor),
        request_(request),
        options_(options),
        ranks_(*options.scoring.ranks),
        lines_(request.format, predictor.labels(), request.min_confidence),
        input_(request.input, request.reading) {
    if (request.captions.empty()) return;
    if (!predictor.reads(BatchColumn::kCaptions)) {
      throw ConfigError(fmt::format("--captions {}: the model of this run reads no captions; leave it out", request.captions.string()));
    }
    for_each_caption(request.captions, [this](const std::string& id, std::string&& caption, int64_t line) {
      const auto [first, fresh] = captions_.try_emplace(id, std::move(caption));
      if (!fresh)
        throw DataError(fmt::format("{}: id \"{}\" is already above; a post has one caption", line_place(request_.captions, line), id));
    });
  }

  PredictionCounts run() {
    if (input_.standard_input() && ranks_.several())
      throw ConfigError("--input -: standard input can be read by one rank alone; leave out mpirun, or give a file");
    int64_t total = 0;
    // Count the rows first, but only if there is a bar to show.
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
        log_info("{} kept in {}{}.partial; the same command goes on behind them", counted_are(done_.rows, "row"), request_.output.string(),
                 request_.format == PredictionFormat::kParquet ? ".lines" : "");
      throw;
    }
    bar.finish();
    write_header();
    if (output_) output_->commit();
    static_cast<void>(ranks_.broadcast(""));  // no rank returns before the file is complete
    return done_;
  }

 private:
  // The output of one block.
  struct Lines {
    std::string text;
    PredictionCounts counts;
  };

  void open_output() {
    if (request_.stream == nullptr) {
      make_folder_of(request_.output);
      if (fs::is_regular_file(request_.output))
        log_info("{}: is there already, and is replaced once all predictions are made", request_.output.string());
    }
    if (request_.format == PredictionFormat::kParquet) require_parquet("--output " + request_.output.string());
    // Lines become Parquet at the end; until then they wait beside it.
    const auto convert = request_.format == PredictionFormat::kParquet
                             ? RowOutput::Convert([this](const fs::path& lines, const fs::path& target) {
                                 write_parquet_predictions(lines, target, predictor_.labels());
                               })
                             : nullptr;
    if (request_.stream != nullptr) {
      output_.emplace(*request_.stream);
    } else if (input_.standard_input()) {
      output_.emplace(request_.output, convert);
    } else {
      output_.emplace(request_.output, command_of(request_, input_), request_.restart, convert);
    }
  }

  void predict_rows(ProgressBar& bar) {
    const auto flush = [&] {
      if (blocks_++ % ranks_.size() == ranks_.rank()) {
        own_ = score([&](int64_t done) {
          bar.update(done_.rows + done * ranks_.size());
          if (!ranks_.several()) end_batch();
        });
        block_progress_ = {};
      }
      block_.clear();
      pictures_.clear();
      if (blocks_ % ranks_.size() == 0) end_round();
    };
    try {
      input_.for_each([&](PostRequest&& request) {
        if (++read_ > done_.rows) take(std::move(request));
        if (block_.size() == static_cast<size_t>(request_.block_rows)) flush();
        if (read_ == request_.limit) throw EnoughRows();
      });
    } catch (const EnoughRows&) {
      read_ = request_.limit;  // the last block has not been scored yet
    }
    if (!block_.empty()) flush();
    if (blocks_ % ranks_.size() != 0) end_round();
  }

  // A picture that the input holds itself is laid down for as long as its block lasts, by the rank that scores it.
  void take(PostRequest&& request) {
    const bool mine = blocks_ % ranks_.size() == ranks_.rank();
    if (!request.picture.empty() && mine) request.post.image = pictures_.add(request.picture);
    request.picture = {};
    if (const auto caption = captions_.find(request.post.id); caption != captions_.end()) request.post.caption = caption->second;
    block_.push_back(std::move(request));
  }

  // Ends a round, in which every rank has scored one block, or none at the end of the rows.
  void end_round() {
    std::vector<int64_t> mine = own_.counts.numbers();
    mine.push_back(stop_now());
    const std::vector<int64_t> all = ranks_.gather(mine);
    write_header();
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
    if (output_) save();
    if (stop != 0) stopped(stop);
  }

  void go_on() {
    const json state = json::parse(ranks_.broadcast(output_ ? output_->state().dump() : ""));
    header_is_due_ = output_.has_value();
    if (state.is_null()) return;
    done_ = PredictionCounts::from(state.at("counts").get<std::vector<int64_t>>());
    header_is_due_ = header_is_due_ && done_.rows == 0;
    if (state.contains("block")) block_progress_ = progress_from(state.at("block"));
    const size_t more = block_progress_.known.size();
    log_info("{}: going on behind row {}, where an interrupted run was saved{}", request_.output.string(), done_.rows,
             more == 0 ? "" : fmt::format("; {} of the next rows are scored as well", more));
  }

  // Rows are written a block at a time. What is scored of a block is kept beside them, for several ranks at its end alone.
  void save() {
    json state = {{"counts", done_.numbers()}};
    if (!block_progress_.known.empty()) state["block"] = json_of(block_progress_);
    output_->save(state);
    saved_ = Clock::now();
  }

  void end_batch() {
    const bool stop = stop_now() != 0;
    if (kept() && output_ && (stop || Clock::now() - saved_ > kSaveEvery)) save();
    check_stop();
  }

  bool kept() const { return request_.stream == nullptr && !input_.standard_input(); }

  // Only once there are rows, or the input has none: a fault of its first row leaves nothing behind.
  void write_header() {
    if (header_is_due_) output_->stream() << lines_.header();
    header_is_due_ = false;
  }

  int stop_now() const { return request_.stop != nullptr ? request_.stop->load() : 0; }
  void check_stop() const {
    if (const int number = stop_now(); number != 0) stopped(number);
  }

  [[noreturn]] void stopped(int number) const {
    const int64_t rows = done_.rows + static_cast<int64_t>(block_progress_.known.size());
    throw Interrupted(kept() ? fmt::format("stopped; {} saved, the same command goes on behind them", counted_are(rows, "row"))
                             : fmt::format("stopped after {}", counted(done_.rows, "row")),
                      128 + number);
  }

  // Scores the current block on this rank alone and formats its rows: probabilities, or the reason why there are none.
  Lines score(const std::function<void(int64_t)>& on_batch) {
    PredictingOptions options = options_;
    options.scoring.on_batch = on_batch;
    options.scoring.ranks = &Ranks::alone();
    if (!ranks_.several() && kept()) options.scoring.progress = &block_progress_;
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
  std::optional<RowOutput> output_;  // on the first rank only
  std::vector<PostRequest> block_;
  bool header_is_due_ = false;
  std::unordered_map<std::string, std::string> captions_;  // by id
  PictureSpool pictures_;                                  // of the block
  Lines own_;                                              // of the block that this rank scored in the current round
  ScoringProgress block_progress_;                         // of a block that is not written yet; one rank alone
  Clock::time_point saved_ = Clock::now();                 // the time of the last save, or of the start
  int64_t blocks_ = 0;                                     // read by this process
  int64_t read_ = 0;                                       // rows
  PredictionCounts done_;
};

}  // namespace

PredictionCounts predict_files(const Predictor& predictor, const FilePredictionRequest& request, const PredictingOptions& options) {
  return FilePrediction(predictor, request, options).run();
}

}  // namespace infig
