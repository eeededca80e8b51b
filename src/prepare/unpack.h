// An archive as raw files: zip, tar, tar.gz (libarchive), unpacked into a folder of the program's own and nowhere else.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace infig {

// Whether a member is wanted, by its name ("MVSA_Single/data/1.jpg").
using MemberFilter = std::function<bool(std::string_view name)>;

// What keeps an archive from filling the disk.
struct UnpackLimits {
  int64_t member_bytes = int64_t{4} << 30;  // one member
  int64_t total_bytes = int64_t{1} << 40;   // all that is unpacked
  int64_t ratio = 100;                      // all that is unpacked against the archive's size, once it is over 64 MiB
};

struct SkippedMember {
  std::string name;
  std::string reason;
};

struct UnpackReport {
  int64_t files = 0;                   // unpacked
  int64_t bytes = 0;                   // of them
  int64_t skipped_count = 0;           // members left out for what they are; unwanted ones do not count
  std::vector<SkippedMember> skipped;  // the first 100 of them
};

// Whether `path` is an archive by what it holds: a zip, a gzip or a tar.
bool is_archive(const std::filesystem::path& path);

// Unpacks the wanted regular files of `archive` into `folder`, member by member: memory stays at one block. A member is written completely
// or not at all, so that unpacking into the folder of an interrupted call adds only what is missing. Skipped and named: links of both
// kinds, devices and pipes; absolute names and names with ".." in them (nothing is ever written outside `folder`); names that are no UTF-8
// or hold control characters or backslashes; a second member of one name (the first stays); a name under which another member is a file;
// names that make a path below `folder` too long; encrypted members. Throws DataError for a file that is no archive or is broken, for one
// that exceeds a limit; ResourceError for a full disk; Interrupted on `stop`. Shows a progress bar.
UnpackReport unpack_archive(const std::filesystem::path& archive, const std::filesystem::path& folder, const MemberFilter& wants,
                            const UnpackLimits& limits, const std::atomic<int>* stop);

}  // namespace infig
