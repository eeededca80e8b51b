// Characters that are newer than the Unicode of Debian's Oniguruma (14), which takes them for unassigned.
#pragma once

#include <string>
#include <string_view>

namespace infig {

// `text` itself, or a copy in `storage` of the same length, in which each character of Unicode 15 to 16 is an older one of its kind, so
// that a pattern matches it as the original libraries do, whose Oniguruma knows Unicode 16.
std::string_view with_older_characters(std::string_view text, std::string& storage);

// That of one character; itself for others.
char32_t older_character(char32_t character);

}  // namespace infig
