// Pairs of similar contents, without comparing all pairs.
// Implemented in near_pictures.cpp and near_texts.cpp.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "quality/picture_print.h"

namespace infig {

// Contents `first` < `second`, by their index.
struct Match {
  int64_t first = 0, second = 0;
  double similarity = 0;
  bool operator==(const Match&) const = default;
};

struct NearTextOptions {
  double threshold = 0.8;  // Jaccard similarity from which on two texts are near, (0, 1]
  int64_t threads = 1;     // changes no result
  void validate() const;   // throws ConfigError
};

// |A and B| / |A or B| of the sets of their shingles: every run of four characters, or the whole of a shorter text. Two empty texts: 0.
double shingle_similarity(const std::string& a, const std::string& b);

// How a signature is divided: a pair becomes a candidate if one of `bands` groups of `rows` values is equal.
struct SignatureBands {
  int64_t bands = 0, rows = 0;
};
// The most rows a band (at most 128 values in all) with which a pair at the threshold is met with probability 1 - (1 -
// threshold^rows)^bands of 0.995 or more; one row a band where none has that.
SignatureBands choose_bands(double threshold);

// Pairs of texts whose shingle_similarity reaches the threshold, sorted. MinHash signatures find candidates by locality-sensitive hashing
// (Broder 1997; Leskovec, Rajaraman & Ullman, chapter 3), each is then checked exactly: what is returned is right, a pair just at the
// threshold is missed once in two hundred times. `texts` must be distinct; empty ones match nothing. Where more than 256 texts share a
// band, each is compared with the first 256 of them alone, so that a flood of one template stays linear.
std::vector<Match> near_texts(std::span<const std::string> texts, const NearTextOptions& options);

// Pairs of pictures that same_picture() takes for one, sorted. Candidates share one of four 16-bit parts of the hash up to two bits; then
// the whole print decides. Where more than 1024 pictures share a part, only the first 1024 are compared.
std::vector<Match> near_pictures(std::span<const PicturePrint> prints, int64_t threads);

// The same pairs passed on as they are found, in no particular order, one call at a time: N pictures of one motif are N^2 / 2 pairs, too
// many to keep in memory.
using MatchSink = std::function<void(std::span<const Match>)>;
void each_near_picture(std::span<const PicturePrint> prints, int64_t threads, const MatchSink& sink);

}  // namespace infig
