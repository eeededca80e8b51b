#include "model/feature_cache.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <numeric>

#include "core/config.h"
#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "core/parallel.h"
#include "model/frozen_features.h"
#include "model/region_passes.h"
#include "tensor/archive.h"
#include "tensor/batch.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

std::string_view bytes_of(const at::Tensor& tensor) {
  return {static_cast<const char*>(tensor.const_data_ptr()), static_cast<size_t>(tensor.numel()) * tensor.element_size()};
}

// Appends all rows of the cache to `writer` and returns the bad pictures.
using Compute = std::function<std::map<int64_t, BadPicture>(FeatureWriter& writer, const FrozenOptions& frozen)>;

CachedFeatures cached(const std::string& kind, const std::string& title, const std::string& key, int64_t rows,
                      const FeatureCacheOptions& options, const Compute& compute) {
  const std::string name = kind + "-" + key.substr(0, 16);
  const fs::path folder = options.folder / name;
  if (fs::exists(folder / "features.json")) {
    log_info("{}: {}", title, folder.string());
    return {std::make_shared<const FeatureStore>(folder, rows), name};
  }
  log_info("{} of {} posts are computed once, into {}", title, rows, folder.string());
  make_folder(options.folder);
  FeatureWriter writer(folder, rows, options.half);
  writer.commit(compute(writer, {.batch_size = options.batch_size, .workers = options.workers, .title = title, .stop = options.stop}));
  return {std::make_shared<const FeatureStore>(folder, rows), name};
}

// What features depend on beside weights and pixels: activations, epsilons, heads. Nothing for the backbones that have one setting, so that
// their caches keep their names.
std::string settings_of(const ImageBackbone& backbone) {
  const nlohmann::json config = backbone.config();
  const std::string type = config.value("model_type", "");
  const bool usual = type == "efficientnet-lite" || (type == "resnet" && config.value("hidden_act", "") == "relu");
  return usual ? std::string() : config.dump();
}

std::vector<std::vector<int64_t>> clip_ids(const ClipEncoder& clip, const DataSet& data, const std::vector<int64_t>& rows,
                                           int64_t workers) {
  if (clip.tokenizer->vocab_size() > clip.model->vocab_size()) {
    throw CheckpointError(fmt::format("clip.tokenizer: has {} tokens, the embeddings of clip.model {} rows; they do not belong together",
                                      clip.tokenizer->vocab_size(), clip.model->vocab_size()));
  }
  std::vector<std::vector<int64_t>> ids(rows.size());
  parallel_for(static_cast<int64_t>(rows.size()), workers, [&](int64_t i) {
    auto& row = ids[static_cast<size_t>(i)];
    const Post& post = data.posts[static_cast<size_t>(rows[static_cast<size_t>(i)])];
    row = clip.tokenizer->encode(post.text, clip.model->max_length()).ids;
    if (clip.own_end) row.back() = *clip.own_end;
  });
  return ids;
}

std::string regions_name(const ImageBackbone& backbone, int64_t region_size, const DataSet& data, const ImageOptions& pixels, bool half) {
  const std::string more = fmt::format("{}regions of {} at {}", settings_of(backbone), kRegionSide, region_size);
  return "regions-" + feature_key(backbone, data, pixels, half, more).substr(0, 16);
}

}  // namespace

std::string feature_key(const torch::nn::Module& encoder, const DataSet& data, const ImageOptions& pixels, bool half,
                        const std::string& more) {
  std::string all = half ? "fp16\n" : "fp32\n";
  for (const auto& [name, tensor] : state_dict(encoder)) {
    all += name + " " + sha256_hex(bytes_of(tensor.to(at::kCPU).contiguous())) + "\n";
  }
  ImageOptions seen = pixels;
  seen.augment = Augment::kNone;
  ConfigBinder binder;
  bind_options(binder, seen);
  all += dump_config(binder, false) + data.sha256 + "\n";
  for (const auto& post : data.posts) {
    std::error_code code;
    const auto size = post.image.empty() ? 0 : fs::file_size(post.image.file, code);
    const auto time = post.image.empty() ? fs::file_time_type{} : fs::last_write_time(post.image.file, code);
    all += fmt::format("{}\t{}\t{}\n", post.image.string(), code ? 0 : size, code ? 0 : time.time_since_epoch().count());
  }
  return sha256_hex(all + more);
}

CachedFeatures cached_grids(ImageBackbone& backbone, const DataSet& data, const ImageOptions& pixels, const FeatureCacheOptions& options) {
  const std::string key = feature_key(backbone, data, pixels, options.half, settings_of(backbone));
  return cached("image", "picture features", key, static_cast<int64_t>(data.posts.size()), options,
                [&](FeatureWriter& writer, const FrozenOptions& frozen) {
                  return for_each_grid(backbone, data.posts, pixels, frozen, [&](int64_t, const at::Tensor& grid) {
                    writer.append(grid.dim() == 4 ? grid.permute({0, 2, 3, 1}) : grid);
                  });
                });
}

CachedFeatures cached_pooled(ImageBackbone& backbone, const DataSet& data, const ImageOptions& pixels, const FeatureCacheOptions& options) {
  const std::string key = feature_key(backbone, data, pixels, options.half, settings_of(backbone) + "pooled");
  return cached("pooled", "pooled picture features", key, static_cast<int64_t>(data.posts.size()), options,
                [&](FeatureWriter& writer, const FrozenOptions& frozen) {
                  return for_each_grid(backbone, data.posts, pixels, frozen,
                                       [&](int64_t, const at::Tensor& grid) { writer.append(backbone.pooled(grid)); });
                });
}

std::shared_ptr<const FeatureStore> found_regions(const ImageBackbone& backbone, int64_t region_size, const DataSet& data,
                                                  const ImageOptions& pixels, const FeatureCacheOptions& options) {
  if (!fs::exists(options.folder)) return nullptr;
  const fs::path folder = options.folder / regions_name(backbone, region_size, data, pixels, options.half);
  if (!fs::exists(folder / kFeatureRecord)) return nullptr;
  log_info("regions of pictures: {}", folder.string());
  return std::make_shared<const FeatureStore>(folder, static_cast<int64_t>(data.posts.size()));
}

CachedFeatures cached_regions(ImageBackbone& backbone, int64_t region_size, const DataSet& data, const ImageOptions& pixels,
                              const FeatureCacheOptions& options) {
  const RegionPasses passes(backbone, pixels, region_size);
  const std::string name = regions_name(backbone, region_size, data, pixels, options.half), title = "regions of pictures";
  const fs::path folder = options.folder / name;
  const auto posts = static_cast<int64_t>(data.posts.size()), side = pixels.size / kRegionSide;
  if (fs::exists(folder / kFeatureRecord)) {
    log_info("{}: {}", title, folder.string());
    return {std::make_shared<const FeatureStore>(folder, posts), name};
  }
  log_info("{} of {} posts are computed once, {} passes a picture, into {}", title, posts, side * side, folder.string());
  make_folder(options.folder);
  ResumedFeatureWriter writer(folder, posts, {side, side, backbone.feature_size()}, options.half);
  if (writer.done() > 0) log_info("{} of them are there already, of a start that was stopped", writer.done());
  const int64_t before = writer.done();
  std::vector<int64_t> rows(static_cast<size_t>(posts - before));
  std::iota(rows.begin(), rows.end(), before);
  // One at a time: a picture takes long, and the bar moves and a signal is heard after each.
  const FrozenOptions frozen = {.batch_size = 1, .workers = options.workers, .title = title, .stop = options.stop};
  try {
    for_each_picture_batch(data.posts, rows, pixels, frozen, [&](const PictureBatch& batch) {
      std::map<int64_t, BadPicture> bad;
      for (const auto& [position, picture] : batch.bad) bad.emplace(before + position, picture);
      writer.append(passes.features(batch.pixel_values, batch.usable()).permute({0, 2, 3, 1}), bad);
    });
  } catch (const Interrupted& stopped) {
    writer.save();
    throw Interrupted(
        fmt::format("stopped by request while regions of pictures were computed; those of {} of {} posts are kept in {}.rows, and "
                    "the next start goes on behind them",
                    writer.done(), posts, folder.string()),
        stopped.exit_code());
  }
  writer.commit();
  return {std::make_shared<const FeatureStore>(folder, posts), name};
}

bool may_cache_features(const ImageOptions& pixels, bool cache, const DataSet& data) {
  const auto there = [](const Post& post) { return !post.image.empty() && fs::exists(post.image.file); };
  if (std::none_of(data.posts.begin(), data.posts.end(), there)) {
    log_info("no picture of the data set is there: no features of pictures are computed");
    return false;
  }
  if (pixels.augment != Augment::kNone) {
    log_info("picture features are computed at every step: image.augment changes the pictures (none would let them be cached)");
    return false;
  }
  if (!cache) log_info("picture features are computed at every step: data.features=live");
  return cache;
}

CachedFeatures cached_clip_embeds(const ClipEncoder& clip, const DataSet& data, const std::vector<int64_t>& rows,
                                  const FeatureCacheOptions& options) {
  const auto ids = clip_ids(clip, data, rows, options.workers);
  std::string texts;
  for (const auto& row : ids) texts += fmt::format("{}\n", fmt::join(row, " "));
  const std::string key = feature_key(*clip.model, data, clip.pixels, options.half, texts + clip.model->settings());
  const auto& model = clip.model;
  const at::Device device = model->parameters().front().device();
  return cached("clip", "CLIP embeddings", key, static_cast<int64_t>(rows.size()), options,
                [&](FeatureWriter& writer, const FrozenOptions& frozen) {
                  return for_each_picture(data.posts, rows, clip.pixels, frozen, [&](int64_t first, const at::Tensor& pixel_values) {
                    std::vector<int64_t> positions(static_cast<size_t>(pixel_values.size(0)));
                    std::iota(positions.begin(), positions.end(), first);
                    const at::Tensor image = model->image_embeds(pixel_values.to(device));
                    const int64_t pad = clip.tokenizer->pad_id();
                    const at::Tensor text = model->text_embeds(model->padded(pad_texts(ids, positions, pad).input_ids, pad).to(device));
                    writer.append(at::stack({image, text}, 1));
                  });
                });
}

}  // namespace infig
