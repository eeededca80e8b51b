// What is computed once before an INFIG trains (InfigModelImpl::add_training_inputs in infig.h): a frozen backbone's features, and CLIP's
// embeddings for GAM.
#include <fmt/format.h>

#include <filesystem>

#include "core/error.h"
#include "core/log.h"
#include "core/random.h"
#include "encoders/clip.h"
#include "model/feature_cache.h"
#include "model/infig.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

constexpr const char* kImageFeatures = "image";
constexpr const char* kClipFeatures = "clip";

FeatureCacheOptions cache_options(const InputContext& context) {
  return {.folder = context.folder, .half = context.half_features, .workers = context.workers};
}

// A frozen backbone gives the same features for the same pixels in every epoch.
bool add_features(const InfigOptions& options, ImageTower& tower, PostLoader& loader, const InputContext& context, std::string& folder) {
  if (options.image.finetune) return false;
  if (options.image.pixels.augment != Augment::kNone) {
    log_info("picture features are computed at every step: image.augment changes the pictures (none would let them be cached)");
    return false;
  }
  if (!context.cache) {
    log_info("picture features are computed at every step: data.features=live");
    return false;
  }
  const CachedFeatures cached = cached_grids(*tower.backbone(), *context.data, options.image.pixels, cache_options(context));
  loader.use_features(cached.store);
  folder = cached.folder;
  return true;
}

// Row 14: CLIP is frozen and sees the picture as it is, so its embeddings are computed once; row 18: of training posts alone.
std::string add_clip(const InfigOptions& options, const at::Device& device, PostLoader& loader, const InputContext& context) {
  const ClipPriorOptions& clip = options.clip;
  const std::vector<int64_t> rows = context.data->rows_of(Split::kTrain);
  const auto known = context.known.find(kClipFeatures);
  if (!clip.random_init && !fs::exists(clip.model) && known != context.known.end() && fs::exists(context.folder / known->second)) {
    log_info("clip.model={} is not there any more: its embeddings come from {}", clip.model, (context.folder / known->second).string());
    loader.use_clip(std::make_shared<const FeatureStore>(context.folder / known->second, static_cast<int64_t>(rows.size())), rows);
    return known->second;
  }
  ClipEncoder encoder;
  encoder.tokenizer = context.tokenizer;
  std::unique_ptr<Tokenizer> own;
  if (clip.random_init) {
    encoder.model = ClipModel(clip_options(clip.variant));
    encoder.model->initialize(derive_seed(context.seed, "clip"));
    encoder.pixels = clip_pixels(encoder.model->options());
    encoder.own_end = clip.tokenizer.empty();
  } else {
    PublishedClip published = load_clip(clip.model);
    encoder.model = published.model;
    encoder.pixels = published.pixels;
  }
  if (!encoder.own_end) {
    own = load_tokenizer(clip.tokenizer.empty() ? folder_of_clip(clip.model) : fs::path(clip.tokenizer));
    encoder.tokenizer = own.get();
  }
  encoder.model->to(device);
  const CachedFeatures cached = cached_clip_embeds(encoder, *context.data, rows, cache_options(context));
  loader.use_clip(cached.store, rows);
  return cached.folder;
}

}  // namespace

std::map<std::string, std::string> InfigModelImpl::add_training_inputs(PostLoader& loader, const InputContext& context) {
  std::map<std::string, std::string> folders;
  std::string folder;
  if (context.without != Without::kImage && add_features(options_, *image_encoder, loader, context, folder))
    folders[kImageFeatures] = folder;
  if (options_.clip.embed_dim > 0) folders[kClipFeatures] = add_clip(options_, parameters().front().device(), loader, context);
  return folders;
}

}  // namespace infig
