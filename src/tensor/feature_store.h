// Features of a frozen encoder, a row a post, in a folder (archive/feature_file.h says how it is read).
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
  // Throws CheckpointError naming what is missing, broken, or of another number of rows.
  FeatureStore(const std::filesystem::path& folder, int64_t rows);
  // The features of these rows as they were appended: [B, ...] float. May be called from several threads. CheckpointError where the file
  // has been cut off since.
  at::Tensor gather(const std::vector<int64_t>& rows) const;
  const std::map<int64_t, BadPicture>& bad() const { return bad_; }  // by row; features of a picture that was not usable mean nothing
  bool usable(int64_t row) const;

 private:
  FeatureFile file_;
  std::map<int64_t, BadPicture> bad_;
};

// Writes one, row by row in order. The folder does not exist until commit().
class FeatureWriter {
 public:
  FeatureWriter(const std::filesystem::path& folder, int64_t rows, bool half);
  void append(const at::Tensor& features);  // [b, ...] float: the next b rows
  void commit(const std::map<int64_t, BadPicture>& bad);

 private:
  StagingFolder staging_;
  int64_t rows_;
  bool half_;
  std::unique_ptr<SafetensorsStream> stream_;  // made with the first rows, which tell the shape
};

}  // namespace infig
