// What the public splits of known data sets hold (docs/published-data.md).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "data/post.h"

namespace infig {

struct PublishedSplits {
  std::vector<std::string> labels;               // in id order
  std::map<Split, std::vector<int64_t>> totals;  // posts of each label, in that order; of no split where these are not published
  std::map<Split, int64_t> sizes = {};           // posts of each split, where that is all that is published of it
  std::vector<int64_t> class_totals = {};        // posts of each label in all splits together; empty: the sum of `totals`
  int64_t (*class_of)(int64_t id) = nullptr;     // the label that an id implies, -1: not an id of this data set; null: ids imply no label
};

// "hfm", "mvsa-multiple", "mvsa-single" or "tumemo". Throws ConfigError naming the known ones.
const PublishedSplits& published_splits(const std::string& name);
std::vector<std::string> published_names();

// Every difference between `data` and the published numbers, as sentences: posts of a split, of a split's label, of a label in all
// (compared where all three splits are there), and labels that the ids contradict. Splits that `data` lacks are not compared. Also says
// where the labels or their order differ, or where there are no posts at all.
std::vector<std::string> published_misses(const DataSet& data, const std::string& name);

}  // namespace infig
