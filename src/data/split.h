// A split drawn for data that comes without one.
#pragma once

#include <cstdint>

#include "data/post.h"

namespace infig {

// Gives every post a split, label by label: of a label's n posts floor(n / 10) go to dev, as many to test, the rest to train; a label with
// 3 to 9 posts still gives one to each. Which ones is drawn from stream ("split", label id) of `seed`. Needs label_id.
void draw_stratified_split(DataSet& data, uint64_t seed);

}  // namespace infig
