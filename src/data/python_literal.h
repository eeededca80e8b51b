// Rows that a Python program printed: one list of strings and whole numbers a line, as ['682', "it's", 1].
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace infig {

using PythonValue = std::variant<std::string, int64_t>;

// The values of one list literal. Strings stand in single or double quotes and hold UTF-8 and Python's escapes (\' \" \\ \n \r \t \a \b \f
// \v, \ooo,
// \xhh, \uhhhh, \Uhhhhhhhh; two \u that are a surrogate pair are one character; another letter keeps its backslash, as Python reads it).
// White space round values and a comma behind the last are taken. `place` is the file and row, for messages. Throws DataError "place,
// column N: ..." (columns count characters from 1) for anything else: no list, a value of another type, a string without end, an escape
// that is cut short or no character, a number beyond 64 bits, bytes that are not UTF-8, text behind the list.
std::vector<PythonValue> parse_python_list(std::string_view line, const std::string& place);

}  // namespace infig
