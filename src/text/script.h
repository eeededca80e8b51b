// The writing system of a text.
#pragma once

#include <string>
#include <string_view>

namespace infig {

// The script (Unicode's `Script` property, as "Latin", "Cyrillic", "Han") of most letters of a UTF-8 text; of equally many the one that
// comes first in the text. "none" where no character belongs to a script of its own: digits, punctuation, emoji, or no text at all.
// Hiragana and Katakana count as one, "Japanese", and Han with them where any of them occurs.
std::string dominant_script(std::string_view text);

}  // namespace infig
