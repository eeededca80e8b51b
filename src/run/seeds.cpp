#include "run/seeds.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <string_view>
#include <system_error>

#include "core/files.h"
#include "core/words.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

std::vector<fs::path> folders_in(const fs::path& folder) {
  std::vector<fs::path> folders;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(folder, code)) {
    if (entry.is_directory(code) && !entry.is_symlink(code)) folders.push_back(entry.path());
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

// "a, b, c and 7 more"
std::string listed(const std::vector<std::string>& names) {
  constexpr size_t kMost = 10;
  const size_t shown = std::min(names.size(), kMost);
  std::string text = fmt::format("{}", fmt::join(names.begin(), names.begin() + static_cast<int64_t>(shown), ", "));
  return names.size() > shown ? fmt::format("{} and {} more", text, names.size() - shown) : text;
}

std::vector<std::string> last_names(const std::vector<fs::path>& folders) {
  std::vector<std::string> names;
  for (const fs::path& folder : folders) names.push_back(last_name(folder));
  return names;
}

}  // namespace

std::optional<uint64_t> seed_of_folder(const fs::path& folder) {
  constexpr std::string_view kPrefix = "seed-";
  const std::string name = last_name(folder);
  if (!name.starts_with(kPrefix)) return std::nullopt;
  uint64_t seed = 0;
  const char *begin = name.data() + kPrefix.size(), *end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(begin, end, seed);
  if (error != std::errc() || stop != end) return std::nullopt;
  return seed;
}

std::vector<fs::path> seed_runs(const fs::path& folder) {
  std::map<uint64_t, fs::path> seeds;
  for (const fs::path& one : folders_in(folder)) {
    if (const auto seed = seed_of_folder(one)) seeds.emplace(*seed, one);
  }
  std::vector<fs::path> runs;
  for (const auto& [seed, path] : seeds) runs.push_back(path);
  return runs;
}

std::string runs_inside(const fs::path& folder, const std::string& flag) {
  const std::vector<fs::path> seeds = seed_runs(folder);
  if (!seeds.empty())
    return fmt::format("holds {} ({}); give one of them, as {} {}", counted(static_cast<int64_t>(seeds.size()), "run"),
                       listed(last_names(seeds)), flag, seeds.front().string());
  std::vector<fs::path> runs, variants;
  for (const fs::path& one : folders_in(folder)) {
    if (fs::exists(one / "config.yaml")) runs.push_back(one);
    if (!seed_runs(one).empty()) variants.push_back(one);
  }
  if (!variants.empty())
    return fmt::format("holds an experiment ({}); give one of its runs, as {} {}", listed(last_names(variants)), flag,
                       seed_runs(variants.front()).front().string());
  if (!runs.empty())
    return fmt::format("holds {} ({}); give one of them, as {} {}", counted(static_cast<int64_t>(runs.size()), "run"),
                       listed(last_names(runs)), flag, runs.front().string());
  return "";
}

}  // namespace infig
