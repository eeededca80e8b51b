#include "data/split.h"

#include <algorithm>
#include <span>

#include "core/random.h"

namespace infig {

void draw_stratified_split(DataSet& data, uint64_t seed) {
  std::vector<std::vector<int64_t>> rows(data.labels.size());
  for (size_t i = 0; i < data.posts.size(); ++i) rows.at(static_cast<size_t>(data.posts[i].label_id)).push_back(static_cast<int64_t>(i));
  for (size_t label = 0; label < rows.size(); ++label) {
    RandomStream stream(seed, "split", label);
    stream.shuffle(std::span<int64_t>(rows[label]));
    const size_t count = rows[label].size();
    const size_t share = std::max<size_t>(count / 10, count >= 3 ? 1 : 0);
    for (size_t i = 0; i < count; ++i) {
      Post& post = data.posts[static_cast<size_t>(rows[label][i])];
      post.split = i < share ? Split::kDev : i < 2 * share ? Split::kTest : Split::kTrain;
    }
  }
}

}  // namespace infig
