// A random split for data without a published one.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/post.h"

namespace infig {

// Gives every post a split, label by label: of a label's n posts floor(n / 10) go to dev, as many to test, the rest to train; a label with
// 3 to 9 posts still gives one to each. Which ones is drawn from stream ("split", label id) of `seed`. Needs label_id.
void draw_stratified_split(DataSet& data, uint64_t seed);

// The same for posts of which only the labels are at hand: element i is the split of post i, whose label is label_ids[i] (0 .. label_count
// - 1).
std::vector<Split> draw_stratified_split(std::span<const int32_t> label_ids, int64_t label_count, uint64_t seed);

}  // namespace infig
