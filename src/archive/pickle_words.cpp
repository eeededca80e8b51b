// Pickles in messages (pickle.h).
#include <fmt/format.h>

#include <array>

#include "archive/pickle.h"

namespace infig {

const char* pickle_kind_name(PickleKind kind) {
  constexpr std::array<const char*, 13> names = {
      "None", "bool", "int", "int", "float", "str", "tuple", "list", "dict", "global", "call", "persistent id", "object of another class"};
  return names[static_cast<size_t>(kind)];
}

std::string printable(std::string_view text) {
  constexpr size_t kShown = 100;
  std::string shown;
  for (const char character : text.substr(0, kShown)) {
    const bool plain = character >= ' ' && character <= '~';
    shown += plain ? std::string(1, character) : fmt::format("\\x{:02x}", static_cast<uint8_t>(character));
  }
  return text.size() > kShown ? shown + "..." : shown;
}

}  // namespace infig
