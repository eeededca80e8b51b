#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "apps/commands.h"
#include "apps/compute_flags.h"
#include "apps/device_flags.h"
#include "apps/ranks_of_verb.h"
#include "apps/signals.h"
#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "predict/calibration.h"
#include "predict/file_prediction.h"

namespace infig {
namespace {

struct PredictFlags {
  std::string run, text, image, input, output, bad_image = "missing", temperature = "none";
  DeviceFlags device;
  int64_t batch_size = 64, workers = 2, block_rows = 4096, limit = 0;
  bool restart = false;
};

PredictingOptions options_of(const PredictFlags& flags, bool one) {
  PredictingOptions options;
  options.scoring.loader.workers = one ? 1 : flags.workers;
  options.scoring.batch_size = one ? 1 : flags.batch_size;
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

void predict_one(const PredictFlags& flags, const Predictor& predictor) {
  PostRequest request;
  request.post.id = "1";
  request.post.text = flags.text;
  request.post.image = parse_file_span(flags.image);
  const PostOutcome outcome = predictor.predict({request}, options_of(flags, true)).front();
  if (outcome.fault == PostFault::kText) throw DataError("--text: not UTF-8");
  if (!outcome.picture.empty()) {
    if (!outcome.picture_used) throw DataError(fmt::format("--image {}: {}", flags.image, outcome.picture));
    log_warning("--image {}: {}", flags.image, outcome.picture);
  }
  std::fputs(prediction_line(request.post.id, outcome, predictor.labels()).c_str(), stdout);
}

void predict_file(const PredictFlags& flags, const Predictor& predictor, Ranks& ranks) {
  PredictingOptions options = options_of(flags, false);
  options.scoring.ranks = &ranks;
  const nlohmann::json command = command_of(flags, predictor, options.temperature);
  const FilePredictionResult done = predict_files(predictor,
                                                  {.input = flags.input,
                                                   .output = flags.output,
                                                   .block_rows = flags.block_rows,
                                                   .limit = flags.limit,
                                                   .restart = flags.restart,
                                                   .command = &command,
                                                   .stop = watch_signals()},
                                                  options);
  if (!ranks.first()) return;
  std::fprintf(stderr, "%lld rows written to %s (%lld with an error)\n", static_cast<long long>(done.rows), flags.output.c_str(),
               static_cast<long long>(done.faults));
}

void predict_verb(const PredictFlags& flags) {
  const bool one = !flags.text.empty() || !flags.image.empty();
  if (one == !flags.input.empty())
    throw ConfigError("predict: give either --text and/or --image for one post, or --input and --output for a file");
  if (!one && flags.output.empty()) throw ConfigError("predict: --input needs --output FILE.jsonl or FILE.csv");
  if (one && flags.limit > 0) throw ConfigError("predict: --limit: is of --input; --text and --image are one post");
  options_of(flags, one);  // what is wrong there is said before the work
  Ranks& ranks = ranks_of_verb();
  if (one && ranks.several()) throw ConfigError("predict: one post needs one rank; leave out mpirun, or give --input FILE");
  const Predictor predictor(flags.run, use_device_flags(flags.device));
  if (one) {
    predict_one(flags, predictor);
  } else {
    predict_file(flags, predictor, ranks);
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
  add_device_flags(*verb, flags->device);
  add_compute_flags(
      *verb, {.batch_size = flags->batch_size, .threads = flags->device.threads, .workers = flags->workers, .workers_may_be_none = true});
  verb->add_option("--block-rows", flags->block_rows, "rows held in memory, and saved at once")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  add_limit_flag(*verb, flags->limit, "only the first so many rows of --input");
  verb->add_flag("--restart", flags->restart, "begin anew where an interrupted run left OUTPUT.partial");
  verb->footer(
      "Examples:\n  infig predict --run runs/demo --text \"What a lovely day\" --image storm.jpg\n"
      "  infig predict --run runs/demo --input posts.jsonl --output predictions.jsonl --temperature fitted\n"
      "  infig predict --run runs/demo --input 'shards/{000..099}.tar' --output predictions.csv\n"
      "  mpirun -n 4 infig predict --run runs/demo --input posts.jsonl --output predictions.jsonl");
  verb->callback([flags] { predict_verb(*flags); });
}

}  // namespace infig
