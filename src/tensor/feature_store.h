// Stored features of a frozen encoder: a folder with one row per post (archive/feature_file.h describes the format).
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "archive/feature_file.h"
#include "archive/safetensors_stream.h"
#include "core/files.h"
#include "image/bad_picture.h"

namespace infig {

class FeatureStore {
 public:
  // Throws CheckpointError naming what is missing or broken, or if the number of rows is not `rows`.
  FeatureStore(const std::filesystem::path& folder, int64_t rows);
  // Returns the features of these rows: [B, ...] float. May be called from several threads. Throws CheckpointError if the file has been
  // truncated since it was opened.
  at::Tensor gather(const std::vector<int64_t>& rows) const;
  const std::map<int64_t, BadPicture>& bad() const { return bad_; }  // by row; the features of unusable pictures are meaningless
  bool usable(int64_t row) const;

 private:
  FeatureFile file_;
  std::map<int64_t, BadPicture> bad_;
};

// Writes a feature store row by row, in order. The folder does not exist until commit().
class FeatureWriter {
 public:
  FeatureWriter(const std::filesystem::path& folder, int64_t rows, bool half);
  void append(const at::Tensor& features);  // [b, ...] float: the next b rows
  void commit(const std::map<int64_t, BadPicture>& bad);

 private:
  StagingFolder staging_;
  int64_t rows_;
  bool half_;
  std::unique_ptr<SafetensorsStream> stream_;  // created with the first rows, which define the shape
};

}  // namespace infig
