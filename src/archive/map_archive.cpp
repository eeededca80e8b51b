#include "archive/map_archive.h"

#include "core/error.h"

namespace infig {

MappedFile map_archive(const std::filesystem::path& path, const std::string& expected) {
  try {
    return MappedFile(path, expected);
  } catch (const DataError& error) {
    throw CheckpointError(error.what());
  }
}

}  // namespace infig
