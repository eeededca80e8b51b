#include "prepare/growing_file.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "core/error.h"
#include "core/files.h"

namespace infig {
namespace fs = std::filesystem;

GrowingFile::GrowingFile(fs::path path, int64_t bytes) : path_(std::move(path)), bytes_(bytes) {
  errno = 0;
  stream_.open(path_, std::ios::binary | std::ios::app);
  if (!stream_) throw ResourceError(fmt::format("{}: cannot be opened for writing: {}", path_.string(), std::strerror(errno)));
  const auto size = static_cast<int64_t>(fs::file_size(path_));
  if (size < bytes) throw DataError(fmt::format("{}: has {} bytes, expected at least {}", path_.string(), size, bytes));
  std::error_code code;
  if (size > bytes) fs::resize_file(path_, static_cast<uintmax_t>(bytes), code);
  if (code) throw ResourceError(fmt::format("{}: cannot be cut to {} bytes: {}", path_.string(), bytes, code.message()));
}

void GrowingFile::append(std::string_view text) {
  errno = 0;
  stream_.write(text.data(), static_cast<std::streamsize>(text.size()));
  if (!stream_) throw ResourceError(fmt::format("{}: writing failed: {}; free some space", path_.string(), std::strerror(errno)));
  bytes_ += static_cast<int64_t>(text.size());
}

void GrowingFile::sync() {
  errno = 0;
  stream_.flush();
  if (!stream_) throw ResourceError(fmt::format("{}: writing failed: {}; free some space", path_.string(), std::strerror(errno)));
  sync_path(path_);
}

}  // namespace infig
