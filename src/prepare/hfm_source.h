// HFM as a source of posts (docs/published-data.md).
#pragma once

#include <filesystem>
#include <memory>

#include "prepare/source.h"

namespace infig {

struct HfmOptions {
  std::filesystem::path raw = {};     // the authors' repository: text/{train,valid2,test2}.txt and extract/extract_all; or its parent
  std::filesystem::path splits = {};  // folder of the public JSON split: train.json, valid.json (or dev.json), test.json
  std::filesystem::path images = {};  // folder of <id>.jpg; empty: dataset_image/ or images/ beside the texts, where there is one
};

// With `raw`: the rows of the three text files that hold none of the filter's words, labelled by their last element, the five attribute
// words of a picture as field "attributes". With `splits` alone: the posts of those files. Both give the same posts in the same
// order. With both: the posts, order and labels of the split files, differences from the raw rows noted, and the attributes. A post absent
// from extract_all has no such field, and is noted where the file is there. Throws ConfigError where both are empty, DataError for what is
// absent or broken (hfm.h, public_split.h).
std::unique_ptr<PostSource> open_hfm(const HfmOptions& options);

}  // namespace infig
