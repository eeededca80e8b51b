// The writing system of a text.
#pragma once

#include <string>
#include <string_view>

namespace infig {

// The script (Unicode's `Script` property, as "Latin", "Cyrillic", "Han") of most letters of a UTF-8 text; of equally many the one that
// comes first in the text. "none" where no character belongs to a script of its own: digits, punctuation, emoji, or no text at all.
// Hiragana and Katakana count as one, "Japanese", and Han with them where any of them occurs.
std::string dominant_script(std::string_view text);

// The script by which a text is parted for SentencePiece: a number of its own for each, Han for Hiragana, Katakana and U+30FC as well;
// kAnyScript for a space and for what belongs to none.
inline constexpr int kAnyScript = -1;
int sentence_script(char32_t character);

}  // namespace infig
