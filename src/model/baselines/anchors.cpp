#include "model/baselines/anchors.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "alignment/cosine.h"
#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "core/progress.h"
#include "core/words.h"
#include "linear/tfidf.h"
#include "metrics/classification.h"
#include "model/baselines/logistic_regression.h"
#include "model/frozen_features.h"
#include "text/tokenizer.h"

namespace infig {
namespace fs = std::filesystem;
using nlohmann::json;
namespace {

struct SplitRows {
  std::vector<int64_t> rows, labels;
};

SplitRows labelled_rows(const DataSet& data, Split split) {
  SplitRows result;
  for (const int64_t row : data.rows_of(split)) {
    const int64_t label = data.posts[static_cast<size_t>(row)].label_id;
    if (label < 0) continue;
    result.rows.push_back(row);
    result.labels.push_back(label);
  }
  return result;
}

AnchorScores summarise(const ClassificationScores& scores) {
  return {.posts = scores.count,
          .accuracy = scores.accuracy,
          .accuracy_low = scores.accuracy_low,
          .accuracy_high = scores.accuracy_high,
          .f1_macro = scores.f1_macro,
          .f1_weighted = scores.f1_weighted};
}

AnchorScores score(const at::Tensor& probabilities, const std::vector<int64_t>& labels) {
  const at::Tensor rows = probabilities.contiguous();
  return summarise(score_classification({rows.data_ptr<double>(), static_cast<size_t>(rows.numel())}, labels, rows.size(1)));
}

struct Splits {
  SplitRows train, dev, test;
};

// The features that a row of the table uses.
struct Parts {
  std::string name;
  bool words = false, text = false, image = false;
};

class AnchorMaker {
 public:
  AnchorMaker(const DataSet& data, const AnchorFeatures& features, const AnchorOptions& options)
      : data_(data), options_(options), classes_(static_cast<int64_t>(data.labels.size())) {
    splits_ = {labelled_rows(data, Split::kTrain), labelled_rows(data, Split::kDev), labelled_rows(data, Split::kTest)};
    if (splits_.train.rows.empty()) throw DataError(fmt::format("{}: no labelled posts in train", data.called()));
    vectorizer_.fit(texts_of(splits_.train));
    if (features.text.defined()) text_ = unit_rows(features.text);
    if (features.image.defined()) image_ = unit_rows(features.image);
  }

  AnchorRow majority() const {
    std::vector<int64_t> counts(static_cast<size_t>(classes_), 0);
    for (const int64_t label : splits_.train.labels) ++counts[static_cast<size_t>(label)];
    const int64_t best = std::max_element(counts.begin(), counts.end()) - counts.begin();
    AnchorRow row{.name = "majority", .c = 0, .splits = {}};
    for (const auto& [name, split] : scored_splits()) {
      at::Tensor probabilities = at::zeros({static_cast<int64_t>(split->rows.size()), classes_}, at::kDouble);
      probabilities.select(1, best).fill_(1.0);
      row.splits[name] = score(probabilities, split->labels);
    }
    return row;
  }

  AnchorRow fit(const Parts& parts) const {
    const Features train = features_of(splits_.train, parts);
    std::vector<double> grid;
    for (int half = -4; half <= 6; ++half) grid.push_back(std::pow(10.0, half / 2.0));
    if (splits_.dev.rows.empty()) grid = {1.0};
    const Features dev = splits_.dev.rows.empty() ? Features{} : features_of(splits_.dev, parts);
    AnchorRow row{.name = parts.name, .c = 0, .splits = {}};
    LogisticRegression model, best;
    double best_accuracy = -1;
    ProgressBar bar(parts.name, static_cast<int64_t>(grid.size()), "fits");
    for (size_t i = 0; i < grid.size(); ++i) {
      model.fit(train, splits_.train.labels, classes_, {.c = grid[i], .threads = options_.workers});
      const double accuracy = splits_.dev.rows.empty() ? 0 : score(model.predict_proba(dev), splits_.dev.labels).accuracy;
      if (accuracy > best_accuracy) {
        best_accuracy = accuracy;
        best = model;
        best.detach();
        row.c = grid[i];
      }
      bar.update(static_cast<int64_t>(i) + 1);
    }
    bar.finish();
    for (const auto& [name, split] : scored_splits())
      row.splits[name] = score(best.predict_proba(features_of(*split, parts)), split->labels);
    return row;
  }

 private:
  std::map<std::string, const SplitRows*> scored_splits() const {
    std::map<std::string, const SplitRows*> result;
    if (!splits_.dev.rows.empty()) result["dev"] = &splits_.dev;
    if (!splits_.test.rows.empty()) result["test"] = &splits_.test;
    return result;
  }

  std::vector<std::string> texts_of(const SplitRows& split) const {
    std::vector<std::string> texts;
    for (const int64_t row : split.rows) texts.push_back(data_.posts[static_cast<size_t>(row)].text);
    return texts;
  }

  Features features_of(const SplitRows& split, const Parts& parts) const {
    Features features;
    if (parts.words) features.sparse = vectorizer_.transform(texts_of(split));
    std::vector<at::Tensor> dense;
    const at::Tensor rows = at::tensor(split.rows, at::kLong);
    if (parts.text) dense.push_back(text_.index_select(0, rows));
    if (parts.image) dense.push_back(image_.index_select(0, rows));
    if (!dense.empty()) features.dense = at::cat(dense, 1);
    return features;
  }

  const DataSet& data_;
  const AnchorOptions& options_;
  int64_t classes_;
  Splits splits_;
  TfidfVectorizer vectorizer_;
  at::Tensor text_, image_;
};

json to_json(const AnchorScores& scores) {
  return {{"posts", scores.posts},
          {"accuracy", scores.accuracy},
          {"accuracy_low", scores.accuracy_low},
          {"accuracy_high", scores.accuracy_high},
          {"f1_macro", scores.f1_macro},
          {"f1_weighted", scores.f1_weighted}};
}

}  // namespace

AnchorFeatures anchor_features(const DataSet& data, const AnchorOptions& options) {
  AnchorFeatures features;
  FrozenOptions frozen{.batch_size = options.batch_size, .workers = options.workers, .title = "text features"};
  if (!options.text_model.empty()) {
    const auto tokenizer = load_tokenizer(options.text_model);
    features.text = mean_text_features(*load_text_encoder(options.text_model), *tokenizer, data.posts, options.max_length, frozen);
  }
  if (!options.image_model.empty()) {
    frozen.title = "picture features";
    const PublishedBackbone published = load_image_backbone(options.image_model);
    PooledPictures pooled = pooled_picture_features(*published.backbone, data.posts, published.pixels, frozen);
    if (pooled.counts.all_lost()) {
      throw DataError(fmt::format("{}: none of the {} that the posts name can be used; put them there, or leave out --image-model",
                                  data.called(), counted(pooled.counts.named, "picture")));
    }
    features.image = std::move(pooled.features);
    features.pictures = pooled.counts;
    features.pictures.lost = data.lost_pictures;
  }
  return features;
}

AnchorTable compute_anchors(const DataSet& data, const AnchorFeatures& features, const AnchorOptions& options) {
  const AnchorMaker maker(data, features, options);
  AnchorTable table{
      .data_sha256 = data.sha256, .text_model = last_name(options.text_model), .image_model = last_name(options.image_model), .rows = {}};
  table.pictures = features.pictures;
  table.rows.push_back(maker.majority());
  const bool text = features.text.defined(), image = features.image.defined();
  table.rows.push_back(maker.fit({.name = "tfidf", .words = true}));
  if (text) table.rows.push_back(maker.fit({.name = "text", .text = true}));
  if (image) table.rows.push_back(maker.fit({.name = "image", .image = true}));
  if (text && image) {
    table.rows.push_back(maker.fit({.name = "text+image", .text = true, .image = true}));
    table.rows.push_back(maker.fit({.name = "tfidf+text+image", .words = true, .text = true, .image = true}));
  }
  return table;
}

std::string keep_earlier_rows(AnchorTable& table, const AnchorTable& earlier) {
  std::vector<std::string> kept, lost;
  const auto takes = [](std::string& mine, const std::string& theirs) {
    const bool same = mine.empty() || theirs.empty() || mine == theirs;
    if (mine.empty()) mine = theirs;
    return same;
  };
  const bool had_pictures = !table.image_model.empty();
  const bool same_text = takes(table.text_model, earlier.text_model), same_image = takes(table.image_model, earlier.image_model);
  if (!had_pictures) table.pictures = earlier.pictures;
  for (const AnchorRow& row : earlier.rows) {
    const bool mine = std::any_of(table.rows.begin(), table.rows.end(), [&](const AnchorRow& one) { return one.name == row.name; });
    const bool of_text = row.name == "text" || row.name.ends_with("text+image");
    const bool of_image = row.name == "image" || row.name.ends_with("text+image");
    const bool same = (!of_text || same_text) && (!of_image || same_image);
    if (mine && same) continue;  // computed anew
    if (mine || !same) {
      lost.push_back(row.name);
    } else {
      table.rows.push_back(row);
      kept.push_back(row.name);
    }
  }
  std::string words;
  if (!kept.empty()) words = fmt::format("kept from before: {}", fmt::join(kept, ", "));
  if (!lost.empty()) {
    std::vector<std::string> models;
    if (!same_text) models.push_back(earlier.text_model);
    if (!same_image) models.push_back(earlier.image_model);
    words += fmt::format("{}no longer in the table, being of {}: {}", words.empty() ? "" : "; ", fmt::join(models, " and "),
                         fmt::join(lost, ", "));
  }
  return words;
}

fs::path anchors_path(const fs::path& data) {
  return fs::is_directory(data) ? data / "anchors.json" : fs::path(data.string() + ".anchors.json");
}

void write_anchors(const AnchorTable& table, const fs::path& path) {
  json rows = json::array();
  for (const auto& row : table.rows) {
    json splits = json::object();
    for (const auto& [name, scores] : row.splits) splits[name] = to_json(scores);
    rows.push_back({{"name", row.name}, {"c", row.c}, {"splits", splits}});
  }
  json root = {{"data_sha256", table.data_sha256}, {"text_model", table.text_model}, {"image_model", table.image_model}, {"rows", rows}};
  if (!table.image_model.empty()) root.update(json(table.pictures.json()));
  write_file_atomic(path, root.dump(2) + "\n");
}

std::optional<AnchorTable> read_anchors(const fs::path& path, const std::string& data_sha256) {
  if (!fs::exists(path)) return std::nullopt;
  try {
    const json root = json::parse(read_file(path));
    if (root.at("data_sha256") != data_sha256) return std::nullopt;
    AnchorTable table{.data_sha256 = data_sha256, .text_model = root.at("text_model"), .image_model = root.at("image_model"), .rows = {}};
    if (root.contains("images_named")) {
      table.pictures = {.named = root.at("images_named"),
                        .truncated = root.at("images_truncated"),
                        .absent = root.at("images_absent"),
                        .bad = root.at("images_bad")};
    }
    for (const auto& item : root.at("rows")) {
      AnchorRow row{.name = item.at("name"), .c = item.at("c"), .splits = {}};
      for (const auto& [name, scores] : item.at("splits").items()) {
        row.splits[name] = {.posts = scores.at("posts"),
                            .accuracy = scores.at("accuracy"),
                            .accuracy_low = scores.at("accuracy_low"),
                            .accuracy_high = scores.at("accuracy_high"),
                            .f1_macro = scores.at("f1_macro"),
                            .f1_weighted = scores.at("f1_weighted")};
      }
      table.rows.push_back(std::move(row));
    }
    return table;
  } catch (const json::exception& problem) {
    throw DataError(fmt::format("{}: not a table of anchors: {}; write it anew with infig anchors", path.string(), json_fault(problem)));
  }
}

}  // namespace infig
