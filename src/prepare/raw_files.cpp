#include "prepare/raw_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "core/error.h"
#include "core/files.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

template <size_t N>
bool has_extension(std::string_view name, const std::array<const char*, N>& known) {
  const std::string extension = lower_extension(name);
  return std::any_of(known.begin(), known.end(), [&](const char* one) { return extension == one; });
}

}  // namespace

std::string read_raw_text(const fs::path& file, TextDecode decode) {
  try {
    return decode_text(read_file(file), decode);
  } catch (const DataError& error) {
    throw DataError(fmt::format("{}: {}; another text decoding may fit (utf8_ignore never refuses)", file.string(), error.what()));
  }
}

std::string lower_extension(std::string_view name) {
  std::string extension = fs::path(name).extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return extension;
}

bool is_picture_name(std::string_view name) {
  return has_extension(name,
                       std::array{".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".avif", ".heic", ".heif", ".tif", ".tiff", ".jxl"});
}

bool is_table_name(std::string_view name) { return has_extension(name, std::array{".csv", ".tsv", ".tab", ".jsonl", ".ndjson"}); }

bool may_be_table_name(std::string_view name) { return has_extension(name, std::array{".txt", ".json"}); }

bool wants_posts(std::string_view member) {
  const std::string last = fs::path(member).filename().string();
  if (last.starts_with("._") || member.starts_with("__MACOSX/")) return false;
  return is_picture_name(member) || is_table_name(member) || may_be_table_name(member);
}

}  // namespace infig
