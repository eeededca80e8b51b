// What the public splits of known data sets hold (datasets.md 1).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "data/post.h"

namespace infig {

struct PublishedSplits {
  std::vector<std::string> labels;               // in id order
  std::map<Split, std::vector<int64_t>> totals;  // posts of each label, in that order
};

// "mvsa-single". Throws ConfigError naming the known ones.
const PublishedSplits& published_splits(const std::string& name);

// Every split and label of `data` whose number of posts is not the published one, as sentences; splits that `data` lacks are not
// compared. Also says where the labels or their order differ, or where no split is there at all.
std::vector<std::string> published_misses(const DataSet& data, const std::string& name);

}  // namespace infig
