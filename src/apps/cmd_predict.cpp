#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <cstdio>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "apps/commands.h"
#include "apps/compute_flags.h"
#include "apps/device_flags.h"
#include "apps/ranks_of_verb.h"
#include "apps/reading_flags.h"
#include "apps/signals.h"
#include "apps/validators.h"
#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "core/words.h"
#include "data/data_set.h"
#include "data/parquet/parquet_file.h"
#include "posts/parquet_predictions.h"
#include "predict/calibration.h"
#include "predict/file_prediction.h"

namespace infig {
namespace {

struct PredictFlags {
  const CLI::App* verb = nullptr;  // which flags were typed
  std::string run, text, image, caption, captions, input, output, input_format, format, summary, bad_image = "missing",
                                                                                                 temperature = "none";
  DeviceFlags device;
  ReadingFlags reading;
  int64_t batch_size = 64, workers = 2, block_rows = 4096, limit = 0;
  double min_confidence = 0;
  bool restart = false;

  bool typed(const char* flag) const { return verb->get_option(flag)->count() > 0; }
  bool one() const { return typed("--text") || typed("--image") || typed("--caption"); }
  bool to_stdout() const { return output == kStandardInput; }
  // That lost pictures are no error was said, not only left as it is.
  bool may_lose_pictures() const { return typed("--bad-image") && bad_image == "missing"; }
};

PredictingOptions options_of(const PredictFlags& flags) {
  PredictingOptions options;
  options.scoring.loader.workers = flags.one() ? 1 : flags.workers;
  options.scoring.batch_size = flags.one() ? 1 : flags.batch_size;
  options.temperature = chosen_temperature(flags.run, flags.temperature);
  ConfigBinder binder;
  bind_options(binder, options.scoring.loader);
  apply_override(binder, "bad_image=" + flags.bad_image);
  return options;
}

// Everything but the input that the bytes of the output depend on: an interrupted run is continued by the same command alone.
nlohmann::json command_of(const PredictFlags& flags, const Predictor& predictor, double temperature) {
  return {{"model", sha256_file(predictor.checkpoint() / "model.safetensors")},
          {"config", sha256_file(predictor.checkpoint() / "config.json")},
          {"bad_image", flags.bad_image},
          {"batch_size", flags.batch_size},
          {"temperature", temperature},
          {"device", predictor.device().str()},
          {"precision", precision_name(predictor.precision())},
          {"threads", at::get_num_threads()}};
}

void write_summary(const PredictFlags& flags, const PredictionCounts& counts) {
  if (flags.summary.empty()) return;
  make_folder_of(flags.summary);
  write_file_atomic(flags.summary, counts.json().dump(2) + "\n");
}

// What is wrong with the one post of the command line, in the words of its flags; empty: nothing.
std::string fault_of_one(const PredictFlags& flags, const PostOutcome& outcome, Without hidden) {
  switch (outcome.fault) {
    case PostFault::kText:
      return "--text: not UTF-8";
    case PostFault::kEmpty:
      if (hidden != Without::kNothing) {
        return fmt::format("predict: the run was trained with data.without={}, and the post has nothing else; give {}", side_name(hidden),
                           hidden == Without::kImage ? "--text" : "--image");
      }
      if (outcome.picture.empty()) return "predict: the post has neither text nor picture; give --text, --image or both";
      return fmt::format("--image {}: {}; and there is no --text to go by", flags.image, outcome.picture);
    case PostFault::kRow:
    case PostFault::kPicture:
      return fmt::format("--image {}: {}", flags.image, outcome.picture);
    case PostFault::kNone:
      break;
  }
  if (outcome.picture.empty() || outcome.picture_used() || flags.may_lose_pictures()) return "";
  return fmt::format("--image {}: {}; the answer is that of the text alone. Correct the path, or give --bad-image missing if that is meant",
                     flags.image, outcome.picture);
}

void predict_one(const PredictFlags& flags, const Predictor& predictor) {
  PostRequest request;
  request.post.id = "1";
  request.post.text = flags.text;
  request.post.image = parse_file_span(flags.image);
  request.post.caption = flags.caption;
  const PostOutcome outcome = predictor.predict({request}, options_of(flags)).front();
  const PredictionFormat format = prediction_format(flags.format, flags.output);
  const PredictionLines lines(format, predictor.labels(), flags.min_confidence);
  const std::string rows = lines.header() + lines.line(request.post, outcome);
  if (format == PredictionFormat::kParquet) {
    const std::filesystem::path beside(flags.output + ".lines");
    write_file_atomic(beside, rows);
    write_parquet_predictions(beside, flags.output, predictor.labels());
    std::filesystem::remove(beside);
  } else if (flags.output.empty() || flags.to_stdout()) {
    std::cout << rows << std::flush;
  } else {
    make_folder_of(flags.output);
    write_file_atomic(flags.output, rows);
    std::fprintf(stderr, "1 row written to %s\n", flags.output.c_str());
  }
  PredictionCounts counts;
  counts.add(outcome, flags.min_confidence);
  write_summary(flags, counts);
  if (const std::string fault = fault_of_one(flags, outcome, predictor.trained_without()); !fault.empty()) throw DataError(fault);
  if (!outcome.picture.empty()) log_warning("--image {}: {}", flags.image, outcome.picture);
}

// What the model reads besides text and picture, and how many rows have it.
std::string further_inputs(const Predictor& predictor, const PredictionCounts& done) {
  std::string words;
  if (predictor.reads(BatchColumn::kCaptions))
    words += fmt::format("; captions: {} of {} have one", done.captions, counted(done.rows, "row"));
  if (predictor.reads(BatchColumn::kAttributes))
    words += fmt::format("; attributes: {} of {} have some", done.attributes, counted(done.rows, "row"));
  return words;
}

// Says on the screen what the rows became. Throws DataError where nothing of what was asked for came about, though all rows are written.
void conclude(const PredictFlags& flags, const Predictor& predictor, PredictionCounts done, bool first) {
  if (flags.input != kStandardInput) done.pictures.lost = lost_pictures_of(flags.input);
  const std::string where = flags.to_stdout() ? "standard output" : flags.output;
  if (first) {
    std::string words = fmt::format("{} written to {} ({} with an error", counted(done.rows, "row"), where, done.faults);
    if (done.empty > 0) words += fmt::format(", {} of them with neither a text nor a picture that can be used", done.empty);
    if (flags.min_confidence > 0) words += fmt::format("; {} below --min-confidence {}: {}", done.below, flags.min_confidence, kNoAnswer);
    std::fprintf(stderr, "%s); %s%s\n", words.c_str(), done.pictures.words().c_str(), further_inputs(predictor, done).c_str());
    write_summary(flags, done);
  }
  if (!flags.may_lose_pictures()) require_a_used_picture("--input " + flags.input, done.pictures);
  if (done.rows > 0 && done.faults == done.rows)
    throw DataError(done.rows == 1 ? fmt::format("--input {}: the only post could not be scored; its row says why ({})", flags.input, where)
                                   : fmt::format("--input {}: none of the {} could be scored; their rows say why ({})", flags.input,
                                                 counted(done.rows, "post"), where));
}

void predict_file(const PredictFlags& flags, const Predictor& predictor, Ranks& ranks) {
  PredictingOptions options = options_of(flags);
  options.scoring.ranks = &ranks;
  const nlohmann::json command = command_of(flags, predictor, options.temperature);
  const PredictionCounts done = predict_files(predictor,
                                              {.input = flags.input,
                                               .reading = flags.reading.reading(flags.input_format),
                                               .output = flags.output,
                                               .stream = flags.to_stdout() ? &std::cout : nullptr,
                                               .format = prediction_format(flags.format, flags.output),
                                               .min_confidence = flags.min_confidence,
                                               .block_rows = flags.block_rows,
                                               .limit = flags.limit,
                                               .captions = flags.captions,
                                               .restart = flags.restart,
                                               .command = &command,
                                               .stop = watch_signals()},
                                              options);
  conclude(flags, predictor, done, ranks.first());
}

// What is wrong with the flags is said before the work.
void check_flags(const PredictFlags& flags) {
  const bool one = flags.one();
  if (one == !flags.input.empty())
    throw ConfigError("predict: give either --text and/or --image for one post, or --input and --output for a file");
  if (!one && flags.output.empty())
    throw ConfigError("predict: --input needs --output FILE.jsonl, FILE.csv or FILE.parquet, or --output - for the screen");
  for (const char* flag : {"--input-format", "--captions", "--block-rows", "--limit", "--restart"}) {
    if (one && flags.typed(flag)) throw ConfigError(fmt::format("predict: {} goes with --input, not with one post", flag));
  }
  if (flags.restart && (flags.to_stdout() || flags.input == kStandardInput))
    throw ConfigError("predict: --restart: what is read from or written to a pipe is never resumed, so there is nothing to restart");
  if (prediction_format(flags.format, flags.output) == PredictionFormat::kParquet) require_parquet("--output " + flags.output);
  static_cast<void>(flags.reading.reading());
  options_of(flags);
}

void predict_verb(const PredictFlags& flags) {
  check_flags(flags);
  Ranks& ranks = ranks_of_verb();
  if (flags.one() && ranks.several()) throw ConfigError("predict: one post needs one rank; leave out mpirun, or give --input FILE");
  const Predictor predictor(flags.run, use_device_flags(flags.device));
  check_min_confidence(flags.min_confidence, predictor.labels());
  if (const Without hidden = predictor.trained_without(); hidden != Without::kNothing && ranks.first()) {
    log_info("{} are not read: {} was trained with data.without={}", hidden == Without::kImage ? "pictures" : "texts", flags.run,
             side_name(hidden));
  }
  if (!flags.caption.empty() && !predictor.reads(BatchColumn::kCaptions))
    throw ConfigError(fmt::format("--caption: the model of {} reads no captions; leave it out", flags.run));
  if (flags.one()) {
    predict_one(flags, predictor);
  } else {
    predict_file(flags, predictor, ranks);
  }
}

void add_input_and_output(CLI::App& verb, PredictFlags& flags) {
  verb.add_option("--text", flags.text, "the post's text");
  verb.add_option("--image", flags.image, "the post's picture");
  verb.add_option("--caption", flags.caption, "a caption of the post's picture, for a model that reads one (docs/models.md)");
  verb.add_option(
      "--input", flags.input,
      "JSONL, CSV, TSV or Parquet with id, text, image (paths from the file's folder), a WebDataset tar, a data set folder, a folder of "
      "pictures, a pattern, or - for standard input");
  verb.add_option("--input-format", flags.input_format, "what --input is, whatever its name (standard input: jsonl unless it is given)")
      ->check(CLI::IsMember({"jsonl", "csv", "tsv", "tar", "parquet"}));
  add_reading_flags(verb, flags.reading);
  verb.add_option("--captions", flags.captions, "captions of the rows' pictures, id<TAB>caption, for a model that reads them");
  verb.add_option(
      "--output", flags.output,
      "JSONL, CSV or Parquet to write, one row for each input row, in order; an interrupted run goes on with the same command. - is "
      "standard output. A file that is there already is replaced in the end");
  verb.add_option("--format", flags.format,
                  "of the output, whatever its name: jsonl | csv | parquet (flat: id, label, prediction, p_<class>, error, note) | nested "
                  "(JSONL with the probabilities as an object)")
      ->check(CLI::IsMember({"jsonl", "csv", "parquet", "nested"}));
  verb.add_option("--summary", flags.summary, "JSON file for the counts that are shown at the end");
}

}  // namespace

void add_predict(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("predict", "labels and probabilities of one post, or of a file row by row");
  auto flags = std::make_shared<PredictFlags>();
  flags->verb = verb;
  verb->add_option("--run", flags->run, "run folder, or a checkpoint folder")->required();
  add_input_and_output(*verb, *flags);
  verb->add_option("--bad-image", flags->bad_image,
                   "rows that name a picture that cannot be used: missing (text alone) | skip (row gets an error) | error (stop). Where no "
                   "named picture can be used, the exit code is 1 unless missing is typed")
      ->capture_default_str()
      ->check(CLI::IsMember({"missing", "skip", "error"}));
  verb->add_option("--min-confidence", flags->min_confidence, "probability below which the answer is \"none\"; 0: always a class")
      ->capture_default_str()
      ->check(number_between(0, 1));
  verb->add_option("--temperature", flags->temperature, "scale the probabilities: fitted (by evaluate --fit-temperature) | none")
      ->capture_default_str()
      ->check(CLI::IsMember({"fitted", "none"}));
  add_device_flags(*verb, flags->device);
  add_compute_flags(
      *verb, {.batch_size = flags->batch_size, .threads = flags->device.threads, .workers = flags->workers, .workers_may_be_none = true});
  verb->add_option("--block-rows", flags->block_rows, "rows held in memory, and saved at once; 1 answers each line of a pipe as it comes")
      ->capture_default_str()
      ->check(whole_from(1));
  add_limit_flag(*verb, flags->limit, "only the first so many rows of --input");
  verb->add_flag("--restart", flags->restart, "begin anew where an interrupted run left OUTPUT.partial");
  verb->footer(
      "Examples:\n  infig predict --run runs/demo --text \"What a lovely day\" --image runs/postcards/images/pc-1330.png\n"
      "  infig predict --run runs/demo --input posts.jsonl --output predictions.jsonl --temperature fitted\n"
      "  infig predict --run runs/demo --input 'shards/{000..099}.tar' --output predictions.csv --min-confidence 0.6\n"
      "  sqlite3 -csv -header posts.db 'select id, text from posts' | \\\n"
      "      infig predict --run runs/demo --input - --input-format csv --output - --format csv > answers.csv\n"
      "  mpirun -n 4 infig predict --run runs/demo --input posts.jsonl --output predictions.jsonl");
  verb->callback([flags] { predict_verb(*flags); });
}

}  // namespace infig
