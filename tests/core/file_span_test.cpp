#include "core/file_span.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <thread>
#include <vector>

#include "core/error.h"
#include "reference/temporary_folder.h"

namespace infig {
namespace {

namespace fs = std::filesystem;
using reference::TemporaryFolder;
using ::testing::HasSubstr;

void put(const fs::path& path, const std::string& bytes) { std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes; }

std::string refused(const FileSpan& span) {
  try {
    read_span(span);
  } catch (const DataError& error) {
    return error.what();
  }
  return "";
}

TEST(FileSpan, IsReadFromItsName) {
  EXPECT_EQ(parse_file_span("a/images.pack#32+500"), FileSpan("a/images.pack", 32, 500));
  EXPECT_EQ(parse_file_span("train-000.tar#0+0"), FileSpan("train-000.tar", 0, 0));
  EXPECT_EQ(parse_file_span("a#1.tar#512+9223372036854775807"), FileSpan("a#1.tar", 512, INT64_MAX));
  for (const char* name :
       {"a.jpg", "a.jpg#1+2", "a.tar", "a.tar#", "a.tar#1", "a.tar#1+", "a.tar#+1", "a.tar#-1+2", "a.tar#1+-2", "a.tar#01+2", "a.tar#1+2x",
        "a.tar#1 +2", "a.tar#0x1+2", "a.tar#1+9223372036854775808", "a.tar+1#2", "#1+2", ""}) {
    const FileSpan span = parse_file_span(name);
    EXPECT_TRUE(span.whole()) << name;
    EXPECT_EQ(span.file, name);
    EXPECT_EQ(span.string(), name);
  }
  for (const char* name : {"a/images.pack#32+500", "x.tar#0+0"}) EXPECT_EQ(parse_file_span(name).string(), name);
}

TEST(FileSpan, ARealFileOfThatNameWins) {
  const TemporaryFolder folder("span");
  put(folder / "a.pack", "0123456789");
  EXPECT_EQ(read_span(parse_file_span(folder / "a.pack#2+3")), "234");
  put(folder / "a.pack#2+3", "a file of its own");
  EXPECT_EQ(read_span(parse_file_span(folder / "a.pack#2+3")), "a file of its own");
}

TEST(FileSpan, ReadsItsBytesAndNoOthers) {
  const TemporaryFolder folder("span");
  put(folder / "a.tar", "0123456789");
  EXPECT_EQ(read_span({folder / "a.tar", 0, 10}), "0123456789");
  EXPECT_EQ(read_span({folder / "a.tar", 9, 1}), "9");
  EXPECT_EQ(read_span({folder / "a.tar", 4, 0}), "");
  EXPECT_EQ(read_span(folder / "a.tar"), "0123456789");
  EXPECT_EQ(sha256_span({folder / "a.tar", 1, 3}),
            "a665a45920422f9d417e4867efdc4fb8a04a1f3fff1fa07e998e86f7f7a27ae3");  // printf 123 | sha256sum
}

TEST(FileSpan, ErrorsNameFileAndSpan) {
  const TemporaryFolder folder("span");
  put(folder / "a.tar", "0123456789");
  EXPECT_THAT(refused({folder / "a.tar", 4, 7}), HasSubstr("a.tar#4+7: the file ends after 10 bytes"));
  EXPECT_THAT(refused({folder / "a.tar", 11, 0}), HasSubstr("a.tar#11+0: the file ends"));
  EXPECT_THAT(refused({folder / "a.tar", 5, INT64_MAX}), HasSubstr("the file ends"));
  EXPECT_THAT(refused({folder / "none.tar", 0, 1}), HasSubstr("none.tar#0+1: no such file"));
  EXPECT_THAT(refused({folder.path(), 0, 1}), HasSubstr("not a regular file"));
}

TEST(FileSpan, AReplacedFileIsOpenedAnew) {
  const TemporaryFolder folder("span");
  put(folder / "a.pack", "old bytes");
  EXPECT_EQ(read_span({folder / "a.pack", 0, 3}), "old");
  put(folder / "b.pack", "new bytes");
  fs::rename(folder / "b.pack", folder / "a.pack");
  EXPECT_EQ(read_span({folder / "a.pack", 0, 3}), "new");
}

int64_t descriptors_on(const fs::path& folder) {
  int64_t count = 0;
  for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
    std::error_code code;
    const fs::path target = fs::read_symlink(entry.path(), code);
    count += !code && target.string().starts_with(folder.string() + "/") ? 1 : 0;
  }
  return count;
}

TEST(FileSpan, OneDescriptorAFileForManyThreads) {
  const TemporaryFolder folder("span");
  std::string bytes;
  for (int i = 0; i < 5000; ++i) bytes += static_cast<char>(i * 31 % 251);
  put(folder / "a.pack", bytes);
  put(folder / "loose.jpg", bytes);
  std::vector<std::jthread> threads;
  std::vector<int> wrong(4);
  for (size_t t = 0; t < wrong.size(); ++t) {
    threads.emplace_back([&, t] {
      for (int64_t i = 0; i < 500; ++i) {
        const int64_t offset = (i * 37 + static_cast<int64_t>(t)) % 4900;
        wrong[t] += read_span({folder / "a.pack", offset, 100}) == bytes.substr(static_cast<size_t>(offset), 100) ? 0 : 1;
        wrong[t] += read_span(folder / "loose.jpg") == bytes ? 0 : 1;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(wrong, std::vector<int>(4));
  EXPECT_EQ(descriptors_on(folder), 1);  // the pack stays open, a loose file does not
}

TEST(FileSpan, FewFilesStayOpenHoweverManyShardsThereAre) {
  const TemporaryFolder folder("span");
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 150; ++i) {
      const fs::path shard = folder / (std::to_string(i) + ".tar");
      put(shard, "shard " + std::to_string(i) + " of many");
      EXPECT_EQ(read_span({shard, 6, 3}), (std::to_string(i) + " of").substr(0, 3));
    }
  }
  EXPECT_LE(descriptors_on(folder), 64);
}

}  // namespace
}  // namespace infig
