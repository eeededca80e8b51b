#include "text/decompose.h"

#include <algorithm>
#include <array>
#include <optional>
#include <tuple>

#include "text/unicode.h"

namespace infig {
namespace {

using Changed = ChangedCharacter;

std::vector<Changed> decomposed(const std::vector<char32_t>& text, bool compatible) {
  std::vector<Changed> result;
  result.reserve(text.size());
  size_t marks = 0;  // where the run of combining characters at the end begins
  const auto sort_marks = [&] {
    std::sort(result.begin() + static_cast<std::ptrdiff_t>(marks), result.end(),
              [](const Changed& a, const Changed& b) { return std::tie(a.combining, a.place) < std::tie(b.combining, b.place); });
  };
  CharacterParts parts{};
  for (const char32_t character : text) {
    const size_t count = compatible ? decompose_compatible(character, parts) : decompose(character, parts);
    for (size_t i = 0; i < count; ++i) {
      const uint8_t combining = parts[i] < 0x300 ? 0 : combining_class(parts[i]);
      if (combining == 0) {
        sort_marks();
        marks = result.size();
      }
      result.push_back({.code = parts[i], .change = i > 0, .combining = combining, .place = static_cast<uint32_t>(result.size())});
    }
  }
  sort_marks();
  return result;
}

std::vector<Changed> composed(const std::vector<Changed>& text) {
  std::vector<Changed> result, blocked;  // marks that do not compose with the letter before them
  result.reserve(text.size());
  std::optional<Changed> letter;
  for (const Changed& next : text) {
    if (!letter) {
      if (next.combining == 0) {
        letter = next;
      } else {
        result.push_back(next);
      }
      continue;
    }
    const bool reachable = blocked.empty() || blocked.back().combining < next.combining;
    if (const char32_t one = reachable ? compose(letter->code, next.code) : 0; one != 0) {
      letter = Changed{.code = one, .change = letter->change + next.change - 1};
    } else if (next.combining == 0) {
      result.push_back(*letter);
      result.insert(result.end(), blocked.begin(), blocked.end());
      blocked.clear();
      letter = next;
    } else {
      blocked.push_back(next);
    }
  }
  if (letter) result.push_back(*letter);
  result.insert(result.end(), blocked.begin(), blocked.end());
  return result;
}

}  // namespace

std::vector<Changed> normal_form_of(const std::vector<char32_t>& text, UnicodeForm form) {
  const bool compatible = form == UnicodeForm::kNfkc || form == UnicodeForm::kNfkd;
  std::vector<Changed> parts = decomposed(text, compatible);
  return form == UnicodeForm::kNfc || form == UnicodeForm::kNfkc ? composed(parts) : parts;
}

}  // namespace infig
