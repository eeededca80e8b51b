// The folder that a data set is prepared into: it appears whole or not at all.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "core/files.h"

namespace infig {

// How a picture of the raw files gets into images/.
enum class PictureTransfer {
  kHardLink,  // no second copy on the disk; copied where the file system refuses (another device, no right)
  kCopy,
  kSymlink,  // refers to the raw file, which must stay where it is
};
const char* picture_transfer_name(PictureTransfer transfer);  // "hard_link", "copy", "symlink"

// The absolute path of `out` without a slash behind it. Throws DataError where it exists: an empty folder is always taken; with `overwrite`
// also a folder that holds a data set (a dataset.json). Any other folder or file is never touched.
std::filesystem::path check_target(std::filesystem::path out, bool overwrite);

// Transfers the file `source` to `target` (replacing it). False if `source` is not a readable file. Throws ResourceError.
bool transfer_picture(const std::filesystem::path& source, const std::filesystem::path& target, PictureTransfer transfer);

// For data sets that are made in one step, without resuming.
class DataSetTarget {
 public:
  DataSetTarget(const std::filesystem::path& out, bool overwrite);  // throws as check_target

  // Where to write until keep().
  const std::filesystem::path& folder() const { return staging_->path(); }

  // Puts `source` into images/`name` and returns its path; an empty path where `source` is no readable file. Throws ResourceError.
  std::filesystem::path add_picture(const std::filesystem::path& source, const std::string& name, PictureTransfer transfer);

  // Moves everything to `out`, replacing an existing data set as a whole. Throws ResourceError and then leaves the old folder in place.
  void keep();

 private:
  std::unique_ptr<StagingFolder> staging_;
};

}  // namespace infig
