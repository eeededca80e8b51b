// JSON from untrusted files.
#pragma once

#include <exception>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace infig {

// Maximum nesting depth of lists and objects. Files of published models are far below it.
inline constexpr int kMaxJsonDepth = 100;

// The value, or a discarded one (is_discarded()) if the text is not JSON or nested too deeply: nlohmann reads any depth,
// but copies, compares and prints by recursion, so that a file of brackets alone would overflow the stack.
nlohmann::json parse_foreign_json(std::string_view text);

// What a library's error about JSON says, without its own mark in front ("[json.exception.parse_error.101] ").
std::string json_fault(const std::exception& error);

// Why parse_foreign_json discards this text, with the place of the fault: printable ASCII, however long and whatever the text is.
std::string foreign_json_fault(std::string_view text);

}  // namespace infig
