#include "data/split.h"

#include <algorithm>
#include <span>

#include "core/random.h"

namespace infig {

std::vector<Split> draw_stratified_split(std::span<const int32_t> label_ids, int64_t label_count, uint64_t seed) {
  std::vector<std::vector<int64_t>> rows(static_cast<size_t>(label_count));
  for (size_t i = 0; i < label_ids.size(); ++i) rows.at(static_cast<size_t>(label_ids[i])).push_back(static_cast<int64_t>(i));
  std::vector<Split> splits(label_ids.size(), Split::kTrain);
  for (size_t label = 0; label < rows.size(); ++label) {
    RandomStream stream(seed, "split", label);
    stream.shuffle(std::span<int64_t>(rows[label]));
    const size_t count = rows[label].size();
    const size_t share = std::max<size_t>(count / 10, count >= 3 ? 1 : 0);
    for (size_t i = 0; i < 2 * share; ++i) splits[static_cast<size_t>(rows[label][i])] = i < share ? Split::kDev : Split::kTest;
  }
  return splits;
}

void draw_stratified_split(DataSet& data, uint64_t seed) {
  std::vector<int32_t> label_ids;
  for (const auto& post : data.posts) label_ids.push_back(static_cast<int32_t>(post.label_id));
  const auto splits = draw_stratified_split(label_ids, static_cast<int64_t>(data.labels.size()), seed);
  for (size_t i = 0; i < splits.size(); ++i) data.posts[i].split = splits[i];
}

}  // namespace infig
