// TumEmo as a source of posts (docs/published-data.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "data/utf8.h"
#include "prepare/source.h"

namespace infig {

struct TumemoOptions {
  std::filesystem::path raw = {};         // the folder of <i>.txt and <i>.jpg, or one that holds it as data/ or all_data/
  std::filesystem::path label_file = {};  // empty: all_data_id_and_label.txt in `raw` or beside the texts
  std::filesystem::path splits = {};      // folder of lists of ids (tumemo.h); empty: the split is drawn
  std::filesystem::path images = {};      // folder of <i>.jpg; empty: that of the texts
  TextDecode text_decode = TextDecode::kUtf8Ignore;
  uint64_t seed = 1;
  bool check_ranges = true;  // refuse a label file that contradicts the class ranges of TumEmo's ids
};

// The posts of the label file in its order. Lists of ids keep their ids in their split; the rest is drawn from `seed` so that each split
// holds its published size (156,204, 19,525 and 19,536 of 195,265; of another number of posts in the same proportion by largest remainder),
// each class in proportion. Ids of the lists that the label file lacks are counted in the rules; a list's label that is not the label
// file's is noted. Eight bytes are kept a post. Throws DataError for what is absent or broken (tumemo.h), for labels outside the class
// ranges, and for lists that leave too few posts to reach the sizes.
std::unique_ptr<PostSource> open_tumemo(const TumemoOptions& options);

}  // namespace infig
