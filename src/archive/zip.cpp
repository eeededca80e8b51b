#include "archive/zip.h"

#include <fmt/format.h>

#include <cstdint>
#include <string_view>

#include "archive/pickle.h"
#include "core/error.h"

namespace infig {
namespace {

// Records and field offsets of PKWARE's APPNOTE.TXT 6.3, sections 4.3.7, 4.3.12 and 4.3.14 to 4.3.16.
constexpr uint32_t kLocal = 0x04034b50, kCentral = 0x02014b50, kEnd = 0x06054b50, kEnd64 = 0x06064b50, kLocator64 = 0x07064b50;
constexpr uint64_t kEndSize = 22, kEnd64Size = 56, kLocatorSize = 20, kCentralSize = 46, kLocalSize = 30, kMaxComment = 65535;

struct ZipEntry {
  std::string name;
  uint16_t flags = 0, method = 0;
  uint64_t packed = 0, size = 0, local = 0;
};

class ZipDirectory {
 public:
  ZipDirectory(std::span<const std::byte> bytes, const std::string& where) : bytes_(bytes), where_(where) {}

  std::map<std::string, std::span<const std::byte>> read() {
    find_end();
    std::map<std::string, std::span<const std::byte>> entries;
    uint64_t at = start_;
    for (uint64_t i = 0; i < count_; ++i) {
      const ZipEntry entry = next_entry(at);
      if (entry.name.ends_with('/')) continue;
      if (!entries.emplace(entry.name, data_of(entry)).second) fail(fmt::format("the entry '{}' occurs twice", printable(entry.name)));
    }
    return entries;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw CheckpointError(fmt::format("{}: {}; the zip archive is cut off or damaged, get it again", where_, what));
  }

  uint64_t number(uint64_t at, uint64_t width) const {
    if (at > bytes_.size() || width > bytes_.size() - at) fail(fmt::format("byte {} is beyond the {} of the file", at, bytes_.size()));
    uint64_t value = 0;
    for (uint64_t i = width; i-- > 0;) value = value << 8 | std::to_integer<uint64_t>(bytes_[at + i]);
    return value;
  }

  // The record at the end of the archive, in front of a comment of unknown length.
  void find_end() {
    if (bytes_.size() < kEndSize) fail(fmt::format("{} bytes, fewer than any zip archive has", bytes_.size()));
    const uint64_t last = bytes_.size() - kEndSize;
    const uint64_t first = last > kMaxComment ? last - kMaxComment : 0;
    uint64_t at = last;
    while (number(at, 4) != kEnd) {
      if (at == first) fail("the directory at the end is missing");
      --at;
    }
    if (number(at + 4, 2) != number(at + 6, 2)) fail("the archive is spread over several volumes");
    count_ = number(at + 10, 2);
    size_ = number(at + 12, 4);
    start_ = number(at + 16, 4);
    if (at >= kLocatorSize && number(at - kLocatorSize, 4) == kLocator64) {
      const uint64_t end64 = number(at - kLocatorSize + 8, 8);
      if (number(end64, 4) != kEnd64) fail("the zip64 directory is missing");
      if (end64 > bytes_.size() - kEnd64Size) fail("the zip64 directory is cut off");
      count_ = number(end64 + 32, 8);
      size_ = number(end64 + 40, 8);
      start_ = number(end64 + 48, 8);
    }
    if (start_ > bytes_.size() || size_ > bytes_.size() - start_) fail("the directory lies outside of the file");
    if (count_ > size_ / kCentralSize) fail(fmt::format("{} entries do not fit into a directory of {} bytes", count_, size_));
  }

  ZipEntry next_entry(uint64_t& at) const {
    if (number(at, 4) != kCentral) fail(fmt::format("no directory entry at byte {}", at));
    ZipEntry entry;
    entry.flags = static_cast<uint16_t>(number(at + 8, 2));
    entry.method = static_cast<uint16_t>(number(at + 10, 2));
    entry.packed = number(at + 20, 4);
    entry.size = number(at + 24, 4);
    entry.local = number(at + 42, 4);
    const uint64_t name = number(at + 28, 2), extra = number(at + 30, 2), comment = number(at + 32, 2);
    const uint64_t end = at + kCentralSize + name + extra + comment;
    if (end > start_ + size_) fail(fmt::format("the directory entry at byte {} reaches behind the directory", at));
    entry.name.assign(reinterpret_cast<const char*>(bytes_.data()) + at + kCentralSize, name);
    read_zip64(entry, at + kCentralSize + name, extra);
    at = end;
    return entry;
  }

  // Sizes given as 2^32 - 1 are in an extra field, 8 bytes each, in this order, only those that need it.
  void read_zip64(ZipEntry& entry, uint64_t at, uint64_t length) const {
    constexpr uint64_t kElsewhere = 0xffffffff, kZip64Field = 1;
    const uint64_t end = at + length;
    while (end - at >= 4) {
      const uint64_t field = number(at, 2), size = number(at + 2, 2);
      at += 4;
      if (size > end - at) fail(fmt::format("entry '{}': an extra field is cut off", printable(entry.name)));
      if (field == kZip64Field) {
        uint64_t inside = at;
        for (uint64_t* value : {&entry.size, &entry.packed, &entry.local}) {
          if (*value != kElsewhere) continue;
          if (at + size - inside < 8) fail(fmt::format("entry '{}': the zip64 field is cut off", printable(entry.name)));
          *value = number(inside, 8);
          inside += 8;
        }
      }
      at += size;
    }
  }

  std::span<const std::byte> data_of(const ZipEntry& entry) const {
    const std::string name = printable(entry.name);
    if ((entry.flags & 1U) != 0) throw CheckpointError(fmt::format("{}: entry '{}' is encrypted; unpack the archive first", where_, name));
    if (entry.method != 0) {
      throw CheckpointError(fmt::format(
          "{}: entry '{}' is compressed (method {}), expected stored as torch.save writes it; load the file in PyTorch and save "
          "it again, or unpack the zip if it holds a model's folder",
          where_, name, entry.method));
    }
    if (entry.packed != entry.size) fail(fmt::format("entry '{}' is stored, yet has {} bytes of {}", name, entry.packed, entry.size));
    if (number(entry.local, 4) != kLocal) fail(fmt::format("entry '{}' does not begin at byte {}", name, entry.local));
    const uint64_t begin = entry.local + kLocalSize + number(entry.local + 26, 2) + number(entry.local + 28, 2);
    if (begin > bytes_.size() || entry.size > bytes_.size() - begin) {
      fail(fmt::format("entry '{}': {} bytes from byte {} lie outside of the file's {}", name, entry.size, begin, bytes_.size()));
    }
    return bytes_.subspan(begin, entry.size);
  }

  std::span<const std::byte> bytes_;
  const std::string& where_;
  uint64_t count_ = 0, size_ = 0, start_ = 0;  // of the central directory
};

}  // namespace

std::map<std::string, std::span<const std::byte>> read_zip(std::span<const std::byte> bytes, const std::string& where) {
  return ZipDirectory(bytes, where).read();
}

}  // namespace infig
