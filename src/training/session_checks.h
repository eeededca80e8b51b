// Checks of a run's posts, before anything is written and after it is known which pictures can be used.
#pragma once

#include <cstdint>

#include "data/post.h"
#include "distributed/ranks.h"
#include "tensor/loader.h"
#include "training/run_config.h"

namespace infig {

// Returns the device of this rank. Several ranks run on CPUs only, because they would share a GPU. Throws ConfigError.
at::Device device_of_ranks(DeviceChoice choice, const Ranks& ranks);

// For data.bad_image=skip: logs how many posts of the split were dropped. `left` is the number that remain; throws DataError if it is below
// `least`.
void check_posts_left(const RunConfig& config, const DataSet& data, const PostLoader& loader, Split split, int64_t left, int64_t least);

// Returns a batch size that leaves out fewer posts per epoch: among `batch` and the largest multiples of `ranks` that give ceil(posts /
// batch) steps or one more, the one with the smallest remainder. Requires posts >= batch >= ranks >= 1.
int64_t fitting_batch(int64_t posts, int64_t batch, int64_t ranks);

}  // namespace infig
