// The classes of MGNNS's class graphs: what is seen in the pictures of a data set, from a file or from a classifier's own classes.
#pragma once

#include <torch/types.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/post.h"
#include "encoders/image_backbone.h"
#include "image/transform.h"

namespace infig {

struct PictureClasses {
  std::vector<std::string> names;  // of the classes; empty where they have none
  std::vector<double> graph;       // [n n], G of class_graph() (linear/cooccurrence.h)
};

struct PictureClassOptions {
  int64_t classes = 80;    // n, the most frequent ones; where there are fewer, the others are joined with nothing
  double threshold = 0.6;  // as ClassGraphOptions
  double gamma = 0.2;
};

// From a file of detections, "id<TAB>name", with further names behind tabs or commas, for posts of `data`; only training posts count, and
// each name once a post. Classes in the order of their frequency, equal ones by name; names in lower case. Throws DataError naming file and
// line for a row that is none, an id that no post has or that is there twice, and for a file without a name for any training post.
PictureClasses classes_from_file(const DataSet& data, const std::filesystem::path& file, const PictureClassOptions& options);

struct ClassifierRun {
  int64_t workers = 2;
  const std::atomic<int>* stop = nullptr;
  std::string title;
};

// From the classifier of a published network (encoders/picture_classifier.h): of each training picture the classes with a probability of .1
// at least among its five most likely. Without names. Throws CheckpointError, ConfigError.
PictureClasses classes_from_classifier(const DataSet& data, const std::filesystem::path& model, const ImageOptions& pixels,
                                       const PictureClassOptions& options, const ClassifierRun& run);

// n classes that nothing joins.
PictureClasses isolated_classes(int64_t classes);

}  // namespace infig
