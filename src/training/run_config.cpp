#include "training/run_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "core/error.h"
#include "training/checkpoint.h"
#include "training/parameter_groups.h"

namespace infig {
namespace {

void bind_optim(ConfigBinder& binder, OptimOptions& optim) {
  binder.section("optim");
  binder.choice("name", optim.name,
                {{"adam", OptimizerName::kAdam},
                 {"adamw", OptimizerName::kAdamW},
                 {"sgd", OptimizerName::kSgd},
                 {"rmsprop", OptimizerName::kRmsprop}},
                "adam | adamw | sgd | rmsprop, row 39");
  binder.field("lr", optim.lr, {.low = 0, .low_open = true}, "learning rate at the end of warm-up");
  binder.field("lr_new", optim.lr_new, {.low = 0},
               "learning rate of parts without published weights in a model that has parts with them; 0: optim.lr");
  binder.field("weight_decay", optim.weight_decay, {.low = 0},
               "L2 penalty (adam, sgd, rmsprop) or decoupled decay (adamw) of matrices, row 39");
  binder.field("beta1", optim.beta1, {.low = 0, .high = 1, .high_open = true}, "decay of the first moment");
  binder.field("beta2", optim.beta2, {.low = 0, .high = 1, .high_open = true}, "decay of the second moment");
  binder.field("eps", optim.eps, {.low = 0, .low_open = true},
               "epsilon of adam, adamw and rmsprop, added to the root of the second moment");
  binder.field("rho", optim.rho, {.low = 0, .high = 1, .high_open = true}, "rmsprop: decay of the mean of squared gradients");
  binder.field("momentum", optim.momentum, {.low = 0, .high = 1, .high_open = true}, "sgd: decay of the momentum buffer");
  binder.field("nesterov", optim.nesterov, "sgd: Nesterov momentum");
  binder.field("layer_decay", optim.layer_decay, {.low = 0, .high = 1, .low_open = true},
               "rates of the text encoder and a Vision Transformer: times this for the last layer, squared for the one below, ..., "
               "embeddings lowest; "
               "1: off");
  binder.field(
      "groups", optim.groups,
      "parameters with rates of their own, first match counts: [\"text_encoder.embeddings.* frozen\", \"head.* lr=1e-3 weight_decay=0\"]");
  binder.field("clip", optim.clip, {.low = 0}, "largest gradient norm; 0: no clipping, row 39");
  binder.choice("schedule", optim.schedule,
                {{"linear", Schedule::kLinear},
                 {"constant", Schedule::kConstant},
                 {"cosine", Schedule::kCosine},
                 {"exponential", Schedule::kExponential}},
                "after warm-up: linear to 0 | constant | cosine to 0 | exponential (times optim.decay an epoch, step by step), row 38");
  binder.field("decay", optim.decay, {.low = 0, .high = 1, .low_open = true}, "exponential: factor of the rate over an epoch");
  binder.field("warmup", optim.warmup, {.low = 0, .high = 1}, "share of all steps in which the rate rises from 0, row 38");
}

void bind_train(ConfigBinder& binder, TrainOptions& train) {
  binder.section("train");
  binder.field("init_from", train.init_from, "run folder whose best weights (and vocabulary) the run starts from; empty: none");
  binder.field("epochs", train.epochs, {.low = 1}, "passes over the training split, row 37");
  binder.field("batch_size", train.batch_size, {.low = 1}, "posts a step, over all ranks");
  binder.field("patience", train.patience, {.low = 0}, "evaluations without a better best_metric before stopping; 0: never");
  binder.field("min_delta", train.min_delta, {.low = 0}, "by how much more than this best_metric must be better to count against patience");
  binder.field("micro_batch", train.micro_batch, {.low = 0},
               "posts whose graph is in memory at once, while GAM and HFAM see the whole batch; 0: all of them");
  binder.field("activation_checkpointing", train.activation_checkpointing,
               "Transformer layers are computed again in the backward pass: less memory, one more forward pass");
  binder.field("modality_dropout", train.modality_dropout, {.low = 0, .high = 1},
               "probability that a training post that has both loses its text or its picture; trains fusion.null_tokens");
  binder.field("eval_every", train.eval_every, {.low = 0}, "eval_unit between evaluations on dev; 0: at each epoch's end");
  binder.choice("eval_unit", train.eval_epochs, {{"steps", false}, {"epochs", true}}, "what eval_every counts: steps | epochs");
  binder.field("eval_batch_size", train.eval_batch_size, {.low = 1}, "posts a batch in evaluation");
  binder.field("save_every", train.save_every, {.low = 0}, "steps between checkpoints; 0: at each evaluation");
  binder.field("save_total_limit", train.save_total_limit, {.low = 1}, "checkpoints kept besides the best");
  binder.field("save_state_limit", train.save_state_limit, {.low = 1},
               "newest checkpoints that keep optimizer, twins and queue, from which a run continues; older ones keep the model alone");
  binder.choice("keep", train.keep, {{"all", Keep::kAll}, {"best", Keep::kBest}},
                "what a finished run leaves: all checkpoints that were kept | best: what prediction needs; it cannot be trained further");
  binder.field("average_best", train.average_best, {.low = 0},
               "number of best checkpoints (by best_metric) that are kept, and averaged into checkpoints/average at the end; 0: none");
  binder.field("log_every", train.log_every, {.low = 1}, "steps between lines of metrics.jsonl");
  binder.choice(
      "best_metric", train.best_metric,
      {{"accuracy", BestMetric::kAccuracy},
       {"f1_macro", BestMetric::kF1Macro},
       {"f1_weighted", BestMetric::kF1Weighted},
       {"mcc", BestMetric::kMcc},
       {"ece", BestMetric::kEce},
       {"loss", BestMetric::kLoss}},
      "dev figure that makes a checkpoint the best: accuracy | f1_macro | f1_weighted | mcc | ece | loss; ties go to the weighted F1");
  binder.field("ema_decay", train.ema_decay, {.low = 0, .high = 1, .high_open = true},
               "decay of a moving average of the weights, which is then evaluated and saved in their place; 0: none");
  binder.choice("on_nan", train.on_nan, {{"stop", OnNan::kStop}, {"skip", OnNan::kSkip}},
                "a loss or gradient that is not finite: stop | skip the step, name its posts and count it (ten in a row stop)");
  binder.choice("report_to", train.tensorboard, {{"tensorboard", true}, {"none", false}},
                "tensorboard (event files in RUN/tensorboard beside metrics.jsonl) | none");
}

}  // namespace

void bind_options(ConfigBinder& binder, RunConfig& config) {
  binder.section("");
  binder.field("seed", config.seed, "every random draw of the run comes from a named stream of it, row 41");
  binder.choice("device", config.device, {{"cpu", DeviceChoice::kCpu}, {"cuda", DeviceChoice::kCuda}, {"auto", DeviceChoice::kAuto}},
                "cpu | cuda | auto (cuda where there is one)");
  binder.choice("precision", config.precision, precision_choices(),
                "fp32 | bf16 | fp16 (with a dynamic loss scale) | auto (bf16 where the device computes it natively, else fp16 on a GPU, "
                "fp32 on a CPU), row 40");
  binder.field("threads", config.threads, {.low = 0, .high = 1024}, "compute threads; 0: all cores. Equal bits need an equal number");
  binder.section("model");
  binder.add(
      "name", "which model: " + config.model.known() + "; the other sections are its own",
      [&config](const std::string& yaml) {
        // load_run_config() chooses the model before its keys are bound.
        if (yaml != config.model.kind().name) throw std::invalid_argument(std::string(config.model.kind().name) + " (chosen before)");
      },
      [&config] { return std::string(config.model.kind().name); });
  binder.section("data");
  bind_options(binder, config.data.loader);
  binder.choice("features", config.data.cache_features, {{"cache", true}, {"live", false}},
                "features of a frozen backbone, without augmentation: cache (computed once) | live (computed at every step)");
  binder.field("feature_cache", config.data.feature_cache, "folder of that cache; empty: the run folder's cache/");
  binder.choice("feature_dtype", config.data.half_features, {{"fp32", false}, {"fp16", true}},
                "number format of frozen features: fp32 | fp16 (half the disk space)");
  binder.field("drop_last", config.data.drop_last, "leave out a last training batch that is not full, row 7");
  binder.field("pool_batches", config.data.pool_batches, {.low = 1},
               "batches among which posts of like length are grouped; 1: plain shuffling");
  binder.field("shuffle_buffer", config.data.shuffle_buffer, {.low = 0},
               "0: shuffle all posts | posts held for shuffling while shards are read in sequence, for disks with slow random access");
  binder.field("limit", config.data.limit, {.low = 0}, "posts used per split, drawn by the seed, for quick trials; 0: all");
  binder.choice("sampler", config.data.sampler, {{"shuffle", Sampler::kShuffle}, {"balanced", Sampler::kBalanced}},
                "shuffle: every post once an epoch | balanced: every class equally often, small ones repeated");
  config.model->bind(binder);
  bind_optim(binder, config.optim);
  bind_train(binder, config.train);
}

void RunConfig::finish() {
  parse_groups(optim.groups);
  if (optim.nesterov && optim.momentum == 0) throw ConfigError("optim.nesterov: needs optim.momentum above 0");
  if (optim.lr_new > 0 && model->pretrained_parameters().empty() && !random_init) {
    throw ConfigError(
        fmt::format("optim.lr_new={}: has no effect without published parts (text.model, image.model); optim.lr is the rate of everything",
                    optim.lr_new));
  }
  if (train.micro_batch > 0 && model->batch_statistics()) {
    throw ConfigError(
        "train.micro_batch: with image.batch_norm_train=true BatchNorm would see parts of the batch; use one of the two alone");
  }
  if (train.modality_dropout > 0) model->expect_missing_sides();
  if (train.modality_dropout > 0 && data.loader.without != Without::kNothing)
    throw ConfigError("train.modality_dropout: data.without hides a side of every post already; use one of the two alone");
  model->finish();
}

namespace {

bool is_typed(const RunConfigRequest& request, const std::string& key) {
  const auto sets = [&key](const std::string& word) { return word.starts_with(key + "="); };
  return std::any_of(request.overrides.begin(), request.overrides.end(), sets);
}

// Returns a line for each published part of the command line that overrides keys of the file. Keys with equal values are not mentioned.
std::vector<std::string> notes_of(const std::vector<GivenWay>& given, const ConfigBinder& binder, const std::string& file) {
  std::vector<std::string> notes;
  for (const GivenWay& one : given) {
    std::string model, keys;
    for (const ConfigField& field : binder.fields()) {
      if (field.key == one.to) model = field.get();
      for (const auto& [key, value] : one.keys) {
        if (field.key == key && field.get() != value) keys += fmt::format("{}{}={}", keys.empty() ? "" : ", ", key, value);
      }
    }
    if (!keys.empty()) notes.push_back(fmt::format("{}={} brings its own values: {} of {} do not apply", one.to, model, keys, file));
  }
  return notes;
}

// Published weights that are trained further forget what they know at the rates of weights that begin at random.
std::vector<std::string> doubts_of(const RunConfig& config, const ConfigBinder& binder) {
  constexpr double kHigh = 1e-4;
  const OptimOptions& optim = config.optim;
  const auto trained = config.model->pretrained_parameters();
  const bool text = std::any_of(trained.begin(), trained.end(), [](const std::string& name) { return name.starts_with("text_encoder"); });
  const bool own_rate =
      std::any_of(optim.groups.begin(), optim.groups.end(), [](const std::string& group) { return group.starts_with("text_encoder"); });
  if (!text || own_rate || optim.lr <= kHigh || optim.name == OptimizerName::kSgd) return {};
  std::string model;
  for (const ConfigField& field : binder.fields()) {
    if (field.key == "text.model") model = field.get();
  }
  return {
      fmt::format("text.model={} is trained at optim.lr={:g}; published text models are trained at 1e-5 to 5e-5, and above {:g} most "
                  "lose what they know. optim.lr=3e-5 optim.lr_new={:g} trains the parts without published weights as before",
                  model, optim.lr, kHigh, optim.lr_new > 0 ? optim.lr_new : optim.lr)};
}

}  // namespace

RunConfig load_run_config(const RunConfigRequest& request) {
  RunConfig config(*request.models);
  // The set of keys depends on the model, so model.name is looked up first.
  config.model.choose(find_config_value(request.file, request.overrides, "model.name").value_or(config.model.kind().name));
  ConfigBinder binder;
  bind_options(binder, config);
  if (!request.file.empty()) read_config_file(binder, request.file);
  for (const auto& assignment : request.overrides) apply_override(binder, assignment);
  config.random_init = request.random_init;
  config.may_lose_pictures = find_config_value(request.file, request.overrides, "data.bad_image") == "missing";
  std::vector<GivenWay> given;
  if (!request.random_init) given = config.model->give_way([&request](const std::string& key) { return is_typed(request, key); });
  const bool continues = !request.run.empty() && config.model->continues_by_adopting(request.random_init);
  const auto stored = continues ? newest_stored_model(request.run) : std::nullopt;
  // Of another model's run nothing is read: that the models differ is said when the run is about to be continued.
  if (stored && stored->config.value("model_type", "infig") == config.model.kind().name) {
    config.model->adopt(stored->config, stored->where);
  } else {
    config.model->resolve(request.random_init);
  }
  config.notes = notes_of(given, binder, request.file.string());
  config.finish();
  config.doubts = doubts_of(config, binder);
  return config;
}

RunConfig load_run_config(const std::filesystem::path& file, const std::vector<std::string>& overrides, bool random_init) {
  return load_run_config({.file = file, .overrides = overrides, .random_init = random_init});
}

std::string dump_run_config(const RunConfig& config, bool with_comments) {
  RunConfig copy = config;
  ConfigBinder binder;
  bind_options(binder, copy);
  const std::string head =
      "# Every key with its default. \"Row N\" is row N of the table in docs/method.md, \"eq. N\" an equation of the paper; "
      "docs/glossary.md has "
      "the words.\n";
  return (with_comments ? head : "") + dump_config(binder, with_comments);
}

}  // namespace infig
