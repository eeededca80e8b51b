// Golden pictures of tools/golden/make_image.py: a pack is a sequence of "name width height\n" and RGB bytes.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <span>
#include <sstream>
#include <string>

#include "core/files.h"
#include "image/decode.h"
#include "image/image.h"

namespace infig::testing {

inline std::filesystem::path golden_folder() { return std::filesystem::path(INFIG_SOURCE_DIR) / "tests" / "golden" / "image"; }

inline std::map<std::string, Image> read_pack(const std::string& name) {
  const std::string bytes = read_file(golden_folder() / (name + ".pack"));
  std::map<std::string, Image> pictures;
  for (size_t at = 0; at < bytes.size();) {
    const size_t line_end = bytes.find('\n', at);
    std::istringstream header(bytes.substr(at, line_end - at));
    std::string key;
    Image image;
    header >> key >> image.width >> image.height;
    const size_t size = static_cast<size_t>(image.width * image.height * 3);
    image.pixels.assign(bytes.begin() + static_cast<std::ptrdiff_t>(line_end + 1),
                        bytes.begin() + static_cast<std::ptrdiff_t>(line_end + 1 + size));
    pictures.emplace(key, std::move(image));
    at = line_end + 1 + size;
  }
  return pictures;
}

inline std::span<const uint8_t> as_bytes(const std::string& text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }

// Whether these bytes are of a format that this build was made without. Every test passes over such files; FormatLeftOut in
// decode_test.cpp names the format as skipped.
inline bool left_out(std::span<const uint8_t> bytes) {
  const char* format = image_format(bytes);
  for (const char* name : formats_left_out()) {
    if (format != nullptr && std::string(format) == name) return true;
  }
  return false;
}
inline bool left_out(const std::filesystem::path& file) { return left_out(as_bytes(read_file(file))); }

// Fails on an empty picture, on another shape and on any byte that differs by more than `tolerance`.
inline ::testing::AssertionResult same_picture(const Image& actual, const Image& expected, int tolerance = 0) {
  if (expected.pixels.empty()) return ::testing::AssertionFailure() << "the expected picture is empty";
  if (actual.width != expected.width || actual.height != expected.height || actual.pixels.size() != expected.pixels.size()) {
    return ::testing::AssertionFailure() << "is " << actual.width << " x " << actual.height << " with " << actual.pixels.size()
                                         << " bytes, expected " << expected.width << " x " << expected.height;
  }
  size_t wrong = 0, first = 0;
  int worst = 0;
  for (size_t i = 0; i < expected.pixels.size(); ++i) {
    const int difference = std::abs(int{actual.pixels[i]} - int{expected.pixels[i]});
    if (difference <= tolerance) continue;
    if (wrong++ == 0) first = i;
    worst = std::max(worst, difference);
  }
  if (wrong == 0) return ::testing::AssertionSuccess();
  const auto pixel = static_cast<int64_t>(first / 3);
  return ::testing::AssertionFailure() << wrong << " of " << expected.pixels.size() << " bytes differ by up to " << worst << ", first at x "
                                       << pixel % expected.width << ", y " << pixel / expected.width << ", channel " << first % 3 << ": "
                                       << int{actual.pixels[first]} << " instead of " << int{expected.pixels[first]};
}

}  // namespace infig::testing
