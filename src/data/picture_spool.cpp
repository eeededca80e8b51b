#include "data/picture_spool.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "core/error.h"
#include "core/files.h"

namespace infig {
namespace fs = std::filesystem;

PictureSpool::~PictureSpool() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  std::error_code code;
  if (named_) fs::remove(file_, code);
}

void PictureSpool::fail() const {
  throw ResourceError(fmt::format("{}: pictures out of a table cannot be kept there: {}; TMPDIR names another folder",
                                  named_ ? file_.string() : fs::temp_directory_path().string(), system_words(errno)));
}

void PictureSpool::open() {
  named_ = !file_.empty();
  if (named_) {
    descriptor_ = ::open(file_.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (descriptor_ < 0) fail();
    return;
  }
  std::string name = (fs::temp_directory_path() / "infig-pictures-XXXXXX").string();
  descriptor_ = ::mkostemp(name.data(), O_CLOEXEC);
  if (descriptor_ < 0) fail();
  ::unlink(name.c_str());
  file_ = fmt::format("/proc/self/fd/{}", descriptor_);
}

FileSpan PictureSpool::add(std::string_view bytes) {
  if (descriptor_ < 0) open();
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t wrote = ::pwrite(descriptor_, bytes.data() + done, bytes.size() - done, written_ + static_cast<int64_t>(done));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) fail();
    done += static_cast<size_t>(wrote);
  }
  written_ += static_cast<int64_t>(bytes.size());
  return {file_, written_ - static_cast<int64_t>(bytes.size()), static_cast<int64_t>(bytes.size())};
}

void PictureSpool::clear() {
  if (descriptor_ >= 0 && ::ftruncate(descriptor_, 0) != 0) fail();
  written_ = 0;
}

}  // namespace infig
