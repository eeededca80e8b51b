// Anchors: what simple models score on a data set, so that a trained model's score has something to stand against. Majority class;
// TF-IDF; frozen features of published encoders; each with logistic regression whose strength is chosen on dev.
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
  std::filesystem::path text_model;   // folder as transformers saves it; empty: no rows with text features
  std::filesystem::path image_model;  // folder or file, see load_image_backbone(); empty: no rows with picture features
  int64_t max_length = 128;           // tokens a text for the text model
  int64_t batch_size = 32;            // posts a forward pass
  int64_t workers = 2;                // threads
};

// What the logistic regressions see, row for row with the posts. Encoder features are scaled to length 1, TF-IDF is so already.
struct AnchorFeatures {
  at::Tensor text;              // [N, D] float, mean of the last hidden states; undefined without a text model
  at::Tensor image;             // [N, c] float, pooled grid; undefined without an image model
  PictureCounts pictures = {};  // with an image model
};

struct AnchorScores {
  int64_t posts = 0;
  double accuracy = 0, accuracy_low = 0, accuracy_high = 0;  // with 95 % Wilson interval
  double f1_macro = 0, f1_weighted = 0;
};

struct AnchorRow {
  std::string name;                            // "majority", "tfidf", "text", "image", "text+image", "tfidf+text+image"
  double c = 0;                                // inverse strength of the penalty chosen on dev; 0: nothing was fitted
  std::map<std::string, AnchorScores> splits;  // "dev", "test": those that have labelled posts
};

struct AnchorTable {
  std::string data_sha256;              // of the posts
  std::string text_model, image_model;  // names of the models' folders or files; "" where there was none
  std::vector<AnchorRow> rows;
  PictureCounts pictures = {};  // with an image model; not read back
};

// Throws DataError where posts name pictures, an image model is to look at them, and none of them can be used.
AnchorFeatures anchor_features(const DataSet& data, const AnchorOptions& options);

// Fits on train and scores dev and test. c is the one of 10^-2, 10^-1.5 .. 10^3 with the best dev accuracy, the smallest where several
// are; without a dev split it is 1. Throws DataError where train has no labelled posts.
AnchorTable compute_anchors(const DataSet& data, const AnchorFeatures& features, const AnchorOptions& options);

// Where the table of a data set stands: DATA/anchors.json, or FILE.anchors.json beside a table.
std::filesystem::path anchors_path(const std::filesystem::path& data);
void write_anchors(const AnchorTable& table, const std::filesystem::path& path);  // atomically
// Nothing where there is no file, or where it is of other posts than `data_sha256`. Throws DataError for a broken file.
std::optional<AnchorTable> read_anchors(const std::filesystem::path& path, const std::string& data_sha256);

}  // namespace infig
