// Anchors: the scores of simple models on a data set, against which a trained model's score can be judged. The majority class; TF-IDF;
// frozen features of published encoders. All but the first use logistic regression, with the regularisation chosen on dev.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "data/post.h"
#include "model/baselines/features.h"
#include "posts/post_counts.h"

namespace infig {

struct AnchorOptions {
  std::filesystem::path text_model;   // model folder in transformers' format; empty: no rows with text features
  std::filesystem::path image_model;  // folder or file, see load_image_backbone(); empty: no rows with picture features
  int64_t max_length = 128;           // tokens per text for the text model
  int64_t batch_size = 32;            // posts per forward pass
  int64_t workers = 2;                // threads
};

// Inputs of the logistic regressions, one row per post. Encoder features are scaled to length 1; TF-IDF vectors already have it.
struct AnchorFeatures {
  at::Tensor text;              // [N, D] float, mean of the last hidden states; undefined without a text model
  at::Tensor image;             // [N, c] float, mean over the feature map's grid; undefined without an image model
  PictureCounts pictures = {};  // with an image model
};

struct AnchorScores {
  int64_t posts = 0;
  double accuracy = 0, accuracy_low = 0, accuracy_high = 0;  // with 95 % Wilson interval
  double f1_macro = 0, f1_weighted = 0;
};

struct AnchorRow {
  std::string name;                            // "majority", "tfidf", "text", "image", "text+image", "tfidf+text+image"
  double c = 0;                                // inverse regularisation strength chosen on dev; 0: nothing was fitted
  std::map<std::string, AnchorScores> splits;  // "dev", "test": those that have labelled posts
};

struct AnchorTable {
  std::string data_sha256;              // of the posts
  std::string text_model, image_model;  // names of the models' folders or files; "" if there was none
  std::vector<AnchorRow> rows;
  PictureCounts pictures = {};  // if there is an image model
};

// Adds to `table` the rows of `earlier`, a table of the same posts, that it lacks because it was made without their models. Returns one
// sentence on what was kept or replaced; empty if `earlier` has nothing that `table` lacks or changes.
std::string keep_earlier_rows(AnchorTable& table, const AnchorTable& earlier);

// Throws DataError if there is an image model and posts name pictures, but none of these can be used.
AnchorFeatures anchor_features(const DataSet& data, const AnchorOptions& options);

// Fits on train and scores dev and test. c is the value among 10^-2, 10^-1.5, ..., 10^3 with the best dev accuracy, the smallest on ties;
// without a dev split it is 1. Throws DataError if train has no labelled posts.
AnchorTable compute_anchors(const DataSet& data, const AnchorFeatures& features, const AnchorOptions& options);

// Path of a data set's table of anchors: DATA/anchors.json for a folder, FILE.anchors.json for a table FILE.
std::filesystem::path anchors_path(const std::filesystem::path& data);
void write_anchors(const AnchorTable& table, const std::filesystem::path& path);  // atomically
// Returns nothing if there is no file, or if it is for other posts than `data_sha256`. Throws DataError for a broken file.
std::optional<AnchorTable> read_anchors(const std::filesystem::path& path, const std::string& data_sha256);

}  // namespace infig
