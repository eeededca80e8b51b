#include "prepare/row_spool.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>

#include "core/error.h"
#include "core/files.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

constexpr size_t kBuffer = 1 << 18;

[[noreturn]] void fail(const fs::path& folder, const char* what) {
  throw ResourceError(fmt::format("{}: rows of the table cannot be {} there: {}", folder.string(), what, system_words(errno)));
}

void put(std::string& bytes, const std::string& value) {
  const auto size = static_cast<uint32_t>(value.size());
  bytes.append(reinterpret_cast<const char*>(&size), sizeof size);
  bytes += value;
}

std::string take(const std::string& bytes, size_t& at) {
  uint32_t size = 0;
  std::memcpy(&size, bytes.data() + at, sizeof size);
  at += sizeof size + size;
  return bytes.substr(at - size, size);
}

}  // namespace

RowSpool::RowSpool(const fs::path& folder) : folder_(folder) {
  make_folder(folder);
  std::string name = (folder / "rows-XXXXXX").string();
  descriptor_ = ::mkostemp(name.data(), O_CLOEXEC);
  if (descriptor_ < 0) fail(folder_, "kept");
  ::unlink(name.c_str());
}

RowSpool::~RowSpool() { ::close(descriptor_); }

void RowSpool::add(const SpooledRow& row) {
  put(waiting_, row.id);
  put(waiting_, row.text);
  put(waiting_, row.image);
  put(waiting_, row.length < 0 ? std::string() : fmt::format("{} {}", row.offset, row.length));
  ends_.push_back(written_ + static_cast<int64_t>(waiting_.size()));
  if (waiting_.size() >= kBuffer) flush();
}

void RowSpool::finish() {
  flush();
  waiting_ = {};
  ends_.shrink_to_fit();
}

void RowSpool::flush() {
  size_t done = 0;
  while (done < waiting_.size()) {
    const ssize_t wrote = ::write(descriptor_, waiting_.data() + done, waiting_.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) fail(folder_, "written");
    done += static_cast<size_t>(wrote);
  }
  written_ += static_cast<int64_t>(waiting_.size());
  waiting_.clear();
}

SpooledRow RowSpool::read(int64_t i) const {
  const int64_t begin = i == 0 ? 0 : ends_.at(static_cast<size_t>(i - 1));
  std::string bytes(static_cast<size_t>(ends_.at(static_cast<size_t>(i)) - begin), '\0');
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = ::pread(descriptor_, bytes.data() + done, bytes.size() - done, begin + static_cast<int64_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) fail(folder_, "read");
    done += static_cast<size_t>(got);
  }
  size_t at = 0;
  SpooledRow row;
  row.id = take(bytes, at);
  row.text = take(bytes, at);
  row.image = take(bytes, at);
  const std::string place = take(bytes, at);
  if (const size_t blank = place.find(' '); blank != std::string::npos) {
    row.offset = std::stoll(place);
    row.length = std::stoll(place.substr(blank + 1));
  }
  return row;
}

}  // namespace infig
