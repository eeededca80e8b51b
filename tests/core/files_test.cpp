#include "core/files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <set>
#include <string>
#include <thread>

#include "core/error.h"
#include "reference/temporary_folder.h"

namespace infig {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class Files : public ::testing::Test {
 protected:
  void put(const std::string& name, const std::string& bytes) const { std::ofstream(folder_ / name, std::ios::binary) << bytes; }
  std::string get(const std::string& name) const {
    std::ifstream in(folder_ / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }
  std::set<std::string> names() const {
    std::set<std::string> found;
    for (const auto& entry : fs::directory_iterator(folder_)) found.insert(entry.path().filename().string());
    return found;
  }

  reference::TemporaryFolder folder_{"files"};
};

// No file may grow past `bytes` while this lives: what a full disk does, without filling one.
class SmallDisk {
 public:
  explicit SmallDisk(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~SmallDisk() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

 private:
  void (*handler_)(int);
  rlimit before_{};
};

template <typename Error, typename Function>
std::string message_of(Function&& function) {
  try {
    function();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST_F(Files, ReadsBytesAsTheyAre) {
  const std::string bytes("\0\r\n\xff\x1a text", 10);
  put("a", bytes);
  EXPECT_EQ(read_file(folder_ / "a"), bytes);
  put("empty", "");
  EXPECT_EQ(read_file(folder_ / "empty"), "");
  const std::string large(700000, 'x');  // more than one piece
  put("large", large);
  EXPECT_EQ(read_file(folder_ / "large"), large);
}

TEST_F(Files, ReadsAPipeToItsEnd) {
  const fs::path pipe = folder_ / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const std::string bytes(300000, 'p');
  std::jthread writer([&] { std::ofstream(pipe, std::ios::binary) << bytes; });
  EXPECT_EQ(read_file(pipe), bytes);
}

TEST_F(Files, UnreadableFilesNameThemselvesAndTheReason) {
  EXPECT_THAT(message_of<DataError>([&] { read_file(folder_ / "absent"); }), HasSubstr("absent: cannot be opened: No such file"));
  EXPECT_THAT(message_of<DataError>([&] { read_file(folder_); }), HasSubstr("is a folder"));
  EXPECT_THAT(message_of<DataError>([&] { sha256_file(folder_); }), HasSubstr("is a folder"));
  EXPECT_THAT(message_of<DataError>([&] { sha256_file(folder_ / "absent"); }), HasSubstr("No such file"));
}

TEST_F(Files, AtomicFileAppearsOnlyOnCommit) {
  put("a", "old");
  {
    AtomicFile file(folder_ / "a");
    file.stream() << "new";
    EXPECT_EQ(get("a"), "old");
    EXPECT_EQ(names().size(), 2U);
    file.commit();
    EXPECT_EQ(get("a"), "new");
  }
  {
    AtomicFile dropped(folder_ / "a");
    dropped.stream() << "half";
  }
  EXPECT_EQ(get("a"), "new");
  EXPECT_EQ(names(), (std::set<std::string>{"a"}));
}

TEST_F(Files, TwoWritersOfOneNameDoNotMix) {
  AtomicFile first(folder_ / "a"), second(folder_ / "a");
  first.stream() << std::string(100000, '1');
  second.stream() << std::string(100000, '2');
  first.commit();
  EXPECT_EQ(get("a"), std::string(100000, '1'));
  second.commit();
  EXPECT_EQ(get("a"), std::string(100000, '2'));
}

TEST_F(Files, FullDiskKeepsTheOldFile) {
  put("a", "old");
  for (const size_t size : {size_t{5000}, size_t{1000000}}) {  // fails in the flush; fails while writing
    const SmallDisk small(4096);
    const std::string message = message_of<ResourceError>([&] { write_file_atomic(folder_ / "a", std::string(size, 'x')); });
    EXPECT_THAT(message, HasSubstr((folder_ / "a").string() + ": writing failed"));
    EXPECT_THAT(message, HasSubstr("free some space"));
  }
  EXPECT_EQ(get("a"), "old");
  EXPECT_EQ(names(), (std::set<std::string>{"a"}));
  write_file_atomic(folder_ / "a", "new");
  EXPECT_EQ(get("a"), "new");
}

TEST_F(Files, RefusesPlacesWhereNoFileCanStand) {
  EXPECT_THAT(message_of<ResourceError>([&] { AtomicFile file(folder_ / "absent" / "a"); }), HasSubstr("cannot be created: No such file"));
  EXPECT_THAT(message_of<ResourceError>([&] { AtomicFile file(folder_); }), HasSubstr("is a folder"));
  EXPECT_THAT(message_of<ResourceError>([&] { AtomicFile file("/dev/null"); }), HasSubstr("is a device or pipe"));
  put("a", "");
  EXPECT_THAT(message_of<ResourceError>([&] { make_folder(folder_ / "a"); }), HasSubstr("the folder cannot be made"));
  EXPECT_THAT(message_of<ResourceError>([&] { make_folder(folder_ / "a" / "b"); }), HasSubstr("the folder cannot be made"));
  make_folder(folder_ / "x" / "y");
  make_folder(folder_ / "x" / "y");
  EXPECT_TRUE(fs::is_directory(folder_ / "x" / "y"));
}

// FIPS 180-4 examples, and the million letters a that NIST publishes with them.
TEST_F(Files, Sha256KnownAnswers) {
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha1_hex("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");  // FIPS 180
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  put("million", std::string(1000000, 'a'));
  EXPECT_EQ(sha256_file(folder_ / "million"), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_F(Files, StagingFolderAppearsWholeOrNotAtAll) {
  fs::path partial;
  {
    StagingFolder staging(folder_ / "run/");
    partial = staging.path();
    make_folder(partial / "inner");
    std::ofstream(partial / "inner" / "a") << "half";
    EXPECT_FALSE(fs::exists(folder_ / "run"));
  }
  EXPECT_TRUE(names().empty());
  {
    StagingFolder staging(folder_ / "run/");
    EXPECT_TRUE(fs::is_empty(staging.path()));
    make_folder(staging.path() / "inner");
    std::ofstream(staging.path() / "inner" / "a") << "whole";
    staging.keep();
  }
  EXPECT_EQ(names(), (std::set<std::string>{"run"}));
  EXPECT_EQ(get("run/inner/a"), "whole");
}

TEST_F(Files, StagingFolderNeverReplacesAFilledFolder) {
  fs::create_directory(folder_ / "run");
  put("run/precious", "kept");
  StagingFolder staging(folder_ / "run");
  std::ofstream(staging.path() / "a") << "new";
  EXPECT_THAT(message_of<ResourceError>([&] { staging.keep(); }), HasSubstr("run: cannot be put in place: Directory not empty"));
  EXPECT_EQ(get("run/precious"), "kept");
}

TEST_F(Files, StagingFolderReplacesAsAWhole) {
  fs::create_directory(folder_ / "run");
  put("run/old", "goes");
  {
    StagingFolder staging(folder_ / "run/");
    std::ofstream(staging.path() / "new") << "comes";
    EXPECT_EQ(get("run/old"), "goes");
    staging.replace();
  }
  EXPECT_EQ(names(), (std::set<std::string>{"run"}));
  EXPECT_FALSE(fs::exists(folder_ / "run" / "old"));
  EXPECT_EQ(get("run/new"), "comes");
  StagingFolder first(folder_ / "fresh");
  first.replace();  // nothing was there
  EXPECT_EQ(names(), (std::set<std::string>{"fresh", "run"}));
}

TEST(Paths, LastNameByHand) {
  EXPECT_EQ(last_name("a/b"), "b");
  EXPECT_EQ(last_name("a/b/"), "b");
  EXPECT_EQ(last_name("b"), "b");
  EXPECT_EQ(last_name(""), "");
}

}  // namespace
}  // namespace infig
