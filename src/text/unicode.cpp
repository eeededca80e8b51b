#include "text/unicode.h"

#include <fmt/format.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/utf16.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "core/error.h"

namespace infig {
namespace {

constexpr char32_t kCharacters = 0x110000;
constexpr size_t kPage = 256;

struct Range {
  char32_t first, last;
};

// Characters added after Unicode 15, which every ICU from 72 on contains.
constexpr Range kLateLetters[] = {
    {0x1C89, 0x1C8A},   {0xA7CB, 0xA7CD},   {0xA7DA, 0xA7DC},   {0x105C0, 0x105F3}, {0x10D4A, 0x10D65}, {0x10D6F, 0x10D85},
    {0x10EC2, 0x10EC4}, {0x11380, 0x11389}, {0x1138B, 0x1138B}, {0x1138E, 0x1138E}, {0x11390, 0x113B5}, {0x113B7, 0x113B7},
    {0x113D1, 0x113D1}, {0x113D3, 0x113D3}, {0x11BC0, 0x11BE0}, {0x13460, 0x143FA}, {0x16100, 0x1611D}, {0x16D40, 0x16D6C},
    {0x18CFF, 0x18CFF}, {0x1E5D0, 0x1E5ED}, {0x1E5F0, 0x1E5F0}, {0x2EBF0, 0x2EE5D},
};
constexpr Range kLateNumbers[] = {
    {0x10D40, 0x10D49}, {0x116D0, 0x116E3}, {0x11BF0, 0x11BF9}, {0x16130, 0x16139},
    {0x16D70, 0x16D79}, {0x1CCF0, 0x1CCF9}, {0x1E5F1, 0x1E5FA},
};
// Of those that are part of a word, marks.
constexpr Range kLateMarks[] = {{0x897, 0x897},     {0x10D69, 0x10D6D}, {0x10EFC, 0x10EFC}, {0x113B8, 0x113C0}, {0x113C2, 0x113C2},
                                {0x113C5, 0x113C5}, {0x113C7, 0x113CA}, {0x113CC, 0x113D0}, {0x113D2, 0x113D2}, {0x113E1, 0x113E2},
                                {0x11F5A, 0x11F5A}, {0x1611E, 0x1612F}, {0x1E5EE, 0x1E5EF}};
struct LateCase {
  char32_t first, last, lower;  // of a run, the lower case of its first
};
constexpr LateCase kLateCases[] = {
    {0x1C89, 0x1C89, 0x1C8A}, {0xA7CB, 0xA7CB, 0x264},  {0xA7CC, 0xA7CC, 0xA7CD}, {0xA7CE, 0xA7CE, 0xA7CF},    {0xA7D2, 0xA7D2, 0xA7D3},
    {0xA7D4, 0xA7D4, 0xA7D5}, {0xA7DA, 0xA7DA, 0xA7DB}, {0xA7DC, 0xA7DC, 0x19B},  {0x10D50, 0x10D65, 0x10D70}, {0x16EA0, 0x16EB8, 0x16EBB},
};
constexpr Range kIdeographs[] = {
    {0x3400, 0x4DBF}, {0x4E00, 0x9FFF}, {0xF900, 0xFAFF}, {0x20000, 0x2A6DF}, {0x2A700, 0x2B81F}, {0x2B920, 0x2CEAF}, {0x2F800, 0x2FA1F},
};

template <size_t N>
bool in_ranges(const Range (&ranges)[N], char32_t c) {
  return std::any_of(std::begin(ranges), std::end(ranges), [c](Range range) { return range.first <= c && c <= range.last; });
}

// Assigned in the version or before it.
bool within(char32_t c, uint8_t major) {
  UVersionInfo age;
  u_charAge(static_cast<UChar32>(c), age);
  return age[0] != 0 && (age[0] < major || (age[0] == major && age[1] == 0));
}

const UNormalizer2* icu_form(const UNormalizer2* (*instance)(UErrorCode*)) {
  UErrorCode code = U_ZERO_ERROR;
  const UNormalizer2* found = instance(&code);
  if (U_FAILURE(code) != 0) throw Error(fmt::format("ICU cannot load its normalisation data ({}); install it again", u_errorName(code)));
  return found;
}

const UNormalizer2* nfc() {
  static const UNormalizer2* const kForm = icu_form(unorm2_getNFCInstance);
  return kForm;
}

bool is_punctuation(char32_t c, int8_t category) {
  if (c < 0x80) return (c > 0x20 && c < 0x30) || (c > 0x39 && c < 0x41) || (c > 0x5A && c < 0x61) || (c > 0x7A && c < 0x7F);
  if (c == 0x166D || c == 0x111C9) return true;  // other categories since
  return within(c, 8) && (U_MASK(category) & U_GC_P_MASK) != 0;
}

bool is_accent(char32_t c, int8_t category) {
  if (c == 0x1734) return true;  // of other categories in Unicode 8 than now, as the next ones
  if (c == 0x1885 || c == 0x1886 || c == 0xA9BD || c == 0x111C9) return false;
  return category == U_NON_SPACING_MARK && within(c, 8);
}

bool is_removed(char32_t c, int8_t category) {
  if (c == 0 || c == 0xFFFD) return true;
  if (c == '\t' || c == '\n' || c == '\r') return false;
  return (U_MASK(category) & (U_GC_CC_MASK | U_GC_CF_MASK | U_GC_CO_MASK)) != 0 && within(c, 8);
}

bool has_late_case(char32_t c) {
  return std::any_of(std::begin(kLateCases), std::end(kLateCases), [c](LateCase run) { return run.first <= c && c <= run.last; });
}

uint8_t class_of(char32_t c) { return within(c, 9) ? unorm2_getCombiningClass(nfc(), static_cast<UChar32>(c)) : 0; }

bool has_decomposition(char32_t c) {
  UChar unit = 0;
  UErrorCode code = U_ZERO_ERROR;
  return unorm2_getDecomposition(nfc(), static_cast<UChar32>(c), &unit, 0, &code) >= 0 && within(c, 9);
}

uint16_t computed_flags(char32_t c) {
  const auto code = static_cast<UChar32>(c);
  const int8_t category = u_charType(code);
  const bool settled = within(c, 15);
  uint32_t flags = 0;
  if (u_isUWhiteSpace(code) != 0) flags |= kSpace;
  if (is_removed(c, category)) flags |= kRemoved;
  if (is_punctuation(c, category)) flags |= kPunctuation;
  if (in_ranges(kIdeographs, c)) flags |= kIdeograph;
  if (is_accent(c, category)) flags |= kAccent;
  if (settled ? (U_MASK(category) & U_GC_L_MASK) != 0 : in_ranges(kLateLetters, c)) flags |= kLetter;
  if (settled ? (U_MASK(category) & U_GC_N_MASK) != 0 : in_ranges(kLateNumbers, c)) flags |= kNumber;
  if (settled ? u_tolower(code) != code : has_late_case(c)) flags |= kUpper;
  if (has_decomposition(c)) flags |= kDecomposes;
  if (class_of(c) > 0) flags |= kCombines;
  if (u_getIntPropertyValue(code, UCHAR_NFC_QUICK_CHECK) != UNORM_YES && within(c, 9)) flags |= kMayCompose;
  return static_cast<uint16_t>(flags);
}

}  // namespace

CharTable::CharTable() : pages_(kCharacters / kPage) {
  std::vector<uint16_t> page(kPage);
  for (size_t p = 0; p < pages_.size(); ++p) {
    const size_t plane = p >> 8;
    const bool unassigned = plane >= 4 && plane <= 13;
    for (size_t i = 0; i < kPage; ++i) page[i] = unassigned ? 0 : computed_flags(static_cast<char32_t>(p * kPage + i));
    pages_[p] = place(page);
  }
}

uint16_t CharTable::place(const std::vector<uint16_t>& page) {
  for (size_t start = 0; start < flags_.size(); start += kPage) {
    if (std::equal(page.begin(), page.end(), flags_.begin() + static_cast<std::ptrdiff_t>(start)))
      return static_cast<uint16_t>(start / kPage);
  }
  flags_.insert(flags_.end(), page.begin(), page.end());
  return static_cast<uint16_t>(flags_.size() / kPage - 1);
}

const CharTable& char_table() {
  static const CharTable kTable;
  return kTable;
}

std::array<char32_t, 2> lower_case(char32_t character) {
  if (character == 0x130) return {U'i', 0x307};
  if (within(character, 15)) return {static_cast<char32_t>(u_tolower(static_cast<UChar32>(character))), 0};
  for (const LateCase& run : kLateCases) {
    if (run.first <= character && character <= run.last) return {run.lower + (character - run.first), 0};
  }
  return {character, 0};
}

bool is_assigned_by(char32_t character, uint8_t version) { return within(character, version); }

uint8_t combining_class(char32_t character) { return class_of(character); }

namespace {

size_t decomposition(const UNormalizer2* form, char32_t character, CharacterParts& parts) {
  std::array<UChar, 40> units{};
  UErrorCode code = U_ZERO_ERROR;
  const int32_t length = unorm2_getDecomposition(form, static_cast<UChar32>(character), units.data(), units.size(), &code);
  if (length < 0) return 0;
  size_t count = 0;
  for (int32_t at = 0; at < length && count < parts.size(); ++count) {
    UChar32 part = 0;
    U16_NEXT(units.data(), at, length, part);
    parts[count] = static_cast<char32_t>(part);
  }
  return count;
}

}  // namespace

size_t decompose(char32_t character, CharacterParts& parts) {
  parts[0] = character;
  return (char_flags(character) & kDecomposes) == 0 ? 1 : decomposition(nfc(), character, parts);
}

size_t decompose_compatible(char32_t character, CharacterParts& parts) {
  static const UNormalizer2* const kForm = icu_form(unorm2_getNFKDInstance);
  const size_t count = character < 0xA0 || !within(character, 9) ? 0 : decomposition(kForm, character, parts);
  if (count > 0) return count;
  parts[0] = character;
  return 1;
}

char32_t compose(char32_t first, char32_t second) {
  const UChar32 composed = unorm2_composePair(nfc(), static_cast<UChar32>(first), static_cast<UChar32>(second));
  return composed > 0 && within(static_cast<char32_t>(composed), 9) ? static_cast<char32_t>(composed) : 0;
}

bool is_word_character(char32_t character) {
  if ((char_flags(character) & (kLetter | kNumber)) != 0 && !within(character, 15)) return true;
  if (in_ranges(kLateMarks, character)) return true;
  const auto code = static_cast<UChar32>(character);
  const uint32_t category = U_GET_GC_MASK(code);
  return u_isUAlphabetic(code) != 0 || (category & (U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK)) != 0 ||
         u_hasBinaryProperty(code, UCHAR_JOIN_CONTROL) != 0;
}

bool is_numeric_character(char32_t character) {
  return (char_flags(character) & kNumber) != 0 || (character >= 0x11DE0 && character <= 0x11DE9) ||
         (character >= 0x16FF4 && character <= 0x16FF6);
}

bool is_combining_mark(char32_t character) {
  if (character == 0x1CF2 || character == 0x1CF3) return true;  // of other categories since, as the next one
  return character != 0x111C9 && (U_GET_GC_MASK(static_cast<UChar32>(character)) & U_GC_M_MASK) != 0 && within(character, 9);
}

Utf8Character utf8_at(std::string_view text, size_t at) {
  const auto byte = [&](size_t offset) -> uint32_t {
    return at + offset < text.size() ? static_cast<unsigned char>(text[at + offset]) : 0;
  };
  const uint32_t lead = byte(0);
  if (lead < 0x80) return {.code = lead, .length = 1};
  if (lead < 0xC2 || lead > 0xF4) return {};
  const uint32_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  // The second byte's range keeps out overlong forms, surrogates and what lies above U+10FFFF (Unicode 15, table 3-7).
  const uint32_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const uint32_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  char32_t code = lead & (0x7FU >> length);
  for (uint32_t i = 1; i < length; ++i) {
    const uint32_t next = byte(i);
    if (next < (i == 1 ? low : 0x80) || next > (i == 1 ? high : 0xBF)) return {.code = 0xFFFD, .length = i};
    code = code << 6 | (next & 0x3F);
  }
  return {.code = code, .length = length};
}

void append_utf8(std::string& text, char32_t c) {
  if (c < 0x80) {
    text += static_cast<char>(c);
  } else if (c < 0x800) {
    text += {static_cast<char>(0xC0 | c >> 6), static_cast<char>(0x80 | (c & 0x3F))};
  } else if (c < 0x10000) {
    text += {static_cast<char>(0xE0 | c >> 12), static_cast<char>(0x80 | (c >> 6 & 0x3F)), static_cast<char>(0x80 | (c & 0x3F))};
  } else {
    text += {static_cast<char>(0xF0 | c >> 18), static_cast<char>(0x80 | (c >> 12 & 0x3F)), static_cast<char>(0x80 | (c >> 6 & 0x3F)),
             static_cast<char>(0x80 | (c & 0x3F))};
  }
}

std::string_view repaired_utf8(std::string_view text, std::string& storage) {
  size_t at = 0;
  while (at < text.size()) {
    const Utf8Character character = utf8_at(text, at);
    if (character.code == 0xFFFD && text.substr(at, 3) != "\xEF\xBF\xBD") break;
    at += character.length;
  }
  if (at >= text.size()) return text;
  storage.assign(text.substr(0, at));
  while (at < text.size()) {
    const Utf8Character character = utf8_at(text, at);
    append_utf8(storage, character.code);
    at += character.length;
  }
  return storage;
}

}  // namespace infig
