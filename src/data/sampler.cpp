#include "data/sampler.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <span>
#include <tuple>

#include "core/error.h"

namespace infig {
namespace {

// Ties stay in the order that they come in: the place is part of the key.
void sort_by_length(std::span<int64_t> rows, const std::vector<int64_t>& lengths) {
  struct Key {
    int64_t length;
    size_t place;
    int64_t row;
  };
  std::vector<Key> keys;
  keys.reserve(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) keys.push_back({lengths[static_cast<size_t>(rows[i])], i, rows[i]});
  std::sort(keys.begin(), keys.end(), [](const Key& a, const Key& b) { return std::tie(a.length, a.place) < std::tie(b.length, b.place); });
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = keys[i].row;
}

void cut_into_batches(std::span<const int64_t> rows, size_t batch_size, std::vector<std::vector<int64_t>>& batches) {
  for (size_t begin = 0; begin < rows.size(); begin += batch_size) {
    const auto batch = rows.subspan(begin, std::min(batch_size, rows.size() - begin));
    batches.emplace_back(batch.begin(), batch.end());
  }
}

// The shards in random order; each post is drawn out of `buffer` ones, whose place the next one takes.
std::vector<int64_t> buffered_order(const std::vector<int64_t>& shards, size_t buffer, RandomStream& stream) {
  std::vector<std::pair<int64_t, int64_t>> spans;  // first row, end
  for (const int64_t count : shards) {
    const int64_t first = spans.empty() ? 0 : spans.back().second;
    spans.emplace_back(first, first + count);
  }
  stream.shuffle(std::span<std::pair<int64_t, int64_t>>(spans));
  std::vector<int64_t> held, order;
  const auto draw = [&] {
    std::swap(held[stream.below(held.size())], held.back());
    order.push_back(held.back());
    held.pop_back();
  };
  for (const auto& [first, end] : spans) {
    for (int64_t row = first; row < end; ++row) {
      held.push_back(row);
      if (held.size() == buffer) draw();
    }
  }
  while (!held.empty()) draw();
  return order;
}

std::vector<int64_t> epoch_order(size_t posts, const SamplerOptions& options, RandomStream& stream, const std::vector<int64_t>& shards) {
  if (options.shuffle_buffer > 0) {
    const auto total = static_cast<size_t>(std::accumulate(shards.begin(), shards.end(), int64_t{0}));
    if (total != posts) throw ConfigError(fmt::format("sampler shards: hold {} posts, expected {}", total, posts));
    return buffered_order(shards, static_cast<size_t>(options.shuffle_buffer), stream);
  }
  std::vector<int64_t> epoch(posts);
  std::iota(epoch.begin(), epoch.end(), 0);
  stream.shuffle(std::span<int64_t>(epoch));
  return epoch;
}

}  // namespace

std::vector<int64_t> shards_of(const std::vector<Post>& posts, const std::vector<int64_t>& rows) {
  constexpr int64_t kRun = 1000;
  std::vector<int64_t> shards;
  const std::filesystem::path* tar = nullptr;
  for (const int64_t row : rows) {
    const FileSpan& image = posts[static_cast<size_t>(row)].image;
    const bool in_tar = !image.whole() && image.file.extension() == ".tar";
    // A post without a picture goes with the ones before it.
    const std::filesystem::path* mine = image.empty() ? tar : in_tar ? &image.file : nullptr;
    const bool same = !shards.empty() && (mine == nullptr ? tar == nullptr && shards.back() < kRun : tar != nullptr && *mine == *tar);
    if (same) {
      ++shards.back();
    } else {
      shards.push_back(1);
    }
    tar = mine;
  }
  return shards;
}

void SamplerOptions::validate() const {
  if (batch_size < 1) throw ConfigError(fmt::format("sampler batch_size: is {}, expected at least 1", batch_size));
  if (shuffle_buffer < 0) throw ConfigError(fmt::format("sampler shuffle_buffer: is {}, expected at least 0", shuffle_buffer));
  if (pool_batches < 1) throw ConfigError(fmt::format("sampler pool_batches: is {}, expected at least 1", pool_batches));
}

std::vector<std::vector<int64_t>> bucketed_batches(const std::vector<int64_t>& lengths, const SamplerOptions& options, RandomStream& stream,
                                                   const std::vector<int64_t>& shards) {
  options.validate();
  const auto batch_size = static_cast<size_t>(options.batch_size);
  std::vector<int64_t> epoch = epoch_order(lengths.size(), options, stream, shards);
  if (options.drop_last) {
    // Cut before sorting: the posts left out are then a random draw, not the longest ones.
    epoch.resize(epoch.size() / batch_size * batch_size);
    if (epoch.empty()) {
      throw DataError(
          fmt::format("{} posts are too few for one batch of {} (the last batch that is not full is left out); lower the batch size",
                      lengths.size(), options.batch_size));
    }
  }
  // A pool larger than the epoch is the whole epoch; bounding it first keeps the product from overflowing.
  const size_t pool_batches = std::min(static_cast<size_t>(options.pool_batches), epoch.size() / batch_size + 1);
  const size_t pool_size = pool_batches * batch_size;
  std::vector<std::vector<int64_t>> batches;
  for (size_t begin = 0; begin < epoch.size(); begin += pool_size) {
    const auto pool = std::span<int64_t>(epoch).subspan(begin, std::min(pool_size, epoch.size() - begin));
    if (options.pool_batches > 1) sort_by_length(pool, lengths);
    const size_t before = batches.size();
    cut_into_batches(pool, batch_size, batches);
    if (options.shuffle_buffer > 0) stream.shuffle(std::span<std::vector<int64_t>>(batches).subspan(before));
  }
  if (options.shuffle_buffer == 0) stream.shuffle(std::span<std::vector<int64_t>>(batches));
  return batches;
}

std::vector<int64_t> balanced_rows(const std::vector<int64_t>& labels, int64_t classes, RandomStream& stream) {
  std::vector<std::vector<int64_t>> of_class(static_cast<size_t>(classes));
  for (size_t i = 0; i < labels.size(); ++i) of_class.at(static_cast<size_t>(labels[i])).push_back(static_cast<int64_t>(i));
  std::erase_if(of_class, [](const auto& rows) { return rows.empty(); });
  std::vector<int64_t> epoch;
  epoch.reserve(labels.size());
  for (size_t c = 0; c < of_class.size(); ++c) {
    auto& rows = of_class[c];
    const size_t wanted = labels.size() / of_class.size() + (c < labels.size() % of_class.size() ? 1 : 0);
    for (size_t taken = 0; taken < wanted; ++taken) {
      if (taken % rows.size() == 0) stream.shuffle(std::span<int64_t>(rows));
      epoch.push_back(rows[taken % rows.size()]);
    }
  }
  return epoch;
}

std::vector<std::vector<int64_t>> sorted_batches(const std::vector<int64_t>& lengths, int64_t batch_size) {
  SamplerOptions{.batch_size = batch_size}.validate();
  std::vector<int64_t> rows(lengths.size());
  std::iota(rows.begin(), rows.end(), 0);
  sort_by_length(rows, lengths);
  std::vector<std::vector<int64_t>> batches;
  cut_into_batches(rows, static_cast<size_t>(batch_size), batches);
  return batches;
}

}  // namespace infig
