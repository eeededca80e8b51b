// Every picture of a data set, opened once.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/post.h"
#include "quality/picture_print.h"

namespace infig {

struct PictureFacts {
  std::string status = {};       // a word of docs/pictures.md ("ok", "truncated", "absent", ...), or "none": none is named
  std::string reason = {};       // empty if there is nothing to report
  bool usable = false;           // decoded
  std::string format = {};       // "JPEG", ...; empty where unknown
  bool wrong_extension = false;  // the name ends on another known format's extension
  int64_t width = 0, height = 0;
  int64_t bytes = 0;
  std::string sha256 = {};  // of the file; empty where it could not be read
  PicturePrint print = {};  // where usable
};

struct ScanOptions {
  int64_t max_pixels = 100'000'000;
  int64_t threads = 1;  // changes no result
};

// [posts], in row order. A bad picture is a value. Shows a progress bar.
std::vector<PictureFacts> scan_pictures(const std::vector<Post>& posts, const ScanOptions& options);

}  // namespace infig
