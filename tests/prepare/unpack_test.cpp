#include "prepare/unpack.h"

#include <algorithm>
#include <csignal>

#include "archives.h"
#include "data/scratch.h"

namespace infig {
namespace {

namespace fs = std::filesystem;
using test::ArchiveKind;
using test::Scratch;
using test::slurp;
using test::thrown;
using test::write_archive;
using ::testing::AnyOf;
using ::testing::HasSubstr;

constexpr ArchiveKind kKinds[] = {ArchiveKind::kZip, ArchiveKind::kTar, ArchiveKind::kTarGz};

std::string skipped(const UnpackReport& report) {
  std::string all;
  for (const auto& member : report.skipped) all += member.name + ": " + member.reason + "\n";
  return all;
}

std::vector<std::string> files_below(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_directory()) names.push_back(entry.path().lexically_relative(folder).string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

TEST(Unpack, WantedFilesOfEveryKind) {
  for (const ArchiveKind kind : kKinds) {
    const Scratch scratch;
    std::string large(3'000'000, '\0');
    for (size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * i / 7);
    const auto archive =
        write_archive(scratch / "a", kind, {{"d/1.jpg", "one"}, {"d/readme.md", "x"}, {"./d/e/2.jpg", large}, {"empty.jpg", ""}});
    EXPECT_TRUE(is_archive(archive));
    const auto wants = [](std::string_view name) { return name.ends_with(".jpg"); };
    const auto report = unpack_archive(archive, scratch / "out", wants, {}, nullptr);
    EXPECT_EQ(report.files, 3);
    EXPECT_EQ(report.bytes, 3'000'003);
    EXPECT_EQ(report.skipped_count, 0) << skipped(report);
    EXPECT_EQ(files_below(scratch / "out"), (std::vector<std::string>{"d/1.jpg", "d/e/2.jpg", "empty.jpg"}));
    EXPECT_EQ(slurp(scratch / "out/d/1.jpg"), "one");
    EXPECT_EQ(slurp(scratch / "out/d/e/2.jpg"), large);
    // Again into the same folder: what is there is not written again, what is missing is.
    fs::remove(scratch / "out/d/e/2.jpg");
    const auto before = fs::last_write_time(scratch / "out/d/1.jpg");
    EXPECT_EQ(unpack_archive(archive, scratch / "out", wants, {}, nullptr).files, 3);
    EXPECT_EQ(fs::last_write_time(scratch / "out/d/1.jpg"), before);
    EXPECT_EQ(slurp(scratch / "out/d/e/2.jpg"), large);
  }
}

TEST(Unpack, NothingIsEverWrittenOutside) {
  for (const ArchiveKind kind : kKinds) {
    const Scratch scratch;
    fs::create_directories(scratch / "in");
    const auto archive = write_archive(scratch / "in/a", kind,
                                       {{"good", "good"},
                                        {"../up", "evil"},
                                        {"d/../../up", "evil"},
                                        {"/tmp/infig-absolute", "evil"},
                                        {"good", "second"},
                                        {"./good", "third"},
                                        {"link", "", "/etc/passwd"},
                                        {"link/inside", "through a link"},
                                        {"good/below", "a file is no folder"},
                                        {"..\\windows", "evil"},
                                        {"bell\a", "evil"}});
    const auto report = unpack_archive(archive, scratch / "in/out", {}, {}, nullptr);
    const std::string why = skipped(report);
    EXPECT_THAT(why, HasSubstr("../up: \"..\" in the name"));
    EXPECT_THAT(why, HasSubstr("d/../../up: \"..\" in the name"));
    EXPECT_THAT(why, HasSubstr("infig-absolute: an absolute name"));
    EXPECT_THAT(why, HasSubstr("good: a second member of this name"));
    EXPECT_THAT(why, HasSubstr("link: a symbolic link"));
    EXPECT_THAT(why, HasSubstr("good/below: another member makes its folder a file"));
    // libarchive reads the backslashes of a zip as slashes, as Windows means them.
    const bool zip = kind == ArchiveKind::kZip;
    EXPECT_THAT(why, HasSubstr(zip ? "../windows: \"..\" in the name" : "a backslash in the name"));
    EXPECT_THAT(why, HasSubstr("a control character in the name"));
    EXPECT_EQ(files_below(scratch.path()), (std::vector<std::string>{"in/a", "in/out/good", "in/out/link/inside"})) << why;
    EXPECT_EQ(slurp(scratch / "in/out/good"), "good");
    EXPECT_FALSE(fs::is_symlink(scratch / "in/out/link"));
    EXPECT_FALSE(fs::exists("/tmp/infig-absolute"));
  }
  const Scratch scratch;
  const auto tar = write_archive(scratch / "a.tar", ArchiveKind::kTar,
                                 {{"first", "bytes"}, {"second", "", "", "first"}, {"third", "", "", "/etc/passwd"}});
  const auto report = unpack_archive(tar, scratch / "out", {}, {}, nullptr);
  EXPECT_THAT(skipped(report), HasSubstr("second: a hard link"));
  EXPECT_THAT(skipped(report), HasSubstr("third: a hard link"));
  EXPECT_EQ(files_below(scratch / "out"), (std::vector<std::string>{"first"}));
}

// A name may be long by itself, and too long where it is unpacked to: that is the member's fault, not the disk's.
TEST(Unpack, APathTooLongIsSkipped) {
  const Scratch scratch;
  std::string name;
  while (name.size() < 3980) name += "folder/";
  const auto archive = write_archive(scratch / "a", ArchiveKind::kTar, {{"1.jpg", "one"}, {name + "2.jpg", "two"}, {"3.jpg", "three"}});
  const auto report = unpack_archive(archive, scratch / std::string(200, 'o'), {}, {}, nullptr);
  EXPECT_EQ(report.files, 2);
  EXPECT_THAT(skipped(report), HasSubstr("2.jpg: its path becomes longer than 4,095 bytes"));
}

TEST(Unpack, BombsAreRefused) {
  for (const ArchiveKind kind : {ArchiveKind::kZip, ArchiveKind::kTarGz}) {
    const Scratch scratch;
    const auto bomb = write_archive(scratch / "bomb", kind, {{"small", "x"}, {"zeros.jpg", std::string(80 << 20, '\0')}});
    ASSERT_LT(fs::file_size(bomb), 1U << 20);
    const auto message = [&](const UnpackLimits& limits, const MemberFilter& wants = {}) {
      return thrown<DataError>([&] { unpack_archive(bomb, scratch / "out", wants, limits, nullptr); });
    };
    EXPECT_THAT(message({}), HasSubstr("bomb: member \"zeros.jpg\" makes 83886081 bytes out of an archive of"));
    EXPECT_THAT(message({.member_bytes = 1000}), HasSubstr("member \"zeros.jpg\" has more than 1000 bytes"));
    EXPECT_THAT(message({.total_bytes = 80 << 20}), HasSubstr("makes the archive more than 83886080 bytes"));
    EXPECT_FALSE(fs::exists(scratch / "out/zeros.jpg"));
    const auto small_only = [](std::string_view name) { return name == "small"; };
    if (kind == ArchiveKind::kTarGz) {  // one stream: the zeros would have to be uncompressed only to get past them
      EXPECT_THAT(message({}, small_only), HasSubstr("zeros.jpg"));
    } else {
      EXPECT_EQ(unpack_archive(bomb, scratch / "out", small_only, {}, nullptr).files, 1);
    }
  }
}

TEST(Unpack, BrokenArchives) {
  const Scratch scratch;
  const auto message = [&](const std::string& bytes) {
    const auto file = scratch.file("broken", bytes);
    return thrown<DataError>([&] { unpack_archive(file, scratch / "out", {}, {}, nullptr); });
  };
  EXPECT_THAT(message("no archive at all, but a text"), HasSubstr("cannot be read as zip, tar or tar.gz"));
  EXPECT_FALSE(is_archive(scratch / "broken"));
  EXPECT_FALSE(is_archive(scratch / "absent"));
  EXPECT_FALSE(is_archive(scratch.path()));
  // For some damage libarchive has no words.
  EXPECT_THAT(message("PK\x03\x04" + std::string(146, '\0')), HasSubstr("unpacked files: no reason given"));
  std::string bytes(400'000, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * i * i >> 5);
  for (const ArchiveKind kind : kKinds) {
    const std::string whole = slurp(write_archive(scratch / "whole", kind, {{"1.jpg", bytes}, {"2.jpg", bytes}}));
    EXPECT_THAT(message(whole.substr(0, whole.size() / 2)), AnyOf(HasSubstr("is broken after"), HasSubstr("truncated gzip")))
        << static_cast<int>(kind);
  }
}

TEST(Unpack, StopsOnRequest) {
  const Scratch scratch;
  const auto archive = write_archive(scratch / "a", ArchiveKind::kZip, {{"1.jpg", "x"}});
  const std::atomic<int> stop{SIGTERM};
  try {
    unpack_archive(archive, scratch / "out", {}, {}, &stop);
    ADD_FAILURE() << "not stopped";
  } catch (const Interrupted& error) {
    EXPECT_EQ(error.exit_code(), 143);
  }
}

}  // namespace
}  // namespace infig
