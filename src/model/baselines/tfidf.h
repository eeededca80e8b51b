// Bags of words: what scikit-learn's TfidfVectorizer(ngram_range=(1, 2)) computes. A word is two or more letters, digits or underscores
// in a row, lower case; terms are words and pairs of neighbours; a term counts tf * (ln((1 + N) / (1 + df)) + 1), and each row is
// scaled to length 1. Deviates: a capital sigma at a word's end becomes the plain small one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/baselines/features.h"

namespace infig {

// The words of a text in order. A byte that is not UTF-8 parts words.
std::vector<std::string> split_words(std::string_view text);

class TfidfVectorizer {
 public:
  // Learns terms and their weights. Columns are numbered in the order in which terms first occur.
  void fit(const std::vector<std::string>& texts);
  // [N, terms]; terms that fit() did not see are left out, and a text with none is a row of zeros.
  SparseMatrix transform(const std::vector<std::string>& texts) const;
  int64_t term_count() const { return static_cast<int64_t>(idf_.size()); }

 private:
  std::unordered_map<std::string, int32_t> column_of_;
  std::vector<double> idf_;
};

}  // namespace infig
