#include "core/words.h"

#include <algorithm>

namespace infig {

std::string with_thousands(int64_t number) {
  std::string digits = std::to_string(number);
  const size_t first = digits.front() == '-' ? 1 : 0;
  for (size_t i = digits.size(); i > first + 3;) {
    i -= 3;
    digits.insert(i, 1, ',');
  }
  return digits;
}

std::string counted(int64_t number, std::string_view one, std::string_view many) {
  std::string text = with_thousands(number) + " ";
  if (number == 1) return text.append(one);
  return many.empty() ? text.append(one).append("s") : text.append(many);
}

std::string counted_are(int64_t number, std::string_view one) { return counted(number, one) + (number == 1 ? " is" : " are"); }

std::string spoken(std::string_view status) {
  std::string words(status);
  std::replace(words.begin(), words.end(), '_', ' ');
  return words;
}

}  // namespace infig
