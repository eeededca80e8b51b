#include "data/pack.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "core/error.h"
#include "core/files.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kMagic = "INFIGPCK";
constexpr std::string_view kEnd = "INFIGEND";
constexpr uint32_t kVersion = 1;
constexpr int64_t kLargestSide = 65535;

void put(std::string& out, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 0xFF);
}

uint64_t take(const uint8_t* at, int bytes) {
  uint64_t value = 0;
  for (int i = bytes - 1; i >= 0; --i) value = value << 8 | at[i];
  return value;
}

std::string header_bytes(const PackSettings& settings) {
  std::string bytes(kMagic);
  put(bytes, kVersion, 4);
  put(bytes, static_cast<uint64_t>(settings.side), 4);
  put(bytes, static_cast<uint64_t>(settings.quality), 4);
  bytes.resize(static_cast<size_t>(kPackHeaderBytes), '\0');
  return bytes;
}

std::string entry_bytes(const PackEntry& entry) {
  std::string bytes;
  put(bytes, static_cast<uint64_t>(entry.offset), 8);
  put(bytes, static_cast<uint64_t>(entry.length), 4);
  put(bytes, static_cast<uint64_t>(entry.width), 2);
  put(bytes, static_cast<uint64_t>(entry.height), 2);
  bytes.append(reinterpret_cast<const char*>(entry.hash.data()), entry.hash.size());
  return bytes;
}

PackEntry read_entry(const uint8_t* at) {
  PackEntry entry{.offset = static_cast<int64_t>(take(at, 8)),
                  .length = static_cast<int64_t>(take(at + 8, 4)),
                  .width = static_cast<int64_t>(take(at + 12, 2)),
                  .height = static_cast<int64_t>(take(at + 14, 2)),
                  .hash = {}};
  std::copy_n(at + 16, entry.hash.size(), entry.hash.begin());
  return entry;
}

std::string raw_digest(std::string_view bytes) {
  const std::string hex = sha256_hex(bytes);
  std::string digest;
  for (size_t i = 0; i < hex.size(); i += 2) digest += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return digest;
}

std::array<uint8_t, 16> short_hash(std::string_view bytes) {
  std::array<uint8_t, 16> hash{};
  const auto halves = sha256_128(bytes);
  for (size_t i = 0; i < hash.size(); ++i) hash[i] = static_cast<uint8_t>(halves[i / 8] >> (56 - 8 * (i % 8)));
  return hash;
}

std::string_view text_of(std::span<const uint8_t> bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

[[noreturn]] void refuse(const fs::path& path, const std::string& why) {
  throw DataError(fmt::format("{}: {}; make it again with infig prepare --pack", path.string(), why));
}

}  // namespace

ImagePack::ImagePack(const fs::path& path) : file_(path, "a pack of pictures (images.pack)") {
  const auto bytes = file_.bytes();
  const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
  const auto size = static_cast<int64_t>(bytes.size());
  if (size < kPackHeaderBytes || text_of({data, kMagic.size()}) != kMagic) {
    refuse(path, fmt::format("is not a pack of pictures; expected a file that begins with {}", kMagic));
  }
  if (const uint64_t version = take(data + 8, 4); version != kVersion)
    refuse(path, fmt::format("has version {} of the format, this program reads version {}", version, kVersion));
  settings_ = {.side = static_cast<int64_t>(take(data + 12, 4)), .quality = static_cast<int64_t>(take(data + 16, 4))};
  if (size < kPackHeaderBytes + kPackFooterBytes || text_of({data + size - kEnd.size(), kEnd.size()}) != kEnd) {
    refuse(path, fmt::format("ends without its index ({} bytes): it was cut short", size));
  }
  const uint8_t* footer = data + size - kPackFooterBytes;
  const uint64_t index = take(footer, 8), count = take(footer + 8, 8), stated = take(footer + 16, 8);
  if (stated != bytes.size()) refuse(path, fmt::format("has {} bytes, its footer says {}", size, stated));
  const auto room = static_cast<uint64_t>(size - kPackFooterBytes);
  if (count > room / kPackEntryBytes || index != room - count * kPackEntryBytes || index < static_cast<uint64_t>(kPackHeaderBytes)) {
    refuse(path, fmt::format("its footer says {} pictures and an index at byte {}, which does not fit {} bytes", count, index, size));
  }
  index_ = static_cast<int64_t>(index);
  count_ = static_cast<int64_t>(count);
  std::string hashed(text_of({data, static_cast<size_t>(kPackHeaderBytes)}));
  hashed += text_of({data + index_, static_cast<size_t>(count_ * kPackEntryBytes)});
  if (raw_digest(hashed) != text_of({footer + 24, 32})) refuse(path, "its index does not match the hash in its footer: it was damaged");
  for (int64_t i = 0; i < count_; ++i) {
    const PackEntry found = entry(i);
    if (found.offset < kPackHeaderBytes || found.length < 1 || found.offset > index_ - found.length)
      refuse(path, fmt::format("picture {} is at {}+{}, outside the pictures ({} to {})", i, found.offset, found.length, kPackHeaderBytes,
                               index_));
  }
}

PackEntry ImagePack::entry(int64_t i) const {
  if (i < 0 || i >= count_) throw DataError(fmt::format("{}: picture {}, expected 0 to {}", path().string(), i, count_ - 1));
  return read_entry(reinterpret_cast<const uint8_t*>(file_.bytes().data()) + index_ + i * kPackEntryBytes);
}

std::span<const uint8_t> ImagePack::picture(int64_t i) const {
  const PackEntry found = entry(i);
  return bytes(found.offset, found.length);
}

std::span<const uint8_t> ImagePack::bytes(int64_t offset, int64_t length) const {
  if (offset < kPackHeaderBytes || length < 1 || length > index_ || offset > index_ - length) {
    throw DataError(fmt::format("{}#{}+{}: lies outside the pictures of the pack (bytes {} to {}); posts.jsonl belongs to another pack",
                                path().string(), offset, length, kPackHeaderBytes, index_));
  }
  return {reinterpret_cast<const uint8_t*>(file_.bytes().data()) + offset, static_cast<size_t>(length)};
}

bool ImagePack::check_picture(int64_t i) const { return short_hash(text_of(picture(i))) == entry(i).hash; }

PackWriter::PackWriter(fs::path path, const PackSettings& settings)
    : path_(std::move(path)), index_path_(path_.string() + ".index"), settings_(settings) {
  if (settings.side < 1 || settings.side > kLargestSide)
    throw ConfigError(fmt::format("pack-side: {}, expected 1 to {}", settings.side, kLargestSide));
  if (settings.quality < 1 || settings.quality > 100)
    throw ConfigError(fmt::format("pack-quality: {}, expected 1 to 100", settings.quality));
  open(/*fresh=*/true);
  // The index file begins with the header too: what the footer's hash is taken of.
  const std::string header = header_bytes(settings);
  write(pack_, header, path_);
  write(index_, header, index_path_);
  place_.bytes = kPackHeaderBytes;
}

PackWriter::PackWriter(fs::path path, const PackSettings& settings, const Place& from)
    : path_(std::move(path)), index_path_(path_.string() + ".index"), settings_(settings), place_(from) {
  const auto cut = [](const fs::path& file, int64_t bytes) {
    std::error_code code;
    const auto size = fs::file_size(file, code);
    if (code || static_cast<int64_t>(size) < bytes)
      throw DataError(fmt::format("{}: has {} bytes, expected at least {}: the unfinished pack was damaged", file.string(),
                                  code ? 0 : static_cast<int64_t>(size), bytes));
    fs::resize_file(file, static_cast<uintmax_t>(bytes), code);
    if (code) throw ResourceError(fmt::format("{}: cannot be cut to {} bytes: {}", file.string(), bytes, code.message()));
  };
  cut(path_, place_.bytes);
  cut(index_path_, kPackHeaderBytes + place_.pictures * kPackEntryBytes);
  open(/*fresh=*/false);
}

void PackWriter::open(bool fresh) {
  const auto mode = std::ios::binary | (fresh ? std::ios::trunc : std::ios::app);
  for (auto [stream, file] : {std::pair{&pack_, &path_}, std::pair{&index_, &index_path_}}) {
    errno = 0;
    stream->open(*file, mode);
    if (!*stream) throw ResourceError(fmt::format("{}: cannot be opened for writing: {}", file->string(), std::strerror(errno)));
  }
}

void PackWriter::write(std::ofstream& stream, std::string_view bytes, const fs::path& file) const {
  errno = 0;
  stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!stream) throw ResourceError(fmt::format("{}: writing failed: {}", file.string(), std::strerror(errno)));
}

PackEntry PackWriter::add(std::string_view jpeg, int64_t width, int64_t height) {
  if (jpeg.empty() || jpeg.size() > UINT32_MAX || width < 1 || height < 1 || width > kLargestSide || height > kLargestSide) {
    throw ResourceError(fmt::format("{}: a picture of {} x {} pixels and {} bytes; a pack holds 1 to {} pixels a side and 1 to {} bytes",
                                    path_.string(), width, height, jpeg.size(), kLargestSide, UINT32_MAX));
  }
  const PackEntry entry{
      .offset = place_.bytes, .length = static_cast<int64_t>(jpeg.size()), .width = width, .height = height, .hash = short_hash(jpeg)};
  write(pack_, jpeg, path_);
  write(index_, entry_bytes(entry), index_path_);
  place_.bytes += entry.length;
  ++place_.pictures;
  return entry;
}

void PackWriter::sync() {
  for (auto [stream, file] : {std::pair{&pack_, &path_}, std::pair{&index_, &index_path_}}) {
    errno = 0;
    stream->flush();
    if (!*stream) throw ResourceError(fmt::format("{}: writing failed: {}", file->string(), std::strerror(errno)));
    sync_path(*file);
  }
}

void PackWriter::finish(bool keep_index_file) {
  sync();
  index_.close();
  const std::string digest = raw_digest(read_file(index_path_));
  std::ifstream in(index_path_, std::ios::binary);
  in.seekg(kPackHeaderBytes);
  std::string buffer(1 << 16, '\0');
  int64_t copied = 0;
  while (in) {
    in.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    copied += in.gcount();
    write(pack_, std::string_view(buffer.data(), static_cast<size_t>(in.gcount())), path_);
  }
  if (copied != place_.pictures * kPackEntryBytes) throw DataError(fmt::format("{}: its index file was changed", path_.string()));
  std::string footer;
  put(footer, static_cast<uint64_t>(place_.bytes), 8);
  put(footer, static_cast<uint64_t>(place_.pictures), 8);
  put(footer, static_cast<uint64_t>(place_.bytes + copied + kPackFooterBytes), 8);
  footer += digest;
  put(footer, 0, 8);
  footer += kEnd;
  write(pack_, footer, path_);
  errno = 0;
  pack_.close();
  if (!pack_) throw ResourceError(fmt::format("{}: writing failed: {}", path_.string(), std::strerror(errno)));
  sync_path(path_);
  std::error_code ignored;
  if (!keep_index_file) fs::remove(index_path_, ignored);
}

}  // namespace infig
