// What the loader is told for a network of Table 2 (BaselineModel in baseline_model.h): texts as words, columns of captions and attributes,
// and the features of frozen towers.
#include <ATen/ATen.h>

#include <algorithm>
#include <functional>

#include "core/log.h"
#include "core/parallel.h"
#include "model/baselines/baseline_model.h"
#include "model/feature_cache.h"

namespace infig {
namespace {

constexpr const char* kFrozenImage = "image";
constexpr const char* kFrozenScene = "scene";
constexpr const char* kFrozenWhole = "whole";

// A row of ids for each post, all of one length, 0 behind them.
class IdRows : public RowSource {
 public:
  IdRows(size_t posts, int64_t length) : length_(length), ids_(posts * static_cast<size_t>(length)) {}
  void set(size_t post, const std::vector<int64_t>& ids) {
    const auto count = std::min<size_t>(ids.size(), static_cast<size_t>(length_));
    std::copy_n(ids.begin(), count, ids_.begin() + static_cast<std::ptrdiff_t>(post * static_cast<size_t>(length_)));
  }
  at::Tensor gather(const std::vector<int64_t>& rows) const override {
    const at::Tensor found = at::empty({static_cast<int64_t>(rows.size()), length_}, at::kLong);
    for (size_t i = 0; i < rows.size(); ++i)
      std::copy_n(ids_.begin() + rows[i] * length_, length_, found.data_ptr<int64_t>() + static_cast<int64_t>(i) * length_);
    return found;
  }

 private:
  int64_t length_;
  std::vector<int64_t> ids_;
};

// `ids_of` gives each post's ids; a hidden picture has none.
ColumnMaker id_column(int64_t length, std::function<std::vector<int64_t>(const Post&)> ids_of) {
  return [length, ids_of = std::move(ids_of)](const std::vector<Post>& posts, Without without) -> std::shared_ptr<const RowSource> {
    auto rows = std::make_shared<IdRows>(posts.size(), length);
    if (without == Without::kImage) return rows;
    for (size_t i = 0; i < posts.size(); ++i) rows->set(i, ids_of(posts[i]));
    return rows;
  };
}

std::vector<int64_t> attribute_ids(const Post& post, const WordVocabulary& words) {
  std::vector<int64_t> ids;
  for (const std::string& word : post.attributes) ids.push_back(words.id_of(word));
  return ids;
}

// The rows of a store; a grid is stored as [h, w, c].
class StoredFeatures : public RowSource {
 public:
  explicit StoredFeatures(std::shared_ptr<const FeatureStore> store) : store_(std::move(store)) {}
  at::Tensor gather(const std::vector<int64_t>& rows) const override {
    const at::Tensor found = store_->gather(rows);
    return found.dim() == 4 ? found.permute({0, 3, 1, 2}) : found;
  }

 private:
  std::shared_ptr<const FeatureStore> store_;
};

}  // namespace

LoaderInputs BaselineModel::inputs(const Tokenizer* tokenizer) const {
  const BaselineOptions& options = *options_;
  LoaderInputs inputs = {.tokenizer = tokenizer, .max_length = options.words.max_length};
  if (options.reads_pictures()) inputs.pixels = options.image.pixels;
  const auto* words = dynamic_cast<const WordVocabulary*>(tokenizer);
  if (words == nullptr) return inputs;
  const auto of_attributes = [words](const Post& post) { return attribute_ids(post, *words); };
  if (needs_.captions && options.captions.from != PictureWords::kClasses) {
    const int64_t length = options.captions.max_length;
    if (options.captions.from == PictureWords::kAttributes) {
      inputs.columns[BatchColumn::kCaptions] = id_column(length, of_attributes);
    } else {
      inputs.columns[BatchColumn::kCaptions] =
          id_column(length, [words, length](const Post& post) { return words->encode(post.caption, length).ids; });
    }
    if (!inputs.pixels) inputs.instead_of_pixels = BatchColumn::kCaptions;
  }
  if (needs_.attributes && options.attributes.from == PictureWords::kGiven) {
    inputs.columns[BatchColumn::kAttributes] = id_column(options.attributes.count, of_attributes);
    if (!inputs.pixels) inputs.instead_of_pixels = BatchColumn::kAttributes;
  }
  return inputs;
}

std::map<std::string, std::string> BaselineModel::add_training_inputs(PostLoader& loader, const InputContext& context) {
  const BaselineOptions& options = *options_;
  std::map<std::string, std::string> folders;
  if (!options.reads_pictures() || context.without == Without::kImage ||
      !may_cache_features(options.image.pixels, context.cache, *context.data))
    return folders;
  const FeatureCacheOptions how = {
      .folder = context.folder, .half = context.half_features, .workers = context.workers, .stop = context.stop};
  const auto cached = [&](ImageBackbone& backbone, bool grid) {
    return grid ? cached_grids(backbone, *context.data, options.image.pixels, how)
                : cached_pooled(backbone, *context.data, options.image.pixels, how);
  };
  if (passes_ != nullptr) {
    const CachedFeatures regions = cached_regions(*backbone_, options.image.region_size, *context.data, options.image.pixels, how);
    loader.use_features(regions.store);
    folders[kFrozenImage] = regions.folder;
    if (!options.names_classes()) return folders;
    const CachedFeatures whole = cached(*backbone_, false);
    loader.use_column(BatchColumn::kWhole, std::make_shared<StoredFeatures>(whole.store));
    folders[kFrozenWhole] = whole.folder;
    return folders;
  }
  const bool shared = scene_backbone_ == nullptr;
  const CachedFeatures object = cached(*backbone_, needs_.object_grid || (shared && needs_.scene_grid));
  loader.use_features(object.store);
  folders[kFrozenImage] = object.folder;
  if (shared) return folders;
  const CachedFeatures scene = cached(*scene_backbone_, needs_.scene_grid);
  loader.use_column(BatchColumn::kScene, std::make_shared<StoredFeatures>(scene.store));
  folders[kFrozenScene] = scene.folder;
  return folders;
}

void BaselineModel::add_found_inputs(PostLoader& loader, const FoundInputs& found) {
  if (passes_ == nullptr || options_->names_classes()) return;
  const auto store = found_regions(*backbone_, options_->image.region_size, *found.data, options_->image.pixels,
                                   {.folder = found.folder, .half = half_features()});
  if (store != nullptr) loader.use_features(store->of_rows(*found.rows));
}

}  // namespace infig
