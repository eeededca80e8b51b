#include "training/session.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "core/random.h"
#include "data/sampler.h"
#include "encoders/clip.h"
#include "model/pretrained.h"
#include "nn/recompute.h"

namespace infig {
namespace {

std::unique_ptr<Tokenizer> vocabulary_of(const DataSet& data, const TextOptions& options) {
  std::vector<std::string> texts;
  for (const int64_t row : data.rows_of(Split::kTrain)) {
    const auto& text = data.posts[static_cast<size_t>(row)].text;
    if (!text.empty()) texts.push_back(text);
  }
  log_info("training a vocabulary of {} pieces on {} texts", options.vocab_size, texts.size());
  return train_sentencepiece(
      texts, {.vocab_size = options.vocab_size, .character_coverage = options.character_coverage, .case_fold = options.case_fold});
}

DataError too_few_posts(const RunConfig& config, const DataSet& data, int64_t posts) {
  return DataError(
      fmt::format("{}: the training split has {} posts, fewer than one batch of train.batch_size={}; choose a smaller batch (or "
                  "data.drop_last=false)",
                  data.folder.string(), posts, config.train.batch_size));
}

int64_t steps_of(const RunConfig& config, int64_t posts) {
  const int64_t batch = config.train.batch_size;
  return config.data.drop_last ? posts / batch : (posts + batch - 1) / batch;
}

// Several ranks are processes on CPUs: a GPU would be shared by all of them.
at::Device device_of(DeviceChoice choice, const Ranks& ranks) {
  if (!ranks.several()) return resolve_device(choice);
  if (choice == DeviceChoice::kCuda) throw ConfigError("device=cuda: several ranks train on CPUs; use device=cpu, or one rank");
  return resolve_device(DeviceChoice::kCpu);
}

}  // namespace

void check_trainable(const RunConfig& config, const DataSet& data, const Ranks& ranks) {
  device_of(config.device, ranks);
  if (config.train.batch_size % ranks.size() != 0) {
    throw ConfigError(fmt::format("train.batch_size={}: the whole batch, which {} ranks cannot share evenly; choose a multiple of {}",
                                  config.train.batch_size, ranks.size(), ranks.size()));
  }
  if (data.labels.size() < 2) {
    throw DataError(fmt::format("{}: {} in its posts; a classifier needs two at least", data.folder.string(),
                                data.labels.empty() ? "no label" : fmt::format("'{}' is the only label", data.labels.front())));
  }
  const auto posts = static_cast<int64_t>(data.rows_of(Split::kTrain).size());
  if (steps_of(config, posts) == 0) throw too_few_posts(config, data, posts);
}

Session::Session(RunConfig config, const DataSet& data, std::unique_ptr<Tokenizer> tokenizer, const std::filesystem::path& cache,
                 Ranks& ranks)
    : config_(std::move(config)),
      data_(&data),
      ranks_(&ranks),
      device_(device_of(config_.device, ranks)),
      precision_(resolve_precision(config_.precision, device_)),
      tokenizer_(std::move(tokenizer)),
      dropout_(derive_seed(config_.seed, "dropout")),
      scaler_(precision_ == Precision::kFp16) {
  if (config_.threads > 0) at::set_num_threads(static_cast<int>(config_.threads));
  const bool resumed = tokenizer_ != nullptr;
  choose_tokenizer();
  loader_ = std::make_unique<PostLoader>(data.posts, *tokenizer_, config_.model.image.pixels, config_.model.text.max_length,
                                         config_.data.loader, config_.seed);
  model_ = InfigModel(config_.model, static_cast<int64_t>(data.labels.size()), derive_seed(config_.seed, "weights"),
                      load_published_parts(config_.model));
  if (!config_.train.init_from.empty() && !resumed) start_from(config_.train.init_from);
  model_->to(device_);
  const FeatureCacheOptions caching = {
      .folder = config_.data.feature_cache.empty() ? cache : std::filesystem::path(config_.data.feature_cache),
      .half = config_.data.half_features,
      .workers = config_.data.loader.workers};
  if (!ranks.first()) ranks.barrier();  // what the first rank wrote into the cache is there then
  choose_features(caching);
  choose_clip(caching);
  if (ranks.first()) ranks.barrier();
  train_rows_ = loader_->prepare(data.rows_of(Split::kTrain), "reading train pictures");
  dev_rows_ = loader_->prepare(data.rows_of(Split::kDev), "reading dev pictures");
  for (const int64_t row : train_rows_) train_lengths_.push_back(loader_->text_length(row));
  const auto posts = static_cast<int64_t>(train_rows_.size());
  steps_per_epoch_ = steps_of(config_, posts);
  if (steps_per_epoch_ == 0) throw too_few_posts(config_, data, posts);  // after bad pictures were dropped
  freeze_groups(*model_, config_.optim);
  const int64_t rest = config_.data.drop_last ? 0 : posts % config_.train.batch_size;
  if (rest > 0 && rest < ranks.size()) {
    throw ConfigError(fmt::format("data.drop_last=false: the last batch has {} posts, fewer than the {} ranks; set data.drop_last=true",
                                  rest, ranks.size()));
  }
  objective_ = std::make_unique<Objective>(model_, posts, config_.train.batch_size, config_.seed,
                                           config_.model.loss.classification(posts_of_class()), ranks);
  std::vector<std::string> published;
  if (!config_.model.text.model.empty()) published.emplace_back("text_encoder.");
  if (!config_.model.image.model.empty()) published.emplace_back("image_encoder.backbone.");
  optimizer_ = std::make_unique<Optimizer>(*model_, config_.optim, published);
  if (config_.train.ema_decay > 0) average_.emplace(*model_, config_.train.ema_decay);
  if (!ranks.several()) return;
  gradient_sum_.emplace(*model_, ranks, GradientSumOptions{.overlap = !config_.train.activation_checkpointing});
  check_same_weights();
}

// Every rank has made its weights from the seed, or read them from its own copy of the published ones.
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

void Session::choose_tokenizer() {
  TextOptions& text = config_.model.text;
  const std::string& start = config_.train.init_from;
  if (tokenizer_ == nullptr && !start.empty()) tokenizer_ = load_tokenizer(find_checkpoint(start));
  if (tokenizer_ == nullptr) tokenizer_ = text.model.empty() ? vocabulary_of(*data_, text) : load_tokenizer(text.model);
  if (text.published.empty()) {
    // With --random-init the table has the size of the published model's, for its speed and memory.
    text.encoder.vocab_size = config_.random_init ? std::max(tokenizer_->vocab_size(), text.vocab_size) : tokenizer_->vocab_size();
    text.encoder.pad_token_id = tokenizer_->pad_id();
    return;
  }
  const int64_t rows = text_encoder_facts(nlohmann::json::parse(text.published)).vocab_size;
  if (tokenizer_->vocab_size() > rows) {
    throw CheckpointError(fmt::format("{}: the tokenizer has {} tokens, the model's embeddings {} rows; they do not belong together",
                                      text.model, tokenizer_->vocab_size(), rows));
  }
}

// A frozen backbone gives the same grid for the same pixels in every epoch.
void Session::choose_features(const FeatureCacheOptions& cache) {
  if (config_.model.image.finetune || config_.data.loader.without == Without::kImage) return;
  if (config_.model.image.pixels.augment != Augment::kNone) {
    log_info("picture features are computed at every step: image.augment changes the pictures (none would let them be cached)");
    return;
  }
  if (!config_.data.cache_features) {
    log_info("picture features are computed at every step: data.features=live");
    return;
  }
  loader_->use_features(cached_grids(*model_->image_encoder->backbone(), *data_, config_.model.image.pixels, cache));
}

// Row 14: CLIP is frozen and sees the picture as it is, so its embeddings are computed once; row 18: of training posts alone.
void Session::choose_clip(const FeatureCacheOptions& cache) {
  const ClipPriorOptions& clip = config_.model.clip;
  if (clip.embed_dim == 0) return;
  ClipEncoder encoder;
  encoder.tokenizer = tokenizer_.get();
  std::unique_ptr<Tokenizer> own;
  if (clip.random_init) {
    encoder.model = ClipModel(clip_options(clip.variant));
    encoder.model->initialize(derive_seed(config_.seed, "clip"));
    encoder.pixels = clip_pixels(encoder.model->options());
    encoder.own_end = clip.tokenizer.empty();
  } else {
    PublishedClip published = load_clip(clip.model);
    encoder.model = published.model;
    encoder.pixels = published.pixels;
  }
  if (!encoder.own_end) {
    own = load_tokenizer(clip.tokenizer.empty() ? folder_of_clip(clip.model) : std::filesystem::path(clip.tokenizer));
    encoder.tokenizer = own.get();
  }
  encoder.model->to(device_);
  const std::vector<int64_t> rows = data_->rows_of(Split::kTrain);
  loader_->use_clip(cached_clip_embeds(encoder, *data_, rows, cache), rows);
}

// Everything by name; only the classifier's last layer may have another shape (other labels), and then starts anew.
void Session::start_from(const std::filesystem::path& run) {
  const std::filesystem::path file = find_checkpoint(run) / "model.safetensors";
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
    throw CheckpointError(fmt::format("{}: train.init_from: the weights are of another model; start with the config of that run: {}",
                                      file.string(), fmt::join(problems, "; ")));
  }
  const at::NoGradGuard no_grad;
  for (auto& [name, tensor] : mine) {
    if (std::find(anew.begin(), anew.end(), name) == anew.end()) tensor.copy_(stored.at(name));
  }
  log_info("starting from the weights of {}{}", file.string(), anew.empty() ? "" : "; the classifier starts anew, the labels are others");
}

std::vector<int64_t> Session::posts_of_class() const {
  std::vector<int64_t> posts(data_->labels.size());
  for (const int64_t row : train_rows_) ++posts.at(static_cast<size_t>(data_->posts[static_cast<size_t>(row)].label_id));
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
  if (options.shuffle_buffer > 0) std::sort(positions.begin(), positions.end());  // as they lie on the disk
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
