// Archives for tests, written by libarchive itself.
#pragma once

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

namespace infig::test {

struct Member {
  std::string name;
  std::string bytes = {};
  std::string link = {};      // not empty: a symbolic link to it
  std::string hardlink = {};  // not empty: a hard link to it
};

enum class ArchiveKind { kZip, kTar, kTarGz };

inline std::filesystem::path write_archive(const std::filesystem::path& path, ArchiveKind kind, const std::vector<Member>& members) {
  archive* writer = archive_write_new();
  if (kind == ArchiveKind::kZip) {
    archive_write_set_format_zip(writer);
  } else {
    archive_write_set_format_pax_restricted(writer);
    if (kind == ArchiveKind::kTarGz) archive_write_add_filter_gzip(writer);
  }
  EXPECT_EQ(archive_write_open_filename(writer, path.c_str()), ARCHIVE_OK);
  for (const auto& member : members) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, member.name.c_str());
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_filetype(entry, member.link.empty() ? AE_IFREG : AE_IFLNK);
    if (!member.link.empty()) archive_entry_set_symlink(entry, member.link.c_str());
    if (!member.hardlink.empty()) archive_entry_set_hardlink(entry, member.hardlink.c_str());
    archive_entry_set_size(entry, static_cast<int64_t>(member.bytes.size()));
    EXPECT_EQ(archive_write_header(writer, entry), ARCHIVE_OK) << member.name << ": " << archive_error_string(writer);
    if (!member.bytes.empty()) archive_write_data(writer, member.bytes.data(), member.bytes.size());
    archive_entry_free(entry);
  }
  EXPECT_EQ(archive_write_close(writer), ARCHIVE_OK);
  archive_write_free(writer);
  return path;
}

}  // namespace infig::test
