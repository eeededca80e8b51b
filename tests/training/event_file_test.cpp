#include "training/event_file.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>

#include "core/error.h"
#include "core/files.h"
#include "reference/temporary_folder.h"

namespace infig {
namespace {

using reference::TemporaryFolder;

// RFC 3720, appendix B.4, and the check value of the CRC catalogue.
TEST(Crc32c, EqualsThePublishedValues) {
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAU);
  EXPECT_EQ(crc32c(std::string(32, '\xFF')), 0x62A8AB43U);
  std::string rising;
  for (int i = 0; i < 32; ++i) rising += static_cast<char>(i);
  EXPECT_EQ(crc32c(rising), 0x46DD794EU);
  EXPECT_EQ(crc32c("123456789"), 0xE3069283U);
  EXPECT_EQ(crc32c(""), 0U);
}

std::string only_file(const std::filesystem::path& folder) {
  std::string bytes;
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    EXPECT_EQ(entry.path().filename().string().rfind("events.out.tfevents.", 0), 0U);
    bytes = read_file(entry.path());
    ++count;
  }
  EXPECT_EQ(count, 1);
  return bytes;
}

// The messages of a file, cut by their lengths.
std::vector<std::string> records(const std::string& bytes) {
  std::vector<std::string> all;
  for (size_t at = 0; at < bytes.size();) {
    uint64_t length = 0;
    std::memcpy(&length, bytes.data() + at, 8);
    all.push_back(bytes.substr(at + 12, length));
    at += 16 + length;
  }
  return all;
}

// The bytes as the wire format has them: tag byte = field << 3 | type.
TEST(EventFile, HoldsWhatTheWireFormatSays) {
  const TemporaryFolder folder;
  {
    EventFile file(GuardedFolder(folder.path()).make("tensorboard"), -1);
    file.write({{"step", 7}, {"loss", 0.5}, {"eval_f1", 2}, {"note", "text"}, {"broken", std::nan("")}});
  }
  const auto found = records(only_file(folder / "tensorboard"));
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].substr(0, 1), "\x09");      // wall_time, 8 bytes
  EXPECT_EQ(found[0].substr(9, 2), "\x1A\x0D");  // file_version, 13 bytes
  EXPECT_EQ(found[0].substr(11), "brain.Event:2");
  const std::string f1 = std::string("\x0A\x07") + "eval/f1" + std::string("\x15\0\0\0\x40", 5);       // 2.0f
  const std::string loss = std::string("\x0A\x0A") + "train/loss" + std::string("\x15\0\0\0\x3F", 5);  // 0.5f
  const std::string summary = std::string("\x0A") + static_cast<char>(f1.size()) + f1 + "\x0A" + static_cast<char>(loss.size()) + loss;
  EXPECT_EQ(found[1].substr(9), std::string("\x10\x07\x2A") + static_cast<char>(summary.size()) + summary);
}

TEST(EventFile, AResumedRunTellsReadersToForgetLaterSteps) {
  const TemporaryFolder folder;
  {
    const EventFile file(GuardedFolder(folder.path()), 4);
  }
  const auto found = records(only_file(folder));
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[1].substr(9), "\x10\x05\x3A\x02\x08\x01");  // step 5, session_log {status START}
  {
    const EventFile second(GuardedFolder(folder.path()), -1), third(GuardedFolder(folder.path()), -1);
  }
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 3);
}

TEST(EventFile, SaysWhereItCannotWrite) {
  const TemporaryFolder folder;
  write_file_atomic(folder / "taken", "a file");
  EXPECT_THROW(EventFile(GuardedFolder(folder / "taken"), -1), ResourceError);
}

}  // namespace
}  // namespace infig
