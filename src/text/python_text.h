// What Python's strings do, where a tokenizer is written in Python.
#pragma once

#include <cstdint>
#include <string_view>

#include "text/aligned_text.h"

namespace infig {

bool is_python_space(char32_t code);  // str.isspace, and \s of the module re: white space and U+001C to U+001F

void collapse_spaces(AlignedText& text);  // " ".join(text.split()): none at the ends, one space for each run; it has the run's place
void python_lower(AlignedText& text);     // str.lower
// str.replace, where `to` is `from` with spaces more or fewer: what stays has its own place.
void replace_spacing(AlignedText& text, std::string_view from, std::string_view to);
// int(text, base) as a character's number; -1 where that fails, or is no code point.
int64_t python_code_point(std::string_view text, int base);

}  // namespace infig
