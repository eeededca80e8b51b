// Posts dealt out to bins (splits or folds) so that every class keeps its share, and posts of one group stay together.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace infig {

// `total` divided in proportion to `weights` by largest remainder (ties: the earlier one): whole numbers whose sum is `total`, none below
// `least` where that is given. Throws std::invalid_argument where the least ones together exceed `total`, or all weights are 0.
std::vector<int64_t> apportion(int64_t total, std::span<const int64_t> weights, std::span<const int64_t> least = {});

// How many posts of each class each bin gets: quotas[bin][class].
using Quotas = std::vector<std::vector<int64_t>>;

// Bins of the given sizes (their sum is that of `class_counts`) in which each class has its share by largest remainder. Bins are filled
// from the last to the first, which takes what is left; a bin's sum is exact.
Quotas stratified_quotas(std::span<const int64_t> class_counts, std::span<const int64_t> bin_sizes);

// The split of a class as draw_stratified_split() does it: bins train, dev, test; of n posts floor(n / 10) (at least one of three or more)
// are dev's, as many test's.
Quotas ten_percent_quotas(std::span<const int64_t> class_counts);

// Which bin each post goes to: element i for the post of class labels[i]. Streams ("split", class) of `seed` shuffle each class, whose
// posts fill the bins from the second on; the first takes the rest. With `groups` (one number a post, as many as labels) posts of equal
// numbers share a bin: groups of several posts go first, the largest ahead, each into a bin drawn from stream ("split groups") among those
// that still have room for all its posts (with chances as the room they have), or, where none has, into the one with the most room; single
// posts then fill up. A class's numbers can therefore miss their quotas only by what its large groups force.
std::vector<int32_t> deal_posts(std::span<const int32_t> labels, std::span<const uint64_t> groups, Quotas quotas, uint64_t seed);

}  // namespace infig
