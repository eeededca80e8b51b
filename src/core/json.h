// JSON that others wrote.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace infig {

// How deep lists and objects may stand in each other. No file that a model ships comes near.
inline constexpr int kMaxJsonDepth = 100;

// The value, or a discarded one (is_discarded(), of no other type) where the text is not JSON or nested too deep: nlohmann reads any depth,
// but copies, compares and prints by recursion, so that a file of brackets alone would overflow the stack.
nlohmann::json parse_foreign_json(std::string_view text);

// Why parse_foreign_json discards this text, with the place of the fault.
std::string foreign_json_fault(std::string_view text);

}  // namespace infig
