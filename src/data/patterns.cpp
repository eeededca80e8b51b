// Names with braces and wildcards, as shells and WebDataset write them.
#include <fmt/format.h>
#include <glob.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>
#include <string_view>

#include "core/error.h"
#include "data/image_folder.h"
#include "data/post.h"
#include "data/row_reading.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

constexpr size_t kMostNames = 1'000'000;

// "000..009" -> 000, 001, ..., 009: zeros in front are kept.
std::optional<std::vector<std::string>> number_range(std::string_view inside) {
  const size_t dots = inside.find("..");
  if (dots == std::string_view::npos) return std::nullopt;
  const std::string_view first = inside.substr(0, dots), last = inside.substr(dots + 2);
  const auto number = [](std::string_view digits, int64_t& value) {
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return error == std::errc() && end == digits.data() + digits.size() && digits.front() != '-';
  };
  int64_t low = 0, high = 0;
  if (!number(first, low) || !number(last, high)) return std::nullopt;
  if (high < low || static_cast<uint64_t>(high - low) >= kMostNames)
    throw DataError(fmt::format("{{{}}}: expected a range from a smaller number to a larger one, of at most {}", inside, kMostNames));
  std::vector<std::string> names;
  for (int64_t i = low; i <= high; ++i) names.push_back(fmt::format("{:0{}}", i, first.size()));
  return names;
}

std::vector<std::string> alternatives(std::string_view inside) {
  if (auto numbers = number_range(inside)) return *numbers;
  std::vector<std::string> words;
  while (true) {
    const size_t comma = inside.find(',');
    words.emplace_back(inside.substr(0, comma));
    if (comma == std::string_view::npos) return words;
    inside.remove_prefix(comma + 1);
  }
}

std::vector<std::string> without_braces(const std::string& pattern) {
  const size_t open = pattern.find('{'), close = pattern.find('}', open);
  if (open == std::string::npos || close == std::string::npos) return {pattern};
  std::vector<std::string> names;
  const std::vector<std::string> rests = without_braces(pattern.substr(close + 1));
  for (const std::string& word : alternatives(std::string_view(pattern).substr(open + 1, close - open - 1))) {
    for (const std::string& rest : rests) {
      names.push_back(fmt::format("{}{}{}", pattern.substr(0, open), word, rest));
      if (names.size() > kMostNames) throw DataError(fmt::format("{}: stands for more than {} names", pattern, kMostNames));
    }
  }
  return names;
}

void add_matches(const std::string& name, std::vector<fs::path>& files) {
  if (fs::exists(name)) return files.emplace_back(name), void();
  glob_t found{};
  const int code = ::glob(name.c_str(), 0, nullptr, &found);
  for (size_t i = 0; code == 0 && i < found.gl_pathc; ++i) files.emplace_back(found.gl_pathv[i]);
  ::globfree(&found);
  if (code != 0) throw DataError(fmt::format("{}: no such file", name));
}

}  // namespace

bool is_pattern(const fs::path& name) { return name.string().find_first_of("{*?[") != std::string::npos; }

bool is_tar(const fs::path& path) { return lower_extension_of(path) == ".tar"; }
bool is_parquet(const fs::path& path) { return lower_extension_of(path) == ".parquet"; }

std::vector<fs::path> tars_in(const fs::path& folder) {
  std::vector<fs::path> tars;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (is_tar(entry.path()) && entry.is_regular_file()) tars.push_back(entry.path());
  }
  std::sort(tars.begin(), tars.end());
  return tars;
}

std::vector<fs::path> parquet_files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  const auto skip = fs::directory_options::skip_permission_denied;
  for (auto at = fs::recursive_directory_iterator(folder, skip); at != fs::recursive_directory_iterator(); ++at) {
    const std::string name = at->path().filename().string();
    if (name.starts_with('.') && at->is_directory()) at.disable_recursion_pending();  // .git, caches
    // metadata.parquet belongs to a folder of pictures.
    if (is_parquet(at->path()) && at->is_regular_file() && name != "metadata.parquet") files.push_back(at->path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string split_called(const std::string& word) {
  try {
    return split_name(parse_split(word));
  } catch (const DataError&) {
    return "";
  }
}

std::string split_in_name(const fs::path& file) {
  const std::string name = file.filename().string();
  std::string found;
  for (size_t at = 0; at < name.size();) {
    const auto letter = [&](size_t i) { return std::isalpha(static_cast<unsigned char>(name[i])) != 0; };
    size_t end = at;
    while (end < name.size() && letter(end)) ++end;
    const std::string split = end > at ? split_called(name.substr(at, end - at)) : "";
    if (!split.empty() && found.empty()) found = split;
    if (!split.empty() && found.find(split) == std::string::npos) found += " or " + split;
    at = std::max(end, at + 1);
  }
  return found;
}

std::vector<fs::path> tables_of(const fs::path& name) {
  if (fs::is_directory(name)) {
    if (fs::exists(name / "posts.jsonl")) return {name / "posts.jsonl"};
    auto tars = tars_in(name);
    auto parquet = parquet_files_in(name);
    if (!tars.empty() && !parquet.empty())
      throw DataError(
          fmt::format("{}: holds tars and Parquet files; name those that are meant, as '{}'", name.string(), (name / "*.tar").string()));
    if (!tars.empty()) return tars;
    if (!parquet.empty()) return parquet;
    if (is_image_folder(name)) return {name.has_filename() ? name : name.parent_path()};
    throw DataError(fmt::format("{}: holds neither posts.jsonl, a tar, a Parquet file nor pictures", name.string()));
  }
  if (fs::exists(name)) return {name};
  std::vector<fs::path> files;
  for (const std::string& plain : without_braces(name.string())) add_matches(plain, files);
  return files;
}

}  // namespace infig
