// A cache of features on disk, a row a post: features.safetensors and features.json in a folder of their own. Free of torch. Rows are read
// with pread, not through a memory map: a file that is cut off, now or later, is an error that names it and not the end of the process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "archive/safetensors.h"
#include "core/file_span.h"

namespace infig {

inline constexpr const char* kFeatureTensors = "features.safetensors";  // holds one tensor, called
inline constexpr const char* kFeatureTensor = "features";
inline constexpr const char* kFeatureRecord = "features.json";  // {"bad": [{"row", "id", "file", "status", "reason"}, ...]}

struct FeatureFault {
  std::string id, file, status, reason;  // of a picture that could not be read whole
};

class FeatureFile {
 public:
  // Throws CheckpointError naming what is missing, broken, or of another number of rows.
  FeatureFile(const std::filesystem::path& folder, int64_t rows);

  const std::vector<int64_t>& shape() const { return shape_; }  // of a row
  bool half() const { return half_; }                           // fp16; else fp32
  size_t row_bytes() const { return row_bytes_; }
  const std::map<int64_t, FeatureFault>& bad() const { return bad_; }  // by row

  // Copies these rows one behind the other into `to`, of rows.size() * row_bytes() bytes. May be called from several threads. Throws
  // CheckpointError where the file has become shorter or cannot be read.
  void read(std::span<const int64_t> rows, std::byte* to) const;

 private:
  std::string where_;
  std::shared_ptr<const OpenFile> file_;
  std::vector<int64_t> shape_;
  std::map<int64_t, FeatureFault> bad_;
  uint64_t begin_ = 0;
  size_t row_bytes_ = 0;
  int64_t rows_ = 0;
  bool half_ = false;
};

}  // namespace infig
