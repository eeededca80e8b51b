#include "model/feature_cache.h"

#include <fmt/format.h>

#include "core/config.h"
#include "core/files.h"
#include "core/log.h"
#include "model/frozen_features.h"
#include "tensor/archive.h"

namespace infig {
namespace fs = std::filesystem;

std::string feature_key(const ImageBackbone& backbone, const DataSet& data, const ImageOptions& pixels, bool half) {
  std::string all = half ? "fp16\n" : "fp32\n";
  for (const auto& [name, tensor] : state_dict(backbone)) {
    const at::Tensor values = tensor.to(at::kCPU).contiguous();
    all += name + " " +
           sha256_hex({static_cast<const char*>(values.data_ptr()), static_cast<size_t>(values.numel()) * values.element_size()}) + "\n";
  }
  ImageOptions seen = pixels;
  seen.augment = Augment::kNone;
  ConfigBinder binder;
  bind_options(binder, seen);
  all += dump_config(binder, false) + data.sha256 + "\n";
  for (const auto& post : data.posts) {
    std::error_code code;
    const auto size = post.image.empty() ? 0 : fs::file_size(post.image, code);
    const auto time = post.image.empty() ? fs::file_time_type{} : fs::last_write_time(post.image, code);
    all += fmt::format("{}\t{}\t{}\n", post.image.string(), code ? 0 : size, code ? 0 : time.time_since_epoch().count());
  }
  return sha256_hex(all);
}

std::shared_ptr<const FeatureStore> cached_grids(ImageBackbone& backbone, const DataSet& data, const ImageOptions& pixels,
                                                 const FeatureCacheOptions& options) {
  const std::string key = feature_key(backbone, data, pixels, options.half);
  const fs::path folder = options.folder / ("image-" + key.substr(0, 16));
  const auto rows = static_cast<int64_t>(data.posts.size());
  if (fs::exists(folder / "features.json")) {
    log_info("picture features: {}", folder.string());
    return std::make_shared<const FeatureStore>(folder, rows);
  }
  log_info("picture features of {} posts are computed once, into {}", rows, folder.string());
  make_folder(options.folder);
  FeatureWriter writer(folder, rows, options.half);
  const auto bad = for_each_grid(backbone, data.posts, pixels,
                                 {.batch_size = options.batch_size, .workers = options.workers, .title = "picture features"},
                                 [&](int64_t, const at::Tensor& grid) { writer.append(grid); });
  writer.commit(bad);
  return std::make_shared<const FeatureStore>(folder, rows);
}

}  // namespace infig
