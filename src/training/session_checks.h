// What is checked of a run's posts: before anything is written, and once it is known which pictures can be used.
#pragma once

#include <cstdint>

#include "data/post.h"
#include "distributed/ranks.h"
#include "tensor/loader.h"
#include "training/run_config.h"

namespace infig {

// Several ranks are processes on CPUs: a GPU would be shared by all of them. Throws ConfigError.
at::Device device_of_ranks(DeviceChoice choice, const Ranks& ranks);

// `left` posts of the split take part. Says how many data.bad_image=skip has dropped, and throws DataError where fewer than `least` are
// left.
void check_posts_left(const RunConfig& config, const DataSet& data, const PostLoader& loader, Split split, int64_t left, int64_t least);

// The largest batch up to `batch`, a multiple of `ranks`, that splits `posts` into as many steps as `batch` would, or one more, and so
// leaves out as few as can be. posts >= batch >= ranks >= 1.
int64_t fitting_batch(int64_t posts, int64_t batch, int64_t ranks);

}  // namespace infig
