#include "core/file_span.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <map>
#include <mutex>
#include <optional>
#include <string_view>
#include <system_error>

#include "core/error.h"
#include "core/files.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

std::optional<int64_t> whole_number(std::string_view digits) {
  if (digits.empty() || digits.front() < '0' || digits.front() > '9' || (digits.front() == '0' && digits.size() > 1)) return std::nullopt;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

// Files that spans were read from, still open. The key is the path as it was given.
class OpenFiles {
 public:
  std::shared_ptr<const OpenFile> find(const std::string& path, dev_t device, ino_t node, bool (*same)(const OpenFile&, dev_t, ino_t)) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = files_.find(path);
    if (found == files_.end() || !same(*found->second.file, device, node)) return nullptr;
    found->second.used = ++clock_;
    return found->second.file;
  }
  void keep(const std::string& path, std::shared_ptr<const OpenFile> file) {
    constexpr size_t kMost = 64;
    const std::lock_guard<std::mutex> lock(mutex_);
    files_[path] = {std::move(file), ++clock_};
    if (files_.size() <= kMost) return;
    files_.erase(
        std::min_element(files_.begin(), files_.end(), [](const auto& a, const auto& b) { return a.second.used < b.second.used; }));
  }

 private:
  struct Entry {
    std::shared_ptr<const OpenFile> file;
    uint64_t used = 0;
  };
  std::mutex mutex_;
  std::map<std::string, Entry> files_;
  uint64_t clock_ = 0;
};

OpenFiles& open_files() {
  static OpenFiles files;
  return files;
}

}  // namespace

std::string FileSpan::string() const { return whole() ? file.string() : fmt::format("{}#{}+{}", file.string(), offset, length); }

FileSpan parse_file_span(const fs::path& name) {
  const std::string text = name.string();
  const size_t mark = text.rfind('#'), plus = text.rfind('+');
  if (mark == std::string::npos || plus == std::string::npos || plus < mark) return name;
  const std::string_view file = std::string_view(text).substr(0, mark);
  if (!file.ends_with(".pack") && !file.ends_with(".tar")) return name;
  const auto offset = whole_number(std::string_view(text).substr(mark + 1, plus - mark - 1));
  const auto length = whole_number(std::string_view(text).substr(plus + 1));
  std::error_code code;
  if (!offset || !length || fs::exists(name, code)) return name;
  return {file, *offset, *length};
}

OpenFile::OpenFile(int descriptor) : descriptor_(descriptor) {
  struct stat status{};
  if (::fstat(descriptor_, &status) != 0) return;
  regular_ = S_ISREG(status.st_mode);
  device_ = status.st_dev;
  node_ = status.st_ino;
}

int64_t OpenFile::size() const {
  struct stat status{};
  return ::fstat(descriptor_, &status) == 0 ? status.st_size : 0;
}

OpenFile::~OpenFile() { ::close(descriptor_); }

int64_t OpenFile::read(int64_t offset, int64_t count, void* to) const {
  int64_t done = 0;
  while (done < count) {
    const ssize_t got = ::pread(descriptor_, static_cast<char*>(to) + done, static_cast<size_t>(count - done), offset + done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -1;
    if (got == 0) break;
    done += got;
  }
  return done;
}

std::shared_ptr<const OpenFile> open_span(const FileSpan& span, std::string& fault) {
  const std::string path = span.file.string();
  if (!span.whole()) {
    // A file that was replaced meanwhile has another number, so that its old bytes are not read.
    struct stat status{};
    const auto same = [](const OpenFile& file, dev_t device, ino_t node) { return file.is(device, node); };
    if (::stat(path.c_str(), &status) == 0) {
      if (auto file = open_files().find(path, status.st_dev, status.st_ino, same)) return file;
    }
  }
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe without a writer would hold the thread up
  if (descriptor < 0) {
    fault = errno == ENOENT || errno == ENOTDIR ? "no such file" : "cannot be read: " + system_words(errno);
    return nullptr;
  }
  std::shared_ptr<const OpenFile> file(new OpenFile(descriptor));
  if (!file->regular_) {
    fault = "not a regular file";
    return nullptr;
  }
  if (!span.whole()) open_files().keep(path, file);
  return file;
}

std::string read_span(const FileSpan& span) {
  std::string fault;
  const auto file = open_span(span, fault);
  if (file == nullptr) throw DataError(fmt::format("{}: {}", span.string(), fault));
  const int64_t size = file->size(), wanted = span.whole() ? size : span.length;
  if (span.offset > size || wanted > size - span.offset) {
    throw DataError(fmt::format("{}: the file ends after {} bytes, before the span does; it was cut off or belongs to another index",
                                span.string(), size));
  }
  std::string bytes(static_cast<size_t>(wanted), '\0');
  const int64_t got = file->read(span.offset, wanted, bytes.data());
  if (got < 0) throw DataError(fmt::format("{}: reading stopped: {}", span.string(), system_words(errno)));
  bytes.resize(static_cast<size_t>(got));
  return bytes;
}

std::string sha256_span(const FileSpan& span) { return span.whole() ? sha256_file(span.file) : sha256_hex(read_span(span)); }

}  // namespace infig
