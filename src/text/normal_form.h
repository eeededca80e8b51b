// A text without what varies between copies of it: how posts are compared for repetition.
#pragma once

#include <string>
#include <string_view>

namespace infig {

// Lower case; URLs (http://, https:// anywhere, www. at a word's start, up to the next white space) taken out; "rt @name" with or without a
// colon removed from the front, repeatedly; punctuation and symbols other than pictographs (Unicode P*, Sm, Sc, Sk) and
// control characters read as white space, format characters dropped; white space squeezed to one space and stripped. Emoji stay: they carry
// the tone. Empty if nothing else is left; an empty form equals no other.
std::string normal_form(std::string_view text);

// The text has a URL and nothing else but white space.
bool only_urls(std::string_view text);
bool has_url(std::string_view text);

}  // namespace infig
