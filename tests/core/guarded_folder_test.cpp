#include "core/guarded_folder.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <string>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "core/resumable_file.h"
#include "reference/temporary_folder.h"

namespace infig {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Kind = GuardedFolder::Kind;

// RUN is the folder of somebody else, OUTSIDE what must stay as it is.
class Guarded : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(folder_ / "run/eval");
    fs::create_directories(folder_ / "outside/inner");
    put("outside/file", "precious");
    put("outside/inner/file", "precious");
  }
  void TearDown() override {
    EXPECT_EQ(get("outside/file"), "precious");
    EXPECT_EQ(get("outside/inner/file"), "precious");
    EXPECT_EQ(std::distance(fs::recursive_directory_iterator(folder_ / "outside"), {}), 3);
  }
  void put(const std::string& name, const std::string& bytes) const { std::ofstream(folder_ / name) << bytes; }
  std::string get(const std::string& name) const {
    std::ifstream in(folder_ / name);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void link(const std::string& name, const std::string& to) const { fs::create_symlink(to, folder_ / name); }
  GuardedFolder run() const { return GuardedFolder(folder_ / "run"); }

  // What a refusal must say: which name, and what to do.
  template <typename Function>
  void expect_refused(const std::string& name, Function&& function) const {
    try {
      function();
    } catch (const ResourceError& error) {
      EXPECT_THAT(error.what(), HasSubstr((folder_ / name).string() + ": is a symbolic link"));
      EXPECT_THAT(error.what(), HasSubstr("delete the link"));
      return;
    }
    ADD_FAILURE() << name << ": nothing was thrown";
  }

  reference::TemporaryFolder folder_{"guarded"};
};

TEST_F(Guarded, TheFolderItselfMayBeALink) {
  link("typed", "run");
  const GuardedFolder typed(folder_ / "typed");
  write_file_atomic(typed, "eval/test.json", "{}");
  EXPECT_EQ(get("run/eval/test.json"), "{}");
  EXPECT_THROW(GuardedFolder(folder_ / "absent"), ResourceError);
  EXPECT_THROW(GuardedFolder(folder_ / "outside/file"), ResourceError);
}

TEST_F(Guarded, WritesThroughNoLink) {
  link("run/config.yaml", "../outside/file");
  expect_refused("run/config.yaml", [&] { write_file_atomic(run(), "config.yaml", "x"); });
  link("run/dangling", "../outside/new");
  expect_refused("run/dangling", [&] { write_file_atomic(run(), "dangling", "x"); });
  link("run/eval/inner", "../../outside/inner");
  expect_refused("run/eval/inner", [&] { write_file_atomic(run(), "eval/inner/file", "x"); });
  expect_refused("run/eval/inner", [&] { run().make("eval/inner/more"); });
  expect_refused("run/config.yaml", [&] { run().open("config.yaml", O_WRONLY | O_CREAT | O_TRUNC); });
  expect_refused("run/dangling", [&] { run().open("dangling", O_WRONLY | O_CREAT | O_APPEND); });
  EXPECT_THAT(run().names(), ElementsAre("config.yaml", "dangling", "eval"));
}

TEST_F(Guarded, LeavesTheFolderByNoName) {
  for (const char* name : {"..", "../outside/file", "/etc", "eval/../../outside/file", "", "."}) {
    EXPECT_THROW(run().find(name), ResourceError) << name;
    EXPECT_THROW(run().open(name, O_RDONLY), ResourceError) << name;
    EXPECT_THROW(run().remove(name), ResourceError) << name;
    EXPECT_THROW(run().make(name), ResourceError) << name;
  }
}

TEST_F(Guarded, DeletesALinkNotWhatItLeadsTo) {
  link("run/old.partial", "../outside");
  run().remove("old.partial");
  EXPECT_EQ(run().kind("old.partial"), Kind::kAbsent);
  fs::create_directories(folder_ / "run/tree/deep");
  put("run/tree/deep/file", "goes");
  link("run/tree/deep/way-out", "../../../outside");
  link("run/tree/file", "../../outside/file");
  run().remove("tree");
  run().remove("tree");
  EXPECT_THAT(run().names(), ElementsAre("eval"));
  link("run/way", "../outside");
  expect_refused("run/way", [&] { run().remove("way/inner"); });
}

TEST_F(Guarded, KindsAreOfTheNameItself) {
  put("run/file", "");
  link("run/link", "eval");
  ASSERT_EQ(::mkfifo((folder_ / "run/pipe").c_str(), 0600), 0);
  EXPECT_EQ(run().kind("file"), Kind::kFile);
  EXPECT_EQ(run().kind("eval"), Kind::kFolder);
  EXPECT_EQ(run().kind("link"), Kind::kLink);
  EXPECT_EQ(run().kind("pipe"), Kind::kOther);
  EXPECT_EQ(run().kind("absent"), Kind::kAbsent);
  EXPECT_EQ(run().kind("absent/file"), Kind::kAbsent);
  EXPECT_EQ(run().link_target("link"), "eval");
  EXPECT_EQ(run().link_target("file"), "");
}

TEST_F(Guarded, OnlyRegularFilesWithOneName) {
  ASSERT_EQ(::mkfifo((folder_ / "run/train.log").c_str(), 0600), 0);  // nobody at its other end: opening it must not wait
  EXPECT_THROW(run().open("train.log", O_RDWR | O_CREAT), ResourceError);
  fs::create_hard_link(folder_ / "outside/file", folder_ / "run/metrics.jsonl");
  EXPECT_THROW(run().open("metrics.jsonl", O_WRONLY | O_CREAT | O_TRUNC), ResourceError);
  EXPECT_EQ(run().read("metrics.jsonl"), "precious");
  write_file_atomic(run(), "metrics.jsonl", "a file of its own");  // in the place of that name, not into the file
  EXPECT_EQ(run().open("absent", O_RDONLY), -1);
  EXPECT_EQ(errno, ENOENT);
}

TEST_F(Guarded, PointsALinkAtOneStroke) {
  link("run/latest.partial", "../outside");  // left there, or put there
  link("run/latest", "../outside");
  run().point_link("latest", "eval");
  EXPECT_EQ(run().link_target("latest"), "eval");
  EXPECT_THAT(run().names(), ElementsAre("eval", "latest"));
}

TEST_F(Guarded, StagedFoldersStayInside) {
  link("run/step", "../outside");
  expect_refused("run/step", [&] { StagingFolder staging(run(), "step"); });
  expect_refused("run/step", [&] { StagingFolder staging(folder_ / "run/step"); });
  {
    StagingFolder staging(run(), "average");
    write_file_atomic(staging.path() / "model", "weights");
    staging.replace();
  }
  {
    StagingFolder staging(run(), "average");
    fs::create_directory_symlink("../../outside", folder_ / "run/average/way-out");
    staging.replace();  // the old one is deleted with the link in it
  }
  EXPECT_THAT(run().names(), ElementsAre("average", "eval", "step"));
  EXPECT_TRUE(fs::is_empty(folder_ / "run/average"));
}

TEST_F(Guarded, TheLogIsNoLink) {
  link("run/train.log", "../outside/file");
  expect_refused("run/train.log", [&] { log_to_file(folder_ / "run/train.log"); });
}

TEST_F(Guarded, TheTemporaryOfAFileIsNoLink) {
  // All names that the next writers of this process may take.
  for (int i = 0; i < 2000; ++i) link("run/a.partial-" + std::to_string(::getpid()) + "-" + std::to_string(i), "../outside/file");
  write_file_atomic(folder_ / "run/a", "new");
  EXPECT_EQ(get("run/a"), "new");
}

TEST_F(Guarded, AnOutputThatGoesOnIsNoLink) {
  const nlohmann::json command = {{"model", "abc"}};
  link("run/out.partial", "../outside/file");
  expect_refused("run/out.partial", [&] { ResumableFile file(folder_ / "run/out", command, false); });
  fs::remove(folder_ / "run/out.partial");
  ResumableFile file(folder_ / "run/out", command, false);
  link("run/out.partial.json.next", "../outside/file");
  file.stream() << "text";
  expect_refused("run/out.partial.json.next", [&] { file.save({}); });
}

TEST(PrivateFolders, AreOfThisUserAloneAndGo) {
  fs::path path;
  {
    const PrivateFolder folder("test");
    path = folder.path();
    struct stat status{};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0700U);
    fs::create_directories(path / "a/b");
  }
  EXPECT_FALSE(fs::exists(path));
}

}  // namespace
}  // namespace infig
