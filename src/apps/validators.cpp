#include "apps/validators.h"

#include <fmt/format.h>

#include <charconv>
#include <filesystem>
#include <limits>
#include <string>
#include <system_error>

namespace infig {
namespace {

// Empty where `word` is a number that lies inside, else what is wrong with it.
template <typename Number>
std::string number_fault(const std::string& word, Number low, Number high, const std::string& expected) {
  Number value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  const bool inside = error == std::errc() && end == word.data() + word.size() && value >= low && value <= high;
  return inside ? "" : fmt::format("expected {}, found {}", expected, word.empty() ? "nothing" : word);
}

}  // namespace

CLI::Validator whole_from(int64_t low) {
  const std::string expected = fmt::format("a whole number of at least {}", low);
  return {[low, expected](std::string& word) { return number_fault(word, low, std::numeric_limits<int64_t>::max(), expected); }, ""};
}

CLI::Validator whole_between(int64_t low, int64_t high) {
  const std::string expected = fmt::format("a whole number from {} to {}", low, high);
  return {[low, high, expected](std::string& word) { return number_fault(word, low, high, expected); },
          fmt::format("INT in [{} - {}]", low, high)};
}

CLI::Validator no_run_folder() {
  return {[](std::string& word) {
            const std::filesystem::path best = std::filesystem::path(word) / "checkpoints" / "best";
            std::error_code code;
            return std::filesystem::is_directory(best, code)
                       ? fmt::format("{} is a run; the folder of its model is {}", word, best.string())
                       : std::string();
          },
          ""};
}

CLI::Validator number_between(double low, double high) {
  const std::string expected = fmt::format("a number from {} to {}", low, high);
  return {[low, high, expected](std::string& word) { return number_fault(word, low, high, expected); },
          fmt::format("FLOAT in [{} - {}]", low, high)};
}

}  // namespace infig
