// An append-only text file that is resumed from a recorded length after its writer was killed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string_view>

namespace infig {

class GrowingFile {
 public:
  // Opens `path` (made if absent) and cuts it to `bytes`. Throws DataError where it is shorter, ResourceError.
  GrowingFile(std::filesystem::path path, int64_t bytes);

  void append(std::string_view text);  // throws ResourceError, at the latest in sync()
  void sync();                         // everything so far is on the disk afterwards
  int64_t bytes() const { return bytes_; }

 private:
  std::filesystem::path path_;
  std::ofstream stream_;
  int64_t bytes_;
};

}  // namespace infig
