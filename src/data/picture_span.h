// A picture that lies inside a larger file, as posts.jsonl names it: "images.pack#OFFSET+LENGTH", "train-000.tar#OFFSET+LENGTH".
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace infig {

struct PictureSpan {
  std::filesystem::path file;  // as it stands before the '#': with its folder, if it has one
  int64_t offset = 0;          // of its first byte
  int64_t length = 0;          // in bytes, at least 1
};

// The span that `image` names; nothing where it is the path of a picture file. Only files called *.pack and *.tar hold pictures, and both
// numbers are plain decimal digits without a sign: "a#1.jpg" and "b.pack#1+0" are paths. Folders may stand in front.
std::optional<PictureSpan> parse_picture_span(std::string_view image);

// The text that parse_picture_span reads back.
std::string picture_span_text(const PictureSpan& span);

}  // namespace infig
