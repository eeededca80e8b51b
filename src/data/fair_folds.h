// The ten folds of MVSA that Cheema et al. (2021), "A Fair and Comprehensive Comparison of Multimodal Tweet Sentiment Analysis Methods",
// publish (docs/published-data.md): valid_pairlist.txt, and splits/{train,val,test}_K.txt for K = 1..10.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "data/post.h"

namespace infig {

inline constexpr int64_t kFairFolds = 10;

struct FairPair {
  std::string id;
  std::string label, text_label, image_label;  // words of mvsa_labels()
};

// Parses valid_pairlist.txt: rows "ID,label,text label,image label" without a header; 0 neutral, 1 positive, 2 negative. `where` names the
// file in messages. Throws DataError with the row for another number of cells, another code, an id that is no file name or occurs twice,
// and for a label that is not the label rule's of the other two (joint_label); and for an empty file.
std::vector<FairPair> parse_fair_pairs(std::string_view bytes, const std::string& where);

// Parses a fold's list: one row number of valid_pairlist.txt a line, from 0. Throws DataError with the row for anything but a whole number
// below `pairs`, and for a number that stands there twice.
std::vector<int64_t> parse_fair_rows(std::string_view bytes, int64_t pairs, const std::string& where);

struct FairFold {
  std::vector<FairPair> pairs;             // of all folds, in the file's order
  std::vector<std::string> lists;          // names of the three files below the folder
  std::vector<std::vector<int64_t>> rows;  // train, dev, test: places in `pairs`, in the lists' order
};

// Reads the pairs in `folder`, and of fold 1 .. 10 the lists (in folder/splits, or folder itself). Throws DataError for a file that is
// absent or broken, and for a pair in two lists.
FairFold read_fair_fold(const std::filesystem::path& folder, int64_t fold);

bool holds_fair_pairs(const std::filesystem::path& folder);  // whether valid_pairlist.txt is there
std::vector<FairPair> read_fair_pairs(const std::filesystem::path& folder);

}  // namespace infig
