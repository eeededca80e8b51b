#include "prepare/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <fstream>
#include <memory>
#include <set>
#include <system_error>

#include "core/error.h"
#include "core/files.h"
#include "core/progress.h"
#include "data/utf8.h"
#include "prepare/pipeline.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

constexpr int64_t kAlwaysAllowed = int64_t{64} << 20;  // bytes that no ratio forbids: texts of one letter compress well
constexpr size_t kListed = 100;
constexpr const char* kPartial = ".partial";  // at the top of the folder; no member is called so

struct ReaderFree {
  void operator()(archive* reader) const { archive_read_free(reader); }
};
using Reader = std::unique_ptr<archive, ReaderFree>;

// libarchive's message; for some damage it has none.
std::string reason_of(const Reader& reader) {
  const char* reason = archive_error_string(reader.get());
  return reason != nullptr ? reason : "no reason given";
}

Reader open_reader(const fs::path& path) {
  Reader reader(archive_read_new());
  if (!reader) throw ResourceError("libarchive cannot be set up: too little memory");
  archive_read_support_format_zip(reader.get());
  archive_read_support_format_tar(reader.get());
  archive_read_support_filter_gzip(reader.get());
  if (archive_read_open_filename(reader.get(), path.c_str(), 1 << 18) != ARCHIVE_OK) {
    throw DataError(fmt::format("{}: cannot be read as zip, tar or tar.gz: {}", path.string(), reason_of(reader)));
  }
  return reader;
}

// Why a member's name cannot become a file below the folder; empty where it can.
std::string name_fault(const std::string& name) {
  if (name.empty()) return "it has no name";
  if (name.front() == '/') return "an absolute name";
  if (name.back() == '/') return "a folder's name";
  if (name.size() > 4000) return "a name of more than 4,000 bytes";
  if (find_invalid_utf8(name) != std::string::npos) return "a name that is not UTF-8";
  for (const char c : name) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return "a control character in the name";
    if (c == '\\') return "a backslash in the name";
  }
  for (const auto& part : fs::path(name)) {
    if (part == "..") return "\"..\" in the name";
    if (part.string().size() > 255) return "a name of more than 255 bytes";
  }
  if (fs::path(name).lexically_normal() == kPartial) return "a name that this program needs";
  return "";
}

// Why this kind of member is not unpacked.
std::string kind_fault(archive_entry* entry) {
  if (archive_entry_hardlink(entry) != nullptr) return "a hard link";
  switch (archive_entry_filetype(entry)) {
    case AE_IFREG:
      return archive_entry_is_data_encrypted(entry) != 0 ? "it is encrypted" : "";
    case AE_IFLNK:
      return "a symbolic link";
    default:
      return "a device, pipe or socket";
  }
}

class Unpacking {
 public:
  Unpacking(const fs::path& path, const fs::path& folder, const UnpackLimits& limits, const std::atomic<int>* stop)
      : path_(path),
        folder_(folder),
        limits_(limits),
        stop_(stop),
        size_(static_cast<int64_t>(fs::file_size(path))),
        reader_(open_reader(path)) {}

  UnpackReport run(const MemberFilter& wants) {
    ProgressBar bar("unpack " + path_.filename().string(), size_, "bytes");
    archive_entry* entry = nullptr;
    while (next(entry)) {
      stop_if_asked(stop_);
      bar.update(std::min(archive_filter_bytes(reader_.get(), -1), size_));
      if (archive_entry_hardlink(entry) == nullptr && archive_entry_filetype(entry) == AE_IFDIR) continue;
      const std::string name = name_of(entry);
      if (wants && name_fault(name).empty() && !wants(name)) {
        pass(entry, name);
      } else {
        take(entry, name);
      }
    }
    bar.finish();
    fs::remove(folder_ / kPartial);
    return std::move(report_);
  }

 private:
  bool next(archive_entry*& entry) {
    const int code = archive_read_next_header(reader_.get(), &entry);
    if (code == ARCHIVE_EOF) return false;
    if (code == ARCHIVE_OK || code == ARCHIVE_WARN) return true;
    throw DataError(fmt::format("{}: is broken after {} unpacked files: {}", path_.string(), report_.files, reason_of(reader_)));
  }

  static std::string name_of(archive_entry* entry) {
    if (const char* name = archive_entry_pathname_utf8(entry)) return name;
    const char* bytes = archive_entry_pathname(entry);
    return bytes != nullptr ? bytes : "";
  }

  // What is not wanted must be uncompressed all the same, where the archive is one stream.
  void pass(archive_entry* entry, const std::string& name) {
    if (archive_filter_code(reader_.get(), 0) == ARCHIVE_FILTER_NONE) return;
    check_size(name, archive_entry_size(entry));
    passed_ += archive_entry_size(entry);
  }

  void skip(const std::string& name, const std::string& reason) {
    ++report_.skipped_count;
    const std::string shown = find_invalid_utf8(name) == std::string::npos ? name : drop_invalid_utf8(name);
    if (report_.skipped.size() < kListed) report_.skipped.push_back({shown, reason});
  }

  void take(archive_entry* entry, const std::string& name) {
    std::string fault = name_fault(name);
    if (fault.empty()) fault = kind_fault(entry);
    if (fault.empty() && !seen_.insert(sha256_128(fs::path(name).lexically_normal().string())).second)
      fault = "a second member of this name; the first stays";
    if (!fault.empty()) return skip(name, fault);
    const fs::path target = folder_ / fs::path(name).lexically_normal();
    if (target.native().size() >= PATH_MAX) return skip(name, "its path becomes longer than 4,095 bytes");
    if (archive_entry_size_is_set(entry) != 0) check_size(name, archive_entry_size(entry));
    std::error_code code;
    if (fs::is_regular_file(fs::symlink_status(target, code))) {  // an earlier call's; it was whole when it got its name
      count(name, static_cast<int64_t>(fs::file_size(target)));
      return;
    }
    if (fs::is_directory(target, code)) return skip(name, "another member makes this name a folder");
    fs::create_directories(target.parent_path(), code);
    if (code == std::errc::not_a_directory || code == std::errc::file_exists || (!code && !fs::is_directory(target.parent_path())))
      return skip(name, "another member makes its folder a file");
    if (code) throw ResourceError(fmt::format("{}: the folder cannot be made: {}", target.parent_path().string(), code.message()));
    write(name);
    fs::rename(folder_ / kPartial, target, code);
    if (code) throw ResourceError(fmt::format("{}: cannot be put in place: {}", target.string(), code.message()));
  }

  void write(const std::string& name) {
    const fs::path partial = folder_ / kPartial;
    errno = 0;
    std::ofstream out(partial, std::ios::binary | std::ios::trunc);
    if (!out) throw ResourceError(fmt::format("{}: cannot be created: {}", partial.string(), std::strerror(errno)));
    std::array<char, 1 << 16> buffer;
    int64_t written = 0;
    while (true) {
      const auto got = archive_read_data(reader_.get(), buffer.data(), buffer.size());
      if (got < 0)
        throw DataError(fmt::format("{}: member \"{}\" is broken after {} bytes: {}", path_.string(), name, written, reason_of(reader_)));
      if (got == 0) break;
      written += got;
      check_size(name, written);
      out.write(buffer.data(), got);
      stop_if_asked(stop_);
    }
    out.close();
    if (!out) throw ResourceError(fmt::format("{}: writing failed: {}; free some space", partial.string(), std::strerror(errno)));
    count(name, written);
  }

  // `bytes` of the member at hand, on top of all that is unpacked already.
  void check_size(const std::string& name, int64_t bytes) const {
    const auto refuse = [&](const std::string& why) {
      throw DataError(fmt::format("{}: member \"{}\" {}; nothing of it is used. If the archive is what it should be, unpack it by hand",
                                  path_.string(), name, why));
    };
    if (bytes > limits_.member_bytes) refuse(fmt::format("has more than {} bytes", limits_.member_bytes));
    const int64_t total = report_.bytes + passed_ + bytes;
    if (total > limits_.total_bytes) refuse(fmt::format("makes the archive more than {} bytes", limits_.total_bytes));
    if (total > kAlwaysAllowed && total / limits_.ratio > size_)
      refuse(fmt::format("makes {} bytes out of an archive of {}: more than {} to 1", total, size_, limits_.ratio));
  }

  void count(const std::string& name, int64_t bytes) {
    check_size(name, bytes);
    ++report_.files;
    report_.bytes += bytes;
  }

  const fs::path& path_;
  const fs::path& folder_;
  const UnpackLimits& limits_;
  const std::atomic<int>* stop_;
  int64_t size_;
  int64_t passed_ = 0;  // bytes of members that were uncompressed and not kept
  Reader reader_;
  std::set<std::array<uint64_t, 2>> seen_;
  UnpackReport report_;
};

}  // namespace

bool is_archive(const fs::path& path) {
  std::error_code code;
  if (!fs::is_regular_file(path, code)) return false;
  std::ifstream in(path, std::ios::binary);
  std::array<char, 512> start{};
  in.read(start.data(), start.size());
  const std::string_view bytes(start.data(), static_cast<size_t>(in.gcount()));
  const bool zip = bytes.starts_with("PK\x03\x04") || bytes.starts_with("PK\x05\x06");
  return zip || bytes.starts_with("\x1F\x8B") || (bytes.size() == 512 && bytes.substr(257, 5) == "ustar");
}

UnpackReport unpack_archive(const fs::path& archive, const fs::path& folder, const MemberFilter& wants, const UnpackLimits& limits,
                            const std::atomic<int>* stop) {
  make_folder(folder);
  return Unpacking(archive, folder, limits, stop).run(wants);
}

}  // namespace infig
