// What is computed once before an INFIG model is trained (InfigModelImpl::add_training_inputs in infig.h): the features of a frozen
// backbone, and CLIP's embeddings for GAM.
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
  return {.folder = context.folder, .half = context.half_features, .workers = context.workers, .stop = context.stop};
}

// A frozen backbone computes the same features from the same pixels in every epoch, so they can be cached.
bool add_features(const InfigOptions& options, ImageTower& tower, PostLoader& loader, const InputContext& context, std::string& folder) {
  if (options.image.finetune || !may_cache_features(options.image.pixels, context.cache, *context.data)) return false;
  const CachedFeatures cached = cached_grids(*tower.backbone(), *context.data, options.image.pixels, cache_options(context));
  loader.use_features(cached.store);
  folder = cached.folder;
  return true;
}

// CLIP is frozen and sees pictures without augmentation (row 14), so its embeddings are computed once; for training posts only (row 18).
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
    const ClipOptions sizes = clip_options(clip.variant);
    encoder.model = std::make_shared<ClipModelImpl>(sizes);
    encoder.model->initialize(derive_seed(context.seed, "clip"));
    encoder.pixels = clip_pixels(sizes);
    if (clip.tokenizer.empty()) encoder.own_end = sizes.eos_token_id;
  } else {
    const PublishedImageText published = load_image_text(clip.model);
    encoder.model = published.model;
    encoder.pixels = published.pixels;
  }
  if (!encoder.own_end) {
    const ClipText cleaned = clip.random_init ? ClipText::kByFolder : clip_text_of(clip.model);
    own = load_tokenizer(clip.tokenizer.empty() ? folder_of_clip(clip.model) : fs::path(clip.tokenizer), SpecialInText::kKeep, cleaned);
    options.prepare_tokenizer(*own);
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
