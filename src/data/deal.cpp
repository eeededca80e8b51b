#include "data/deal.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>

#include "core/random.h"

namespace infig {
namespace {

using Rows = std::vector<int64_t>;

// Several posts that must share a bin.
struct Group {
  Rows rows;
};

struct Grouping {
  std::vector<Group> groups;  // of two posts or more, the largest first
  std::vector<bool> grouped;  // of each post
};

Grouping find_groups(std::span<const uint64_t> numbers, uint64_t seed) {
  Grouping found{.groups = {}, .grouped = std::vector<bool>(numbers.size(), false)};
  Rows order(numbers.size());
  std::iota(order.begin(), order.end(), 0);
  const auto number = [&](int64_t row) { return numbers[static_cast<size_t>(row)]; };
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return number(a) < number(b); });
  for (size_t begin = 0; begin < order.size();) {
    size_t end = begin + 1;
    while (end < order.size() && number(order[end]) == number(order[begin])) ++end;
    if (end - begin > 1)
      found.groups.push_back({Rows(order.begin() + static_cast<int64_t>(begin), order.begin() + static_cast<int64_t>(end))});
    begin = end;
  }
  // By first row before shuffling: the order must not depend on the values of the numbers.
  std::sort(found.groups.begin(), found.groups.end(), [](const Group& a, const Group& b) { return a.rows[0] < b.rows[0]; });
  RandomStream stream(seed, "split groups");
  stream.shuffle(std::span<Group>(found.groups));
  std::stable_sort(found.groups.begin(), found.groups.end(), [](const Group& a, const Group& b) { return a.rows.size() > b.rows.size(); });
  for (const auto& group : found.groups) {
    for (const int64_t row : group.rows) found.grouped[static_cast<size_t>(row)] = true;
  }
  return found;
}

int64_t room_of(const std::vector<int64_t>& classes) { return std::accumulate(classes.begin(), classes.end(), int64_t{0}); }

size_t choose_bin(const std::vector<int64_t>& counts, const Quotas& room, RandomStream& stream) {
  std::vector<uint64_t> chances(room.size(), 0);
  uint64_t sum = 0;
  size_t roomiest = 0;
  for (size_t bin = 0; bin < room.size(); ++bin) {
    bool fits = true;
    for (size_t c = 0; c < counts.size(); ++c) fits &= counts[c] <= room[bin][c];
    if (fits) chances[bin] = static_cast<uint64_t>(room_of(room[bin]));
    sum += chances[bin];
    if (room_of(room[bin]) > room_of(room[roomiest])) roomiest = bin;
  }
  if (sum == 0) return roomiest;
  uint64_t draw = stream.below(sum);
  for (size_t bin = 0; bin < room.size(); ++bin) {
    if (draw < chances[bin]) return bin;
    draw -= chances[bin];
  }
  return roomiest;
}

}  // namespace

std::vector<int64_t> apportion(int64_t total, std::span<const int64_t> weights, std::span<const int64_t> least) {
  const size_t count = weights.size();
  std::vector<int64_t> shares(count, 0);
  std::vector<bool> fixed(count, false);
  int64_t left = total;
  int64_t weight = std::accumulate(weights.begin(), weights.end(), int64_t{0});
  if (weight <= 0 && total > 0) throw std::invalid_argument("apportion: nothing to divide in proportion to");
  // Whoever's least is above the proportional share gets just that; the others divide what remains, which may lift another one's.
  for (bool again = !least.empty(); again;) {
    again = false;
    for (size_t i = 0; i < count; ++i) {
      if (fixed[i] || least[i] * weight <= left * weights[i]) continue;
      fixed[i] = again = true;
      shares[i] = least[i];
      left -= least[i];
      weight -= weights[i];
      if (left < 0) throw std::invalid_argument("apportion: the least shares exceed the total");
    }
  }
  std::vector<size_t> order;
  int64_t given = 0;
  for (size_t i = 0; i < count; ++i) {
    if (fixed[i]) continue;
    shares[i] = weight > 0 ? left * weights[i] / weight : 0;
    given += shares[i];
    order.push_back(i);
  }
  if (order.empty() && left > 0) throw std::invalid_argument("apportion: more to divide than anyone may take");
  if (weight > 0)
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return left * weights[a] % weight > left * weights[b] % weight; });
  for (size_t i = 0; given < left; ++i, ++given) ++shares[order[i]];
  return shares;
}

Quotas stratified_quotas(std::span<const int64_t> class_counts, std::span<const int64_t> bin_sizes) {
  std::vector<int64_t> left(class_counts.begin(), class_counts.end());
  Quotas quotas(bin_sizes.size());
  for (size_t bin = bin_sizes.size(); bin-- > 1;) {
    quotas[bin] = apportion(bin_sizes[bin], left);
    for (size_t c = 0; c < left.size(); ++c) left[c] -= quotas[bin][c];
  }
  quotas[0] = left;
  return quotas;
}

Quotas ten_percent_quotas(std::span<const int64_t> class_counts) {
  Quotas quotas(3, std::vector<int64_t>(class_counts.size()));
  for (size_t c = 0; c < class_counts.size(); ++c) {
    const int64_t share = std::max<int64_t>(class_counts[c] / 10, class_counts[c] >= 3 ? 1 : 0);
    quotas[0][c] = class_counts[c] - 2 * share;
    quotas[1][c] = quotas[2][c] = share;
  }
  return quotas;
}

std::vector<int32_t> deal_posts(std::span<const int32_t> labels, std::span<const uint64_t> groups, Quotas quotas, uint64_t seed) {
  const size_t classes = quotas.at(0).size();
  std::vector<int32_t> bins(labels.size(), 0);
  std::vector<bool> done(labels.size(), false);
  if (!groups.empty()) {
    Grouping grouping = find_groups(groups, seed);
    RandomStream stream(seed, "split groups", 1);
    for (const auto& group : grouping.groups) {
      std::vector<int64_t> counts(classes, 0);
      for (const int64_t row : group.rows) ++counts.at(static_cast<size_t>(labels[static_cast<size_t>(row)]));
      const size_t bin = choose_bin(counts, quotas, stream);
      for (size_t c = 0; c < classes; ++c) quotas[bin][c] -= counts[c];
      for (const int64_t row : group.rows) bins[static_cast<size_t>(row)] = static_cast<int32_t>(bin);
    }
    done = std::move(grouping.grouped);
  }
  std::vector<Rows> of_class(classes);
  for (size_t i = 0; i < labels.size(); ++i) {
    if (!done[i]) of_class.at(static_cast<size_t>(labels[i])).push_back(static_cast<int64_t>(i));
  }
  for (size_t c = 0; c < classes; ++c) {
    RandomStream stream(seed, "split", c);
    stream.shuffle(std::span<int64_t>(of_class[c]));
    size_t next = 0;
    for (size_t bin = 1; bin < quotas.size(); ++bin) {
      for (int64_t n = 0; n < quotas[bin][c] && next < of_class[c].size(); ++n)
        bins[static_cast<size_t>(of_class[c][next++])] = static_cast<int32_t>(bin);
    }
  }
  return bins;
}

}  // namespace infig
