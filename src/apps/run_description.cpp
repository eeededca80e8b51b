#include "apps/run_description.h"

#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "apps/build_info.h"

namespace infig {
namespace {

// The command that was typed, for description.json.
std::string command_line() {
  std::ifstream in("/proc/self/cmdline", std::ios::binary);
  std::string all((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>()), line;
  for (const char c : all) line += c == '\0' ? ' ' : c;
  while (!line.empty() && line.back() == ' ') line.pop_back();
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
