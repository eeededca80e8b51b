#include "apps/run_description.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "apps/build_info.h"

namespace infig {
namespace {

// A word as a shell reads it: as it is, or in single quotes.
std::string shell_word(const std::string& word) {
  constexpr const char* kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

// The command that was typed, for description.json, so that a shell reads the same words again.
std::string command_line() {
  std::ifstream in("/proc/self/cmdline", std::ios::binary);
  std::string all((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>()), line;
  for (size_t begin = 0; begin < all.size();) {
    const size_t end = std::min(all.find('\0', begin), all.size());
    line += (line.empty() ? "" : " ") + shell_word(all.substr(begin, end - begin));
    begin = end + 1;
  }
  return line;
}

}  // namespace

std::string describe_run(const std::string& config) {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  return nlohmann::json{{"version", INFIG_VERSION},
                        {"git", build_commit()},
                        {"command", command_line()},
                        {"host", host.data()},
                        {"preset", std::filesystem::path(config).stem().string()}}
      .dump();
}

}  // namespace infig
