#include <charconv>
#include <string>
#include <unordered_map>

#include "text/emoji_names.h"

namespace infig {

std::string_view emoji_name(char32_t character) {
  static const std::unordered_map<char32_t, std::string_view> kNames = [] {
    std::unordered_map<char32_t, std::string_view> names;
    std::string_view left = kEmojiNames;
    while (!left.empty()) {
      const size_t equals = left.find('='), space = left.find(' ', equals);
      const std::string digits(left.substr(0, equals));
      uint32_t code = 0;
      std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
      names.emplace(code, left.substr(equals + 1, space - equals - 1));
      left.remove_prefix(space + 1);
    }
    return names;
  }();
  const auto found = kNames.find(character);
  return found == kNames.end() ? std::string_view() : found->second;
}

}  // namespace infig
