#include "training/session.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <filesystem>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "core/random.h"
#include "core/words.h"
#include "data/sampler.h"
#include "model/pretrained.h"
#include "nn/linear.h"
#include "run/stored_model.h"
#include "training/session_checks.h"

namespace infig {
namespace {

int64_t steps_of(const RunConfig& config, int64_t posts) {
  const int64_t batch = config.train.batch_size;
  return config.data.drop_last ? posts / batch : (posts + batch - 1) / batch;
}

// The first of `problems` and their count.
std::string first_problems(const std::vector<std::string>& problems) {
  constexpr size_t kNamed = 3;
  const size_t shown = std::min(problems.size(), kNamed);
  std::string text = fmt::format("{}", fmt::join(problems.begin(), problems.begin() + static_cast<std::ptrdiff_t>(shown), "; "));
  return problems.size() > shown ? text + fmt::format("; and {} more", problems.size() - shown) : text;
}

// Keys of the model that the checkpoint has another value of than this run: "hfam.top_j=4 (there 8)".
std::string other_keys(const ModelConfig& mine, const std::filesystem::path& checkpoint) {
  const StoredModel stored = read_stored_model(checkpoint);
  if (stored.model_type != mine.kind().name) return fmt::format("model.name={} (there {})", mine.kind().name, stored.model_type);
  ModelConfig here = mine, there = mine;
  there.choose(stored.model_type);
  ConfigBinder now, then;
  here->bind(now);
  there->bind(then);
  read_config_text(then, stored.options.dump(), stored.where);
  std::vector<std::string> keys;
  for (size_t i = 0; i < now.fields().size() && i < then.fields().size(); ++i) {
    const ConfigField &left = now.fields()[i], &right = then.fields()[i];
    if (left.get() != right.get()) keys.push_back(fmt::format("{}={} (there {})", left.key, left.get(), right.get()));
  }
  constexpr size_t kMost = 12;
  const size_t more = keys.size() > kMost ? keys.size() - kMost : 0;
  if (more > 0) keys.resize(kMost);
  return fmt::format("{}{}", fmt::join(keys, ", "), more > 0 ? fmt::format(" and {} more", more) : "");
}

}  // namespace

Session::Session(RunConfig config, const DataSet& data, const SessionStart& start, Ranks& ranks)
    : config_(std::move(config)),
      data_(&data),
      ranks_(&ranks),
      device_(device_of_ranks(config_.device, ranks)),
      precision_(resolve_precision(config_.precision, device_)),
      dropout_(derive_seed(config_.seed, "dropout")),
      scaler_(precision_ == Precision::kFp16) {
  if (config_.threads > 0) at::set_num_threads(static_cast<int>(config_.threads));
  for (const std::string& note : config_.notes) log_info("{}", note);
  for (const std::string& doubt : config_.doubts) log_warning("{}", doubt);
  choose_tokenizer(start);
  make_model(start);
  add_inputs(start);
  train_rows_ = loader_->prepare(data.rows_of(Split::kTrain), "reading train pictures");
  dev_rows_ = loader_->prepare(data.rows_of(Split::kDev), "reading dev pictures");
  for (const int64_t row : train_rows_) train_lengths_.push_back(loader_->text_length(row));
  const auto posts = static_cast<int64_t>(train_rows_.size());
  // Posts with bad pictures may have been dropped by now.
  check_posts_left(config_, data, *loader_, Split::kTrain, posts, ranks.size());
  check_posts_left(config_, data, *loader_, Split::kDev, static_cast<int64_t>(dev_rows_.size()), 1);
  choose_batch_size();
  steps_per_epoch_ = steps_of(config_, posts);
  planned_epochs_ = start.planned_epochs.empty() ? std::vector<int64_t>{config_.train.epochs} : start.planned_epochs;
  if (start.whole == nullptr) say_what_is_left_out();
  freeze_groups(*model_, config_.optim);
  const int64_t rest = config_.data.drop_last ? 0 : posts % config_.train.batch_size;
  if (rest > 0 && rest < ranks.size()) {
    throw ConfigError(fmt::format("data.drop_last=false: the last batch has {}, fewer than the {} ranks; set data.drop_last=true",
                                  counted(rest, "post"), ranks.size()));
  }
  const DataSet& whole = start.whole != nullptr ? *start.whole : data;
  const std::vector<int64_t> counted = start.whole != nullptr ? whole.rows_of(Split::kTrain) : train_rows_;
  objective_ = model_->make_objective({.train_posts = static_cast<int64_t>(counted.size()),
                                       .batch_size = config_.train.batch_size,
                                       .steps_per_epoch = steps_of(config_, static_cast<int64_t>(train_rows_.size())),
                                       .seed = config_.seed,
                                       .classification = config_.model->classification(posts_of_class(whole, counted)),
                                       .ranks = &ranks});
  optimizer_ =
      std::make_unique<Optimizer>(*model_, config_.optim,
                                  ParameterRoles{.pretrained = config_.model->pretrained_parameters(),
                                                 .layers_above = [this](const std::string& name) { return model_->layers_above(name); }});
  if (config_.train.ema_decay > 0) average_.emplace(*model_, config_.train.ema_decay);
  if (!ranks.several()) return;
  gradient_sum_.emplace(*model_, ranks, GradientSumOptions{.overlap = !config_.train.activation_checkpointing});
  check_same_weights();
}

// Reduces the batch size if the training split has fewer posts than train.batch_size, to a multiple of the number of ranks.
void Session::choose_batch_size() {
  const int64_t posts = train_posts(), wanted = config_.train.batch_size;
  if (posts >= wanted) return;
  config_.train.batch_size = posts - posts % ranks_->size();
  log_warning("the training split has {}, fewer than train.batch_size={}: every batch has {}", counted(posts, "post"), wanted,
              batch_size());
}

void Session::say_what_is_left_out() const {
  constexpr double kMuch = 0.05;
  const int64_t posts = train_posts(), out = left_out();
  if (static_cast<double>(out) <= kMuch * static_cast<double>(posts)) return;
  const int64_t better = fitting_batch(posts, batch_size(), ranks_->size());
  log_warning(
      "{} of {} training posts ({:.1f} %) {} left out of every epoch, others each time: train.batch_size={} and data.drop_last=true; "
      "train.batch_size={} leaves out {}, data.drop_last=false none",
      out, posts, 100 * static_cast<double>(out) / static_cast<double>(posts), out == 1 ? "is" : "are", batch_size(), better,
      posts % better == 0 ? "none" : std::to_string(posts % better));
}

// Each rank initialised its weights from the seed or read its own copy of the published ones, so compare them.
void Session::check_same_weights() const {
  std::string each;
  for (const auto& [name, tensor] : state_dict(*model_)) {
    const at::Tensor plain = tensor.contiguous();
    each += sha256_hex(std::string_view(static_cast<const char*>(plain.const_data_ptr()), plain.nbytes()));
  }
  const std::vector<std::string> hashes = ranks_->gather(sha256_hex(each));
  for (size_t r = 1; r < hashes.size(); ++r) {
    if (hashes[r] != hashes[0]) {
      throw CheckpointError(fmt::format(
          "rank {} starts from other weights than rank 0 (SHA-256 {} and {}): the ranks need the same published files, the same "
          "program and the same libraries",
          r, hashes[r], hashes[0]));
    }
  }
}

void Session::choose_tokenizer(const SessionStart& start) {
  const std::string& from = config_.train.init_from;
  if (start.checkpoint) {
    if (config_.model->wants_tokens()) tokenizer_ = load_tokenizer(*start.checkpoint);
  } else if (!from.empty() && config_.model->wants_tokens()) {
    const std::filesystem::path checkpoint = find_checkpoint(from, "--init-from");
    tokenizer_ = load_tokenizer(checkpoint);
    const StoredModel stored = read_checked_model(checkpoint);
    config_.model->adopt_start(stored.config, stored.where);
  } else {
    tokenizer_ = config_.model->make_tokenizer(start.whole != nullptr ? *start.whole : *data_);
  }
  if (tokenizer_ == nullptr) return;
  config_.model->adopt_tokenizer(*tokenizer_, config_.random_init);
  config_.model->prepare_tokenizer(*tokenizer_);
}

void Session::make_model(const SessionStart& start) {
  const auto labels = static_cast<int64_t>(data_->labels.size());
  if (start.checkpoint) {
    {
      const SkipInitialization read_next;
      model_ = config_.model->make_model(labels);
    }
    load_weights(*model_, *start.checkpoint / "model.safetensors");
  } else {
    model_ = config_.model->make_model(labels);
    model_->initialize(derive_seed(config_.seed, "weights"));
    model_->load_pretrained();
    if (!config_.train.init_from.empty()) start_from(config_.train.init_from);
  }
  model_->set_half_features(config_.data.half_features);
  model_->to(device_);
}

// Makes the loader and its cached features. Ranks share the cache: the first one writes it while the others wait, then they read it.
void Session::add_inputs(const SessionStart& start) {
  LoaderOptions how = config_.data.loader;
  how.stop = start.stop;
  loader_ = std::make_unique<PostLoader>(data_->posts, model_->inputs(tokenizer_.get()), how, config_.seed);
  const InputContext context = {
      .data = data_,
      .seed = config_.seed,
      .half_features = config_.data.half_features,
      .cache = config_.data.cache_features,
      .without = config_.data.loader.without,
      .folder = config_.data.feature_cache.empty() ? start.cache : std::filesystem::path(config_.data.feature_cache),
      .workers = config_.data.loader.workers,
      .stop = start.stop,
      .tokenizer = tokenizer_.get(),
      .known = start.features};
  if (!ranks_->first()) ranks_->barrier();
  const auto begun = std::chrono::steady_clock::now();
  features_ = model_->add_training_inputs(*loader_, context);
  input_seconds_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  if (ranks_->first()) ranks_->barrier();
}

// Copies all weights by name. Only the classifier's last layer may have another shape (other labels); it then keeps its initial weights.
void Session::start_from(const std::filesystem::path& run) {
  const std::filesystem::path file = find_checkpoint(run, "--init-from") / "model.safetensors";
  const TensorMap stored = load_tensors(file);
  TensorMap mine = state_dict(*model_);
  std::vector<std::string> problems, anew;
  for (const auto& [name, tensor] : stored) {
    if (!mine.contains(name)) problems.push_back(name + " is not in this model");
  }
  for (auto& [name, tensor] : mine) {
    const auto found = stored.find(name);
    const bool fits = found != stored.end() && found->second.sizes() == tensor.sizes();
    if (!fits && found != stored.end() && name.starts_with("head.classifier.")) {
      anew.push_back(name);
    } else if (!fits) {
      problems.push_back(fmt::format("{} {}", name, found == stored.end() ? "is missing" : "has another shape"));
    }
  }
  if (!problems.empty()) {
    const std::string keys = other_keys(config_.model, file.parent_path());
    const bool is_run = std::filesystem::exists(run / "config.yaml");  // else a checkpoint
    throw CheckpointError(fmt::format("{}: train.init_from: the weights are of another model ({}){}; start with the config of that run: {}",
                                      file.string(), first_problems(problems), keys.empty() ? "" : "; keys that differ: " + keys,
                                      is_run ? (run / "config.yaml").string() : "config.yaml of its folder"));
  }
  const at::NoGradGuard no_grad;
  for (auto& [name, tensor] : mine) {
    if (std::find(anew.begin(), anew.end(), name) == anew.end()) tensor.copy_(stored.at(name));
  }
  log_info("starting from the weights of {}{}", file.string(), anew.empty() ? "" : "; the classifier starts anew, the labels are others");
}

std::vector<int64_t> Session::posts_of_class(const DataSet& data, const std::vector<int64_t>& rows) const {
  std::vector<int64_t> posts(data.labels.size());
  for (const int64_t row : rows) ++posts.at(static_cast<size_t>(data.posts[static_cast<size_t>(row)].label_id));
  return posts;
}

std::vector<int64_t> Session::epoch_positions(int64_t epoch) const {
  std::vector<int64_t> labels;
  for (const int64_t row : train_rows_) labels.push_back(data_->posts[static_cast<size_t>(row)].label_id);
  RandomStream stream(config_.seed, "balance", static_cast<uint64_t>(epoch));
  return balanced_rows(labels, static_cast<int64_t>(data_->labels.size()), stream);
}

std::vector<std::vector<int64_t>> Session::epoch_batches(int64_t epoch) const {
  RandomStream stream(config_.seed, "order", static_cast<uint64_t>(epoch));
  const SamplerOptions options{.batch_size = config_.train.batch_size,
                               .pool_batches = config_.data.pool_batches,
                               .shuffle_buffer = config_.data.shuffle_buffer,
                               .drop_last = config_.data.drop_last};
  if (config_.data.sampler == Sampler::kShuffle) {
    auto batches = bucketed_batches(train_lengths_, options, stream, shards_of(data_->posts, train_rows_));
    for (auto& batch : batches) {
      for (auto& position : batch) position = train_rows_[static_cast<size_t>(position)];
    }
    return batches;
  }
  std::vector<int64_t> positions = epoch_positions(epoch);
  if (options.shuffle_buffer > 0) std::sort(positions.begin(), positions.end());  // in their order on disk
  std::vector<int64_t> lengths, rows;
  for (const int64_t position : positions) {
    lengths.push_back(train_lengths_[static_cast<size_t>(position)]);
    rows.push_back(train_rows_[static_cast<size_t>(position)]);
  }
  auto batches = bucketed_batches(lengths, options, stream, shards_of(data_->posts, rows));
  for (auto& batch : batches) {
    for (auto& place : batch) place = rows[static_cast<size_t>(place)];
  }
  return batches;
}

}  // namespace infig
