#include "core/resumable_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "core/error.h"
#include "core/files.h"
#include "reference/temporary_folder.h"

namespace infig {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using reference::TemporaryFolder;
using ::testing::HasSubstr;

const json kCommand = {{"model", "abc"}, {"batch_size", 8}};

// Writes lines 0 .. 99, saved after every tenth; ends as kill -9 would at line `stop`.
void write_lines(const fs::path& target, int stop) {
  ResumableFile file(target, kCommand, false);
  for (int i = file.state().is_null() ? 0 : file.state().at("lines").get<int>(); i < 100; ++i) {
    if (i == stop) {
      file.stream() << "half a line that nobody vouches fo" << std::flush;
      ::_exit(9);
    }
    file.stream() << "line " << i << "\n";
    if (i % 10 == 9) file.save({{"lines", i + 1}});
  }
  file.commit();
}

int in_a_process(const fs::path& target, int stop) {
  const pid_t child = ::fork();
  if (child == 0) {
    write_lines(target, stop);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WEXITSTATUS(status);
}

template <typename E>
std::string refused(const fs::path& target, const json& command) {
  try {
    const ResumableFile file(target, command, false);
  } catch (const E& error) {
    return error.what();
  }
  return "";
}

TEST(ResumableFile, KilledAnywhereItEndsInTheSameBytes) {
  std::string expected;
  for (int i = 0; i < 100; ++i) expected += "line " + std::to_string(i) + "\n";
  const TemporaryFolder folder("resumable");
  for (const int stop : {3, 10, 27, 27, 68, 99}) {
    ASSERT_EQ(in_a_process(folder / "out.csv", stop), 9);
    EXPECT_FALSE(fs::exists(folder / "out.csv"));
    std::ofstream(folder / "out.csv.partial.json.next") << "{\"bytes\": 3";  // killed while it noted
  }
  ASSERT_EQ(in_a_process(folder / "out.csv", -1), 0);
  EXPECT_EQ(read_file(folder / "out.csv"), expected);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 1);  // nothing else stays
}

TEST(ResumableFile, WithoutASaveNothingStays) {
  const TemporaryFolder folder("resumable");
  {
    ResumableFile file(folder / "out", kCommand, false);
    file.stream() << "something";
  }
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST(ResumableFile, AnotherCommandIsRefusedByName) {
  const TemporaryFolder folder("resumable");
  {
    ResumableFile file(folder / "out", kCommand, false);
    file.stream() << "saved\n";
    file.save(7);
    file.stream() << "not saved\n";
  }
  const std::string message = refused<ConfigError>(folder / "out", {{"model", "abc"}, {"batch_size", 9}, {"threads", 1}});
  EXPECT_THAT(message, HasSubstr("batch_size (8, now 9), threads (null, now 1)"));
  EXPECT_THAT(message, HasSubstr("--restart"));
  EXPECT_EQ(read_file(folder / "out.partial"), "saved\nnot saved\n");  // nothing was touched
  {
    ResumableFile file(folder / "out", kCommand, false);
    EXPECT_EQ(file.state(), 7);
    EXPECT_EQ(read_file(folder / "out.partial"), "saved\n");
  }
  ResumableFile anew(folder / "out", {{"model", "other"}}, true);
  EXPECT_TRUE(anew.state().is_null());
  EXPECT_EQ(read_file(folder / "out.partial"), "");
}

TEST(ResumableFile, OneWriterAtATime) {
  const TemporaryFolder folder("resumable");
  const ResumableFile file(folder / "out", kCommand, false);
  EXPECT_THAT(refused<ResourceError>(folder / "out", kCommand), HasSubstr("another process is writing it"));
}

TEST(ResumableFile, ABrokenNoteAndAStrangePlaceAreNamed) {
  const TemporaryFolder folder("resumable");
  write_file_atomic(folder / "out.partial.json", "{\"bytes\": 3");
  EXPECT_THAT(refused<DataError>(folder / "out", kCommand), HasSubstr("out.partial.json: cannot be understood"));
  EXPECT_THAT(refused<ResourceError>(folder.path(), kCommand), HasSubstr("is a folder"));
  EXPECT_THAT(refused<ResourceError>("/dev/null", kCommand), HasSubstr("device"));
  EXPECT_THAT(refused<ResourceError>(folder / "no/such/out", kCommand), HasSubstr("cannot be created"));
}

// The process ended between the last two steps: the file is there, its note too.
TEST(ResumableFile, ANoteWithoutItsPartCountsForNothing) {
  const TemporaryFolder folder("resumable");
  {
    ResumableFile file(folder / "out", kCommand, false);
    file.stream() << "all of it";
    file.save(1);
  }
  fs::rename(folder / "out.partial", folder / "out");
  ResumableFile file(folder / "out", kCommand, false);
  EXPECT_TRUE(file.state().is_null());
  EXPECT_EQ(read_file(folder / "out"), "all of it");
}

}  // namespace
}  // namespace infig
