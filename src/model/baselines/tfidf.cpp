#include "model/baselines/tfidf.h"

#include <cmath>
#include <map>
#include <unordered_set>

#include "text/unicode.h"

namespace infig {
namespace {

// Words, then pairs of neighbours.
std::vector<std::string> terms_of(std::string_view text) {
  std::vector<std::string> terms = split_words(text);
  const size_t words = terms.size();
  for (size_t i = 0; i + 1 < words; ++i) terms.push_back(terms[i] + " " + terms[i + 1]);
  return terms;
}

}  // namespace

std::vector<std::string> split_words(std::string_view text) {
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
  std::vector<int64_t> document_count;
  for (const auto& text : texts) {
    std::unordered_set<int32_t> seen;
    for (auto& term : terms_of(text)) {
      const auto [place, is_new] = column_of_.try_emplace(std::move(term), static_cast<int32_t>(document_count.size()));
      if (is_new) document_count.push_back(0);
      if (seen.insert(place->second).second) ++document_count[static_cast<size_t>(place->second)];
    }
  }
  idf_.clear();
  for (const int64_t count : document_count)
    idf_.push_back(std::log((1.0 + static_cast<double>(texts.size())) / (1.0 + static_cast<double>(count))) + 1.0);
}

SparseMatrix TfidfVectorizer::transform(const std::vector<std::string>& texts) const {
  SparseMatrix matrix;
  matrix.column_count = term_count();
  for (const auto& text : texts) {
    std::map<int32_t, double> row;
    for (const auto& term : terms_of(text)) {
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
