#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/error.h"
#include "core/parallel.h"
#include "core/progress.h"
#include "quality/near.h"
#include "text/unicode.h"

namespace infig {
namespace {

constexpr int64_t kShingle = 4;      // characters
constexpr int64_t kSignature = 128;  // values at most
constexpr int64_t kTextCrowd = 256;  // texts of one band that are all compared with each other
constexpr double kReach = 0.995;     // probability with which a pair at the threshold is met

uint64_t mix(uint64_t x) {  // splitmix64's finaliser
  x += 0x9E3779B97F4A7C15ULL;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31);
}

// The set of shingles, as sorted 64-bit hashes.
std::vector<uint64_t> shingles_of(const std::string& text) {
  std::vector<char32_t> characters;
  for (size_t at = 0; at < text.size();) {
    const Utf8Character character = utf8_at(text, at);
    characters.push_back(character.code);
    at += character.length;
  }
  std::vector<uint64_t> shingles;
  const auto count = static_cast<int64_t>(characters.size());
  for (int64_t begin = 0; begin < std::max(count - kShingle + 1, std::min<int64_t>(count, 1)); ++begin) {
    uint64_t hash = 0;
    for (int64_t i = begin; i < std::min(begin + kShingle, count); ++i) hash = mix(hash ^ characters[static_cast<size_t>(i)]);
    shingles.push_back(hash);
  }
  std::sort(shingles.begin(), shingles.end());
  shingles.erase(std::unique(shingles.begin(), shingles.end()), shingles.end());
  return shingles;
}

double jaccard(const std::vector<uint64_t>& a, const std::vector<uint64_t>& b) {
  int64_t both = 0;
  for (size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    if (a[i] == b[j]) {
      ++both;
      ++i;
      ++j;
    } else {
      a[i] < b[j] ? ++i : ++j;
    }
  }
  const auto all = static_cast<int64_t>(a.size() + b.size()) - both;
  return all == 0 ? 0.0 : static_cast<double>(both) / static_cast<double>(all);
}

using Pair = std::pair<int32_t, int32_t>;

class Signatures {
 public:
  Signatures(std::span<const std::string> texts, SignatureBands cut, int64_t threads)
      : cut_(cut), width_(cut.bands * cut.rows), values_(texts.size() * static_cast<size_t>(width_)) {
    constexpr int64_t kBlock = 512;
    const auto count = static_cast<int64_t>(texts.size());
    parallel_for((count + kBlock - 1) / kBlock, threads, [&](int64_t block) {
      for (int64_t i = block * kBlock; i < std::min(count, (block + 1) * kBlock); ++i) sign(texts[static_cast<size_t>(i)], i);
    });
  }

  uint64_t band(int64_t text, int64_t band) const {
    uint64_t hash = static_cast<uint64_t>(band);
    const uint32_t* values = of(text) + band * cut_.rows;
    for (int64_t i = 0; i < cut_.rows; ++i) hash = mix(hash ^ values[i]);
    return hash;
  }
  bool same_band(int64_t a, int64_t b, int64_t band) const {
    return std::equal(of(a) + band * cut_.rows, of(a) + (band + 1) * cut_.rows, of(b) + band * cut_.rows);
  }
  // The share of equal values estimates the similarity.
  double estimate(int64_t a, int64_t b) const {
    int64_t equal = 0;
    for (int64_t i = 0; i < width_; ++i) equal += of(a)[i] == of(b)[i] ? 1 : 0;
    return static_cast<double>(equal) / static_cast<double>(width_);
  }

 private:
  const uint32_t* of(int64_t text) const { return values_.data() + text * width_; }

  void sign(const std::string& text, int64_t index) {
    uint32_t* values = values_.data() + index * width_;
    std::fill_n(values, width_, UINT32_MAX);
    for (const uint64_t shingle : shingles_of(text)) {
      for (int64_t i = 0; i < width_; ++i) {
        const auto value = static_cast<uint32_t>((kFactors[static_cast<size_t>(i)] * shingle) >> 32);
        values[i] = std::min(values[i], value);
      }
    }
  }

  static std::array<uint64_t, kSignature> make_factors() {
    std::array<uint64_t, kSignature> factors{};
    for (size_t i = 0; i < factors.size(); ++i) factors[i] = mix(i) | 1;
    return factors;
  }
  static inline const std::array<uint64_t, kSignature> kFactors = make_factors();  // odd: each multiplication is another permutation
  SignatureBands cut_;
  int64_t width_;
  std::vector<uint32_t> values_;
};

// Pairs that share band `band`, share none before it, and look near enough to be checked.
std::vector<Pair> candidates_of_band(const Signatures& signatures, std::span<const std::string> texts, int64_t band, double least) {
  std::vector<std::pair<uint64_t, int32_t>> keys;
  for (size_t i = 0; i < texts.size(); ++i) {
    if (!texts[i].empty()) keys.emplace_back(signatures.band(static_cast<int64_t>(i), band), static_cast<int32_t>(i));
  }
  std::sort(keys.begin(), keys.end());
  std::vector<Pair> candidates;
  for (size_t begin = 0, end = 0; begin < keys.size(); begin = end) {
    while (end < keys.size() && keys[end].first == keys[begin].first) ++end;
    for (size_t j = begin + 1; j < end; ++j) {
      for (size_t i = begin; i < std::min(j, begin + static_cast<size_t>(kTextCrowd)); ++i) {
        const int32_t a = keys[i].second, b = keys[j].second;
        bool before = false;
        for (int64_t earlier = 0; earlier < band && !before; ++earlier) before = signatures.same_band(a, b, earlier);
        if (!before && signatures.estimate(a, b) >= least) candidates.emplace_back(a, b);
      }
    }
  }
  return candidates;
}

}  // namespace

void NearTextOptions::validate() const {
  if (!(threshold > 0 && threshold <= 1)) throw ConfigError(fmt::format("near texts: threshold is {}; allowed is > 0 and <= 1", threshold));
}

double shingle_similarity(const std::string& a, const std::string& b) { return jaccard(shingles_of(a), shingles_of(b)); }

SignatureBands choose_bands(double threshold) {
  for (int64_t rows = kSignature; rows > 1; --rows) {
    const int64_t bands = kSignature / rows;
    const double missed = std::pow(1 - std::pow(threshold, static_cast<double>(rows)), static_cast<double>(bands));
    if (1 - missed >= kReach) return {.bands = bands, .rows = rows};
  }
  return {.bands = kSignature, .rows = 1};
}

std::vector<Match> near_texts(std::span<const std::string> texts, const NearTextOptions& options) {
  options.validate();
  const SignatureBands cut = choose_bands(options.threshold);
  const Signatures signatures(texts, cut, options.threads);
  // Four deviations of the estimate below the threshold: what is nearer is checked exactly.
  const auto width = static_cast<double>(cut.bands * cut.rows);
  const double least = options.threshold - 4 * std::sqrt(options.threshold * (1 - options.threshold) / width);
  std::vector<Match> matches;
  ProgressBar bar("near texts", cut.bands, "bands");
  for (int64_t band = 0; band < cut.bands; ++band) {
    const std::vector<Pair> candidates = candidates_of_band(signatures, texts, band, least);
    std::vector<double> similarity(candidates.size());
    parallel_for(static_cast<int64_t>(candidates.size()), options.threads, [&](int64_t i) {
      const auto& [a, b] = candidates[static_cast<size_t>(i)];
      similarity[static_cast<size_t>(i)] = shingle_similarity(texts[static_cast<size_t>(a)], texts[static_cast<size_t>(b)]);
    });
    for (size_t i = 0; i < candidates.size(); ++i) {
      if (similarity[i] >= options.threshold) matches.push_back({candidates[i].first, candidates[i].second, similarity[i]});
    }
    bar.update(band + 1);
  }
  std::sort(matches.begin(), matches.end(),
            [](const Match& a, const Match& b) { return std::pair(a.first, a.second) < std::pair(b.first, b.second); });
  return matches;
}

}  // namespace infig
