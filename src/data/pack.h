// images.pack: all pictures of a data set in one file, shrunk and encoded as JPEG, to be read by memory map.
//
// Numbers are little-endian. The file is, in this order and without gaps:
//   header    32 bytes   "INFIGPCK", u32 version (1), u32 side, u32 quality, 12 zero bytes
//   pictures             one whole JPEG file after another, in the order of the posts
//   index     32 bytes a picture: u64 offset (from the start of the file), u32 length, u16 width, u16 height,
//                        16 bytes: the first half of the SHA-256 of its JPEG bytes
//   footer    72 bytes   u64 offset of the index, u64 pictures, u64 size of the whole file, 32 bytes SHA-256 of header and index, 8 zero
//                        bytes, "INFIGEND"
// `side` is what no picture's shorter side exceeds. posts.jsonl names a picture as "images.pack#OFFSET+LENGTH" (core/file_span.h), so that
// reading a picture does not need the index; the index serves checks and readers that want the pictures without the posts.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>

#include "core/mapped_file.h"

namespace infig {

inline constexpr const char* kPackFile = "images.pack";
inline constexpr int64_t kPackHeaderBytes = 32;
inline constexpr int64_t kPackEntryBytes = 32;
inline constexpr int64_t kPackFooterBytes = 72;

struct PackSettings {
  int64_t side = 256;    // the shorter side of a picture is at most this; 1 .. 65,535
  int64_t quality = 90;  // of the JPEGs; 1 .. 100
};

struct PackEntry {
  int64_t offset = 0;  // from the start of the file
  int64_t length = 0;
  int64_t width = 0;
  int64_t height = 0;
  std::array<uint8_t, 16> hash{};  // the first half of the SHA-256 of the JPEG bytes
};

// Reads a pack. Opening checks magic, version, sizes, and the index against its hash; the pictures themselves are not read
// (check_picture() does). Safe to use from several threads at once.
class ImagePack {
 public:
  // Throws DataError naming the file and what is wrong: absent, cut short, no pack, another version, an index that does not match
  // its hash, an entry that points outside the pictures.
  explicit ImagePack(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return file_.path(); }
  const PackSettings& settings() const { return settings_; }
  int64_t size() const { return count_; }  // pictures
  PackEntry entry(int64_t i) const;        // of picture i, 0 .. size() - 1
  std::span<const uint8_t> picture(int64_t i) const;

  // The bytes that posts.jsonl names. Throws DataError for a span that does not lie wholly among the pictures. Valid while the pack
  // lives and nobody cuts the file short.
  std::span<const uint8_t> bytes(int64_t offset, int64_t length) const;

  // Whether picture i is unchanged since it was packed.
  bool check_picture(int64_t i) const;

 private:
  MappedFile file_;
  PackSettings settings_;
  int64_t index_ = 0;  // offset; where the pictures end
  int64_t count_ = 0;
};

// Writes a pack picture by picture; memory stays at one picture. The index grows in a file beside it (`path`.index) until finish(), so that
// a writer that was killed can resume from any recorded position.
class PackWriter {
 public:
  struct Place {
    int64_t bytes = 0;     // of the pack so far
    int64_t pictures = 0;  // in it
  };

  // Starts a new pack (an existing file at `path` is replaced). Throws ConfigError for settings out of range, ResourceError.
  PackWriter(std::filesystem::path path, const PackSettings& settings);
  // Resumes at `from`, an earlier place(): anything written after it is cut off. Throws DataError if the files are shorter.
  PackWriter(std::filesystem::path path, const PackSettings& settings, const Place& from);

  // Appends one picture and returns its entry. `jpeg` must not be empty and at most 4 GiB, the sides 1 .. 65,535.
  PackEntry add(std::string_view jpeg, int64_t width, int64_t height);

  Place place() const { return place_; }
  void sync();  // everything so far is on the disk afterwards; throws ResourceError

  // Appends the index and the footer and removes the index file unless told to keep it: as long as it exists, a writer can still resume
  // from an earlier position. The pack is complete afterwards. Throws ResourceError.
  void finish(bool keep_index_file = false);

 private:
  void open(bool fresh);
  void write(std::ofstream& stream, std::string_view bytes, const std::filesystem::path& file) const;

  std::filesystem::path path_, index_path_;
  PackSettings settings_;
  Place place_;
  std::ofstream pack_, index_;
};

}  // namespace infig
