#include "linear/tfidf.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <unordered_set>

#include "text/unicode.h"

namespace infig {
namespace {

// Words, then pairs of neighbours where these are wanted.
std::vector<std::string> terms_of(std::string_view text, bool pairs) {
  std::vector<std::string> terms = terms_of_text(text);
  if (!pairs) return terms;
  const size_t words = terms.size();
  for (size_t i = 0; i + 1 < words; ++i) terms.push_back(terms[i] + " " + terms[i + 1]);
  return terms;
}

}  // namespace

std::vector<std::string> terms_of_text(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  int64_t characters = 0;
  const auto end_word = [&] {
    if (characters >= 2) words.push_back(word);
    word.clear();
    characters = 0;
  };
  for (size_t at = 0; at < text.size();) {
    const Utf8Character character = utf8_at(text, at);
    at += character.length;
    // Lower case first, as there: U+0130 becomes two characters, of which the second is a mark and parts words.
    for (const char32_t c : lower_case(character.code)) {
      if (c == 0) continue;
      if (c == U'_' || (char_flags(c) & (kLetter | kNumber)) != 0) {
        append_utf8(word, c);
        ++characters;
      } else {
        end_word();
      }
    }
  }
  end_word();
  return words;
}

void TfidfVectorizer::fit(const std::vector<std::string>& texts) {
  column_of_.clear();
  std::vector<int64_t> document_count, occurrences;
  for (const auto& text : texts) {
    std::unordered_set<int32_t> seen;
    for (auto& term : terms_of(text, options_.pairs)) {
      const auto [place, is_new] = column_of_.try_emplace(std::move(term), static_cast<int32_t>(document_count.size()));
      if (is_new) {
        document_count.push_back(0);
        occurrences.push_back(0);
      }
      ++occurrences[static_cast<size_t>(place->second)];
      if (seen.insert(place->second).second) ++document_count[static_cast<size_t>(place->second)];
    }
  }
  keep_frequent(occurrences, document_count);
  idf_.clear();
  for (const int64_t count : document_count)
    idf_.push_back(std::log((1.0 + static_cast<double>(texts.size())) / (1.0 + static_cast<double>(count))) + 1.0);
}

void TfidfVectorizer::keep_frequent(const std::vector<int64_t>& occurrences, std::vector<int64_t>& document_count) {
  const auto limit = static_cast<size_t>(options_.max_terms);
  if (limit == 0 || column_of_.size() <= limit) return;
  std::vector<std::pair<int64_t, std::string>> terms;
  for (const auto& [term, column] : column_of_) terms.emplace_back(-occurrences[static_cast<size_t>(column)], term);
  std::sort(terms.begin(), terms.end());
  terms.resize(limit);
  std::vector<std::pair<int32_t, std::string>> kept;  // in the order of their first occurrence still
  for (auto& [count, term] : terms) kept.emplace_back(column_of_.at(term), std::move(term));
  std::sort(kept.begin(), kept.end());
  column_of_.clear();
  std::vector<int64_t> counts;
  for (auto& [column, term] : kept) {
    column_of_.emplace(std::move(term), static_cast<int32_t>(counts.size()));
    counts.push_back(document_count[static_cast<size_t>(column)]);
  }
  document_count = std::move(counts);
}

SparseMatrix TfidfVectorizer::transform(const std::vector<std::string>& texts) const {
  SparseMatrix matrix;
  matrix.column_count = term_count();
  for (const auto& text : texts) {
    std::map<int32_t, double> row;
    for (const auto& term : terms_of(text, options_.pairs)) {
      const auto found = column_of_.find(term);
      if (found != column_of_.end()) row[found->second] += idf_[static_cast<size_t>(found->second)];
    }
    double squares = 0;
    for (const auto& [column, value] : row) squares += value * value;
    for (const auto& [column, value] : row) {
      matrix.columns.push_back(column);
      matrix.values.push_back(static_cast<float>(value / std::sqrt(squares)));
    }
    matrix.row_start.push_back(static_cast<int64_t>(matrix.columns.size()));
  }
  return matrix;
}

}  // namespace infig
