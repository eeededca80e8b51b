// Pictures that a table holds itself, laid one after the other into a file, where posts name them as spans like all others.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "core/file_span.h"

namespace infig {

class PictureSpool {
 public:
  // A file without a name in the folder for temporary files ($TMPDIR): it is gone with the object, however the process ends. Made with the
  // first picture.
  PictureSpool() = default;
  // `file`, removed with the object; so that messages name it.
  explicit PictureSpool(std::filesystem::path file) : file_(std::move(file)) {}
  ~PictureSpool();
  PictureSpool(const PictureSpool&) = delete;
  PictureSpool& operator=(const PictureSpool&) = delete;

  // Not empty. Throws ResourceError where it cannot be written.
  FileSpan add(std::string_view bytes);
  void clear();                                                // gives the room back; spans so far are of no use from here on
  const std::filesystem::path& file() const { return file_; }  // that the spans are of

 private:
  void open();
  [[noreturn]] void fail() const;
  std::filesystem::path file_;
  bool named_ = false;
  int descriptor_ = -1;
  int64_t written_ = 0;
};

}  // namespace infig
