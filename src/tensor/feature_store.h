// Stored features of a frozen encoder: a folder with one row per post (archive/feature_file.h describes the format).
#pragma once

#include <torch/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "archive/feature_file.h"
#include "archive/safetensors_stream.h"
#include "core/files.h"
#include "core/resumable_file.h"
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
  // The same file, seen as a store of these of its rows alone. Throws ShapeError for a row that it lacks.
  std::shared_ptr<const FeatureStore> of_rows(const std::vector<int64_t>& rows) const;

 private:
  FeatureFile file_;
  int64_t count_;
  std::optional<std::vector<int64_t>> chosen_;  // of of_rows()
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

// Writes the same store over several starts of the program: what an earlier one computed and saved is not computed again, kill -9
// included. Rows are saved in a file beside the folder, FOLDER.rows.partial, until they are all there.
class ResumedFeatureWriter {
 public:
  // `shape`: of a row. Throws ResourceError where another process writes the same folder, and where the disk has no room for all rows.
  ResumedFeatureWriter(const std::filesystem::path& folder, int64_t rows, const std::vector<int64_t>& shape, bool half);
  int64_t done() const { return done_; }  // rows that are there already
  // The next rows, [b, ...] float, and which of their pictures are not whole, by row. Saves what there is every half minute.
  void append(const at::Tensor& features, const std::map<int64_t, BadPicture>& bad);
  void save();    // so that a next start goes on from here
  void commit();  // throws ShapeError unless all rows are there

 private:
  std::filesystem::path folder_;
  int64_t rows_, done_ = 0;
  std::vector<int64_t> shape_;
  bool half_;
  std::map<int64_t, BadPicture> bad_;
  std::unique_ptr<ResumableFile> file_;
  std::chrono::steady_clock::time_point saved_;
};

}  // namespace infig
