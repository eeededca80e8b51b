#include "core/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <thread>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "core/stage_timer.h"
#include "reference/temporary_folder.h"

namespace infig {
namespace {

using ::testing::HasSubstr;

TEST(FormatDuration, WritesWhatPeopleWrite) {
  EXPECT_EQ(format_duration(0), "0:00");
  EXPECT_EQ(format_duration(59.4), "0:59");
  EXPECT_EQ(format_duration(59.5), "1:00");
  EXPECT_EQ(format_duration(245), "4:05");
  EXPECT_EQ(format_duration(3599.6), "1:00:00");
  EXPECT_EQ(format_duration(3723), "1:02:03");
  EXPECT_EQ(format_duration(100 * 3600 + 1), "100:00:01");
  EXPECT_EQ(format_duration(-5), "0:00");
  EXPECT_EQ(format_duration(std::numeric_limits<double>::quiet_NaN()), "0:00");
  EXPECT_GT(format_duration(std::numeric_limits<double>::infinity()).size(), 10U);  // large, and no undefined conversion
}

// What stderr receives while it is a terminal (a pseudo-terminal stands in for one).
template <typename Function>
std::string on_terminal(Function&& function) {
  int master = -1, slave = -1;
  if (::openpty(&master, &slave, nullptr, nullptr, nullptr) != 0) return "no pseudo-terminal";
  const int saved = ::dup(STDERR_FILENO);
  ::dup2(slave, STDERR_FILENO);
  function();
  ::dup2(saved, STDERR_FILENO);
  ::close(saved);
  std::string text(4096, '\0');
  const auto count = ::write(slave, "!", 1) == 1 ? ::read(master, text.data(), text.size()) : 0;
  ::close(master);
  ::close(slave);
  text.resize(count > 0 ? static_cast<size_t>(count) : 0);
  return text;
}

TEST(ProgressBar, DrawsCountRateAndNote) {
  const std::string text = on_terminal([] {
    ProgressBar bar("train", 10);
    bar.update(10, "loss 0.5");
  });
  EXPECT_THAT(text, HasSubstr("train [####################] 10/10 "));
  EXPECT_THAT(text, HasSubstr("posts/s loss 0.5"));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("ETA")));  // nothing is left to wait for
}

TEST(ProgressBar, AResumedRunCountsItsOwnWorkOnly) {
  const std::string text = on_terminal([] {
    ProgressBar bar("train", 1000);
    bar.update(500);
    std::this_thread::sleep_for(std::chrono::milliseconds(110));
    bar.update(501);
  });
  const size_t rate = text.find("501/1000 ");
  ASSERT_NE(rate, std::string::npos) << text;
  EXPECT_LE(std::stoi(text.substr(rate + 9)), 10);  // one post in at least a tenth of a second
}

TEST(ProgressBar, IsSilentWhereNobodyLooks) {
  ::testing::internal::CaptureStderr();
  {
    ProgressBar bar("train", 10);
    bar.update(10);
  }
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

TEST(Log, FileGetsWhatIsKeptOffTheTerminal) {
  const reference::TemporaryFolder folder("log");
  const auto path = folder / "train.log";
  log_to_file(path);
  log_from(LogLevel::kWarning);
  log_info("step {}", 7);
  log_from(LogLevel::kInfo);
  log_warning("{} of {}", 1, 2);
  log_to_file("");
  log_info("after");
  const std::string text = read_file(path);
  EXPECT_THAT(text, HasSubstr("info: step 7\n"));
  EXPECT_THAT(text, HasSubstr("warning: 1 of 2\n"));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("after")));
  EXPECT_THROW(log_to_file("/dev/null/log"), ResourceError);
}

TEST(StageTimer, SumsByStageAndANullTimerIsFine) {
  StageTimer timer;
  timer.add("decode", 1.5);
  timer.add("decode", 0.25);
  {
    const StageScope scope(&timer, "resize");
  }
  {
    const StageScope scope(nullptr, "nothing");
  }
  const auto seconds = timer.seconds();
  ASSERT_EQ(seconds.size(), 2U);
  EXPECT_EQ(seconds.at("decode"), 1.75);
  EXPECT_GE(seconds.at("resize"), 0.0);
  timer.clear();
  EXPECT_TRUE(timer.seconds().empty());
}

}  // namespace
}  // namespace infig
