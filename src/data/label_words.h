// Labels as tables hold them: what is suspicious about them, and how they are read where the user asks for it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace infig {

// "2", "-1", and where decimals are allowed "2.0", "-1.0" (as pandas writes whole numbers once a cell of their column is empty) and "2,0"
// (decimal comma; "2,000" is none): a whole number and nothing else.
std::optional<int64_t> whole_number(std::string_view word, bool decimals = false);

// Without the white space (Unicode's) at both ends.
std::string strip_blanks(std::string_view word);

// How pages and tables show a label: in quotes where it begins or ends with white space or is empty, which nobody would see.
std::string shown_label(const std::string& label);

// Equal for spellings of one label: "pos", "POS", " pos"; "1", "1.0". `word` must be UTF-8.
std::string label_key(std::string_view word);

// What looks like an accident in a table's labels (each with the number of its posts), one sentence each, with what to do: labels with one
// key, blanks at the ends, whole numbers written as decimals, a label of one post or of none. Empty where nothing does.
// `named`: the user has named all labels (prepare --labels).
std::vector<std::string> odd_labels(const std::map<std::string, int64_t>& counts, bool named = false);

// Why one label alone is too few; empty where there are several, or none.
std::string only_label(const std::vector<std::string>& labels);

// The label that a word means where the user has named all labels: the name itself; a whole number that is one of the names ("1.0" for "1")
// or, where no name is a number, a name's place from 0; with `strip` the one name with the same key. Nothing where it means none.
std::optional<size_t> named_label(std::string_view word, const std::vector<std::string>& names, bool strip);

// The name of each word where spellings with one key are one label: the most frequent spelling without blanks (the first in alphabetical
// order by a tie), and numbers without ".0" where all words are numbers.
std::map<std::string, std::string> merge_labels(const std::map<std::string, int64_t>& counts);

}  // namespace infig
