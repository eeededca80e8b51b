// A file, or a run of bytes inside a larger one: how a post names its picture. Written "train-000.tar#1536+48211": offset and length in
// bytes, decimal.
#pragma once

#include <sys/types.h>

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

namespace infig {

struct FileSpan {
  std::filesystem::path file;  // empty: none
  int64_t offset = 0;          // bytes
  int64_t length = -1;         // bytes; -1: the whole file

  FileSpan() = default;
  template <std::convertible_to<std::filesystem::path> Path>
  FileSpan(Path&& whole)
      : file(std::forward<Path>(whole)) {}  // NOLINT: a path always means a whole file, even if its name looks like a span
  FileSpan(std::filesystem::path inside, int64_t first, int64_t count) : file(std::move(inside)), offset(first), length(count) {}

  bool empty() const { return file.empty(); }
  bool whole() const { return length < 0; }
  std::string string() const;  // what parse_file_span reads
  friend bool operator==(const FileSpan&, const FileSpan&) = default;
};

// "FILE#OFFSET+LENGTH" as a span of FILE where that is called *.pack or *.tar; any other name as a whole file. Both numbers are plain
// decimal digits, without sign or zeros in front. A file that really has such a name is a whole file.
FileSpan parse_file_span(const std::filesystem::path& name);

// An open file, read at any place, by several threads at once.
class OpenFile {
 public:
  ~OpenFile();
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  int64_t size() const;  // now: the file may have grown or been cut since it was opened
  // Up to `count` bytes at `offset`: fewer only at the file's end. -1: reading failed, errno says why.
  int64_t read(int64_t offset, int64_t count, void* to) const;

 private:
  friend std::shared_ptr<const OpenFile> open_span(const FileSpan& span, std::string& fault);
  explicit OpenFile(int descriptor);
  bool is(dev_t device, ino_t node) const { return device == device_ && node == node_; }
  int descriptor_;
  bool regular_ = false;
  dev_t device_ = 0;
  ino_t node_ = 0;
};

// The file that a span lies in. A larger file stays open between its spans: one descriptor a file for the whole process, of the 64 used
// last. Null, and why in `fault` ("no such file", "not a regular file", "cannot be read: ..."), where it cannot be opened.
std::shared_ptr<const OpenFile> open_span(const FileSpan& span, std::string& fault);

// All bytes of a span. Throws DataError naming file and span, also where the file ends before the span does.
std::string read_span(const FileSpan& span);

std::string sha256_span(const FileSpan& span);  // 64 lower-case hex digits; throws as read_span

}  // namespace infig
