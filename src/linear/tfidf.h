// Bags of words: what scikit-learn's TfidfVectorizer(ngram_range=(1, 2)) computes (or (1, 1), and max_features, as the options say). A word
// is two or more letters, digits or underscores in a row, lower case; terms are words and pairs of neighbours; a term counts tf * (ln((1 +
// N) / (1 + df)) + 1), and each row is scaled to length 1. Deviates: a capital sigma at a word's end becomes the plain small one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "linear/sparse.h"

namespace infig {

// The words of a text in order. A byte that is not UTF-8 parts words.
std::vector<std::string> terms_of_text(std::string_view text);

struct TfidfOptions {
  bool pairs = true;      // neighbours as terms too
  int64_t max_terms = 0;  // the terms that occur most often in all texts, of equals the alphabetically first; 0: all
};

class TfidfVectorizer {
 public:
  explicit TfidfVectorizer(TfidfOptions options = {}) : options_(options) {}
  // Learns terms and their weights. Columns are numbered in the order in which terms first occur.
  void fit(const std::vector<std::string>& texts);
  // [N, terms]; terms that fit() did not see are left out, and a text with none is a row of zeros.
  SparseMatrix transform(const std::vector<std::string>& texts) const;
  int64_t term_count() const { return static_cast<int64_t>(idf_.size()); }

 private:
  void keep_frequent(const std::vector<int64_t>& occurrences, std::vector<int64_t>& document_count);
  TfidfOptions options_;
  std::unordered_map<std::string, int32_t> column_of_;
  std::vector<double> idf_;
};

}  // namespace infig
