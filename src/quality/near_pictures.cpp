#include <algorithm>
#include <bit>
#include <mutex>

#include "core/parallel.h"
#include "core/progress.h"
#include "quality/near.h"

namespace infig {
namespace {

constexpr int64_t kParts = 4, kPartBits = 16, kKeys = int64_t{1} << kPartBits, kRadius = 2;
constexpr int64_t kPictureCrowd = 1024;  // pictures of one part that are compared

// The coarse half of the signs is cut into four parts.
uint32_t part_of(const PicturePrint& print, int64_t part) {
  return static_cast<uint32_t>(print.signs[0] >> (part * kPartBits)) & (kKeys - 1);
}

// Pictures by the value of one part, ascending within it.
struct PartIndex {
  std::vector<int32_t> start = std::vector<int32_t>(kKeys + 1, 0);
  std::vector<int32_t> items;
};

PartIndex index_part(std::span<const PicturePrint> prints, int64_t part) {
  PartIndex index;
  for (const auto& print : prints) {
    if (!print.flat) ++index.start[part_of(print, part) + 1];
  }
  for (size_t key = 1; key < index.start.size(); ++key) index.start[key] += index.start[key - 1];
  index.items.resize(static_cast<size_t>(index.start.back()));
  std::vector<int32_t> next(index.start.begin(), index.start.end() - 1);
  for (size_t i = 0; i < prints.size(); ++i) {
    if (!prints[i].flat) index.items[static_cast<size_t>(next[part_of(prints[i], part)]++)] = static_cast<int32_t>(i);
  }
  return index;
}

// Every pattern of up to kRadius bits of a part.
std::vector<uint32_t> flips() {
  std::vector<uint32_t> patterns;
  for (uint32_t pattern = 0; pattern < kKeys; ++pattern) {
    if (std::popcount(pattern) <= kRadius) patterns.push_back(pattern);
  }
  return patterns;
}

}  // namespace

void each_near_picture(std::span<const PicturePrint> prints, int64_t threads, const MatchSink& sink) {
  constexpr int64_t kBlock = 1024;
  std::vector<PartIndex> parts;
  for (int64_t part = 0; part < kParts; ++part) parts.push_back(index_part(prints, part));
  const std::vector<uint32_t> patterns = flips();
  const auto count = static_cast<int64_t>(prints.size());
  std::mutex mutex;
  ProgressBar bar("near pictures", count, "pictures");
  int64_t done = 0;
  // An earlier picture that shares this part but none before it.
  const auto visit = [&](int64_t second, int64_t part, std::vector<Match>& found) {
    const PicturePrint& print = prints[static_cast<size_t>(second)];
    const PartIndex& index = parts[static_cast<size_t>(part)];
    for (const uint32_t pattern : patterns) {
      const uint32_t key = part_of(print, part) ^ pattern;
      const auto begin = index.items.begin() + index.start[key],
                 end = index.items.begin() + std::min<int32_t>(index.start[key + 1], index.start[key] + kPictureCrowd);
      for (auto item = begin; item != end && *item < second; ++item) {
        const PicturePrint& other = prints[static_cast<size_t>(*item)];
        if (sign_distance(other, print) > kSamePictureSigns) continue;
        bool before = false;
        for (int64_t p = 0; p < part && !before; ++p) before = std::popcount(part_of(print, p) ^ part_of(other, p)) <= kRadius;
        if (before) continue;
        if (const auto similarity = same_picture(other, print)) found.push_back({*item, second, *similarity});
      }
    }
  };
  parallel_for((count + kBlock - 1) / kBlock, threads, [&](int64_t block) {
    std::vector<Match> found;
    const int64_t end = std::min(count, (block + 1) * kBlock);
    for (int64_t second = block * kBlock; second < end; ++second) {
      if (prints[static_cast<size_t>(second)].flat) continue;
      for (int64_t part = 0; part < kParts; ++part) visit(second, part, found);
    }
    const std::lock_guard<std::mutex> lock(mutex);
    if (!found.empty()) sink(found);
    bar.update(done += end - block * kBlock);
  });
}

std::vector<Match> near_pictures(std::span<const PicturePrint> prints, int64_t threads) {
  std::vector<Match> matches;
  each_near_picture(prints, threads, [&](std::span<const Match> found) { matches.insert(matches.end(), found.begin(), found.end()); });
  std::sort(matches.begin(), matches.end(),
            [](const Match& a, const Match& b) { return std::pair(a.first, a.second) < std::pair(b.first, b.second); });
  return matches;
}

}  // namespace infig
