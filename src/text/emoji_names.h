// Names of emoji: the table is from tools/make_emoji_names.py, emoji_lookup.cpp reads it.
#pragma once

#include <string_view>

namespace infig {

extern const char* const kEmojiNames;  // "CODE=NAME " one behind another, codes in hexadecimal

// The package emoji 0.6.0's name of an emoji of one character, without colons; empty where it has none.
std::string_view emoji_name(char32_t character);

}  // namespace infig
