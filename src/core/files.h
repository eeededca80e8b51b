// Files: whole reads, atomic writes (temporary beside the target, flush, rename), SHA-256.
// Throws DataError for what cannot be read and ResourceError for what cannot be written; both name the path and the reason.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <string_view>

#include "core/guarded_folder.h"

namespace infig {

std::string read_file(const std::filesystem::path& path);  // pipes too

// A file that appears whole or not at all. Write to stream(), then commit(); without commit() the temporary is removed.
class AtomicFile {
 public:
  explicit AtomicFile(const std::filesystem::path& target);  // ResourceError at once for a folder, a device, no permission
  // In a folder of somebody else: ResourceError also where `name`, or a folder on the way to it, is a link.
  AtomicFile(const GuardedFolder& folder, const std::filesystem::path& name);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  std::ostream& stream() { return *stream_; }
  // Flushes to disk and renames over the target. Throws ResourceError (disk full, ...) and leaves the old file as it was.
  void commit();

 private:
  void create();
  std::filesystem::path target_;
  std::string name_, temporary_;  // in folder_
  std::optional<GuardedFolder> folder_;
  std::optional<DescriptorStream> stream_;
  bool committed_ = false;
};

void write_file_atomic(const std::filesystem::path& path, std::string_view bytes);
void write_file_atomic(const GuardedFolder& folder, const std::filesystem::path& name, std::string_view bytes);

// Flushes a file or folder to the disk itself; throws ResourceError.
void sync_path(const std::filesystem::path& path);

// The last name of a path, with or without a slash behind it: "b" of "a/b" and "a/b/"; empty for a root.
std::string last_name(const std::filesystem::path& path);

// Creates a folder and its parents; throws ResourceError with the reason.
void make_folder(const std::filesystem::path& path);
// The folder that a file is to be written into, where its name has one. Throws likewise.
void make_folder_of(const std::filesystem::path& file);

std::string sha256_hex(std::string_view bytes);              // 64 lower-case hex digits
std::string sha1_hex(std::string_view bytes);                // 40; for what others identify by it (git's blobs), never for trust
std::string sha256_file(const std::filesystem::path& path);  // streamed
std::array<uint64_t, 2> sha256_128(std::string_view bytes);  // its first 16 bytes as two big-endian numbers: for compact sets

// A folder that is deleted with all it holds unless keep() moves it to its final place: half-written folders never stay.
class StagingFolder {
 public:
  explicit StagingFolder(std::filesystem::path target);  // makes `target`.partial-<pid>-<n>; ResourceError where `target` is a link
  StagingFolder(const GuardedFolder& folder, const std::string& name);
  ~StagingFolder();
  StagingFolder(const StagingFolder&) = delete;
  StagingFolder& operator=(const StagingFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }
  // Like keep(), but a non-empty target is replaced as a whole: moved aside, and deleted once the new one is in place.
  // Throws ResourceError; unless only the deletion failed, the old folder is back in its place then.
  void replace();
  void keep();  // syncs every file in it, then renames it to the target, which must not exist or be an empty folder

 private:
  void create();
  std::filesystem::path target_, path_;
  std::string name_, temporary_;  // in folder_
  std::optional<GuardedFolder> folder_;
  bool kept_ = false;
};

}  // namespace infig
