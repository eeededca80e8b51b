#include "linear/cooccurrence.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>

#include "core/error.h"
#include "core/parallel.h"

namespace infig {
namespace {

constexpr int64_t kFirstCounted = 2;    // id of the first word that is one
constexpr int64_t kTextsAtOnce = 1024;  // a thread's share at a time

std::vector<int64_t> word_counts(const std::vector<std::vector<int64_t>>& texts, int64_t words) {
  std::vector<int64_t> counts(static_cast<size_t>(words), 0);
  for (size_t text = 0; text < texts.size(); ++text) {
    for (const int64_t id : texts[text]) {
      if (id < 0 || id >= words)
        throw DataError(fmt::format("pairs of words: text {} holds the id {}; the vocabulary has {} words", text, id, words));
      if (id >= kFirstCounted) ++counts[static_cast<size_t>(id)];
    }
  }
  return counts;
}

// Counts of the pairs (u, v), u in [first, first + rows), by row.
class PairStripe {
 public:
  PairStripe(int64_t rows, int64_t words) : words_(words), counts_(static_cast<size_t>(rows * words)) {}
  void count(const std::vector<std::vector<int64_t>>& texts, int64_t first, int64_t rows, const WordPairOptions& options) {
    std::fill(counts_.begin(), counts_.end(), 0U);
    const auto all = static_cast<int64_t>(texts.size());
    parallel_for((all + kTextsAtOnce - 1) / kTextsAtOnce, options.threads, [&](int64_t part) {
      for (int64_t t = part * kTextsAtOnce; t < std::min(all, (part + 1) * kTextsAtOnce); ++t)
        count_text(texts[static_cast<size_t>(t)], first, rows, options.window);
    });
  }
  int64_t at(int64_t row, int64_t v) const { return counts_[static_cast<size_t>(row * words_ + v)]; }

 private:
  void count_text(const std::vector<int64_t>& ids, int64_t first, int64_t rows, int64_t window) {
    const auto length = static_cast<int64_t>(ids.size());
    for (int64_t i = 0; i < length; ++i) {
      const int64_t row = ids[static_cast<size_t>(i)] - first;
      if (row < 0 || row >= rows) continue;
      for (int64_t j = std::max<int64_t>(0, i - window); j <= std::min(length - 1, i + window); ++j) {
        const int64_t v = ids[static_cast<size_t>(j)];
        if (j != i && v >= kFirstCounted)
          std::atomic_ref<uint32_t>(counts_[static_cast<size_t>(row * words_ + v)]).fetch_add(1, std::memory_order_relaxed);
      }
    }
  }
  int64_t words_;
  std::vector<uint32_t> counts_;
};

}  // namespace

std::vector<int64_t> word_pairs(const std::vector<std::vector<int64_t>>& texts, const WordPairOptions& options) {
  const int64_t words = options.words;
  const std::vector<int64_t> counts = word_counts(texts, words);
  double total = 0;
  for (const int64_t count : counts) total += static_cast<double>(count);
  std::vector<int64_t> keys;
  if (words <= kFirstCounted) return keys;
  const int64_t stripe = std::clamp<int64_t>(options.counters / words, 1, words - kFirstCounted);
  PairStripe pairs(stripe, words);
  for (int64_t first = kFirstCounted; first < words; first += stripe) {
    const int64_t rows = std::min(stripe, words - first);
    pairs.count(texts, first, rows, options);
    std::vector<std::vector<int64_t>> found(static_cast<size_t>(rows));
    parallel_for(rows, options.threads, [&](int64_t row) {
      const int64_t u = first + row;
      const auto of_u = static_cast<double>(counts[static_cast<size_t>(u)]);
      for (int64_t v = kFirstCounted; v < words; ++v) {
        const int64_t together = pairs.at(row, v);
        // Products of counts are whole numbers below 2^53, which a double holds exactly.
        if (together >= options.min_count &&
            static_cast<double>(together) * total > of_u * static_cast<double>(counts[static_cast<size_t>(v)]))
          found[static_cast<size_t>(row)].push_back(u * words + v);
      }
    });
    for (const auto& row : found) keys.insert(keys.end(), row.begin(), row.end());
  }
  return keys;
}

std::vector<double> class_graph(const std::vector<std::vector<int64_t>>& pictures, const ClassGraphOptions& options) {
  const auto n = static_cast<size_t>(options.classes);
  std::vector<double> seen(n, 0), together(n * n, 0);
  for (size_t k = 0; k < pictures.size(); ++k) {
    std::vector<int64_t> classes = pictures[k];
    std::sort(classes.begin(), classes.end());
    classes.erase(std::unique(classes.begin(), classes.end()), classes.end());
    if (!classes.empty() && (classes.front() < 0 || classes.back() >= options.classes))
      throw DataError(fmt::format("class graph: picture {} shows class {}; there are {}", k, classes.back(), options.classes));
    for (const int64_t i : classes) {
      ++seen[static_cast<size_t>(i)];
      for (const int64_t j : classes) together[static_cast<size_t>(i) * n + static_cast<size_t>(j)] += i == j ? 0 : 1;
    }
  }
  std::vector<double> adjacency(n * n, 0), columns(n, 0), scale(n, 0);
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < n; ++j) {
      const bool joined = i != j && together[i * n + j] / std::max(seen[i], 1.0) >= options.threshold;
      adjacency[i * n + j] = joined ? 1 : 0;
      columns[j] += adjacency[i * n + j];
    }
  }
  for (size_t i = 0; i < n; ++i) {
    double row = 0;
    for (size_t j = 0; j < n; ++j) {
      double& value = adjacency[i * n + j];
      value = options.gamma * value / (columns[j] + 1e-6) + (i == j ? 1 - options.gamma : 0);
      row += value;
    }
    scale[i] = row > 0 ? 1 / std::sqrt(row) : 0;
  }
  std::vector<double> graph(n * n);
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < n; ++j) graph[i * n + j] = scale[i] * adjacency[j * n + i] * scale[j];
  }
  return graph;
}

}  // namespace infig
