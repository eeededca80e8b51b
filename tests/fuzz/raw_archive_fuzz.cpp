// An archive of raw files, unpacked. Behind R the archive as it is, behind G a tar of which the target makes a tar.gz.
#include <algorithm>
#include <fstream>

#include "fuzz/gzip.h"
#include "prepare/raw_files.h"
#include "prepare/unpack.h"
#include "reference/temporary_folder.h"

namespace {

namespace fs = std::filesystem;
using namespace infig;

constexpr UnpackLimits kLimits{.member_bytes = 1 << 20, .total_bytes = 2 << 20, .ratio = 100};

struct Found {
  int64_t files = 0, bytes = 0;
};

// What lies in the folder; nothing but files and folders may, whatever the archive holds.
Found look_at(const fs::path& folder) {
  Found found;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const auto status = entry.symlink_status();
    fuzz::require(fs::is_regular_file(status) || fs::is_directory(status), "no links, pipes and devices come out of an archive");
    if (!fs::is_regular_file(status)) continue;
    ++found.files;
    found.bytes += static_cast<int64_t>(entry.file_size());
    fuzz::require(static_cast<int64_t>(entry.file_size()) <= kLimits.member_bytes + (1 << 16), "a member's size is limited");
  }
  return found;
}

void unpack(const fs::path& root, const MemberFilter& wants) {
  const fs::path archive = root / "in" / "archive", out = root / "in" / "out";
  fs::remove_all(out);
  fuzz::attempt(root.string(), [&] {
    const UnpackReport report = unpack_archive(archive, out, wants, kLimits, nullptr);
    const Found found = look_at(out);
    fuzz::require(found.files == report.files && found.bytes == report.bytes, "a report counts what was unpacked");
    fuzz::require(found.bytes <= kLimits.total_bytes, "what is unpacked is limited");
    fuzz::require(static_cast<int64_t>(report.skipped.size()) == std::min<int64_t>(report.skipped_count, 100), "what is skipped is named");
    const UnpackReport again = unpack_archive(archive, out, wants, kLimits, nullptr);
    fuzz::require(again.files == report.files && again.bytes == report.bytes, "unpacking goes on where it was");
  });
  if (fs::exists(out)) (void)look_at(out);
  for (const fs::path& folder : {root, root / "in"}) {
    for (const auto& entry : fs::directory_iterator(folder)) {
      const auto name = entry.path().filename();
      fuzz::require(name == "in" || name == "archive" || name == "out", "nothing is written outside of the folder");
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const reference::TemporaryFolder folder("fuzz");
  if (size == 0) return -1;
  const std::string_view content = fuzz::text_of(data + 1, size - 1);
  fs::create_directories(folder / "in");
  std::ofstream(folder / "in/archive", std::ios::binary | std::ios::trunc) << (data[0] == 'G' ? fuzz::gzip(content) : std::string(content));
  (void)is_archive(folder / "in/archive");
  unpack(folder.path(), {});
  unpack(folder.path(), wants_posts);
  return 0;
}
