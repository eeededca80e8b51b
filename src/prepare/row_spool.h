// Rows of a table in an unnamed file, to be read again in any order: the rows of 200,000 posts are not held in memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace infig {

struct SpooledRow {
  std::string id;
  std::string text;
  std::string image;
  int64_t offset = 0, length = -1;  // of a picture that was laid down with the rows (PictureSpool); -1: `image` names a file
};

class RowSpool {
 public:
  // The file is in `folder` (made if absent) and disappears with the object, even if the process is killed. Throws ResourceError.
  explicit RowSpool(const std::filesystem::path& folder);
  ~RowSpool();
  RowSpool(const RowSpool&) = delete;
  RowSpool& operator=(const RowSpool&) = delete;

  void add(const SpooledRow& row);  // throws ResourceError
  void finish();                    // once, before the first read
  int64_t size() const { return static_cast<int64_t>(ends_.size()); }
  SpooledRow read(int64_t i) const;  // several threads at once; throws ResourceError

 private:
  void flush();

  std::filesystem::path folder_;
  int descriptor_ = -1;
  std::string waiting_;        // not written yet
  std::vector<int64_t> ends_;  // where each row ends
  int64_t written_ = 0;
};

}  // namespace infig
