// MVSA-Multiple as a source of posts (docs/published-data.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "data/utf8.h"
#include "prepare/source.h"

namespace infig {

struct MvsaMultipleOptions {
  std::filesystem::path raw = {};     // MVSA/ (data/<ID>.jpg, data/<ID>.txt, labelResultAll.txt), or its parent
  std::filesystem::path splits = {};  // folder of the public split: train.json, dev.json (or valid.json), test.json
  std::filesystem::path images = {};  // folder of <ID>.jpg; empty: that of the raw texts
  TextDecode text_decode = TextDecode::kUtf8Ignore;
  uint64_t seed = 1;  // draws the split where `splits` is empty
};

// With `raw`: majority of the three text labels and of the three picture labels (three different ones drop the pair), joined as
// MVSA-Single's, without the four excluded ids; 17,024 posts must be left of a label file of 19,500 rows or more (a shorter one is a part
// of the download: a warning says so). With `splits` also: the posts, order and labels of those files, each label checked against the rule
// and each text against the raw one, differences noted. With `splits` alone: their posts and texts. Throws ConfigError where both are
// empty, DataError for what is absent or broken (mvsa.h, public_split.h), for another number of posts than 17,024, and for split files that
// hold an excluded id.
std::unique_ptr<PostSource> open_mvsa_multiple(const MvsaMultipleOptions& options);

}  // namespace infig
