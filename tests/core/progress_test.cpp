#include "core/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <vector>

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

TEST(ProgressLog, SaysHowFarItIsWhereNoBarIsDrawn) {
  std::vector<std::string> said;
  const LogScope scope([&said](LogLevel, const std::string& message) { said.push_back(message); });
  set_progress_screen(nullptr);
  const auto count = [&](double seconds, const char* title) {
    set_progress_log(seconds);
    ProgressBar bar(title, 100, "rows");
    for (const int64_t done : {0, 40, 100}) {
      bar.update(done);
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  };
  count(0, "reading");
  count(1000, "reading");  // not yet
  count(.001, "");         // another rank's
  EXPECT_TRUE(said.empty());
  count(.001, "reading");
  ASSERT_EQ(said.size(), 1U);  // not at the beginning, and the end is said by whoever did the work
  EXPECT_THAT(said.front(), testing::AllOf(testing::StartsWith("reading: 40 of 100 rows, "), HasSubstr(" rows/s ETA ")));
  set_progress_log(0);
}

// Keeps what a bar draws.
class Lines final : public ProgressScreen {
 public:
  void draw(const std::string& line) override { lines.push_back(line); }
  void finish() override { lines.emplace_back("finish"); }
  void erase() override { lines.emplace_back("erase"); }
  std::vector<std::string> lines;
};

// While it lives, bars are drawn on it.
class OnLines {
 public:
  OnLines() { set_progress_screen(screen_); }
  ~OnLines() { set_progress_screen(nullptr); }
  OnLines(const OnLines&) = delete;
  OnLines& operator=(const OnLines&) = delete;
  const std::vector<std::string>& lines() const { return screen_->lines; }

 private:
  std::shared_ptr<Lines> screen_ = std::make_shared<Lines>();
};

TEST(ProgressBar, DrawsCountRateAndNote) {
  const OnLines screen;
  {
    ProgressBar bar("train", 10);
    bar.update(10, "loss 0.5");
    ProgressBar::erase_active();
  }
  ASSERT_THAT(screen.lines(), ::testing::ElementsAre(HasSubstr("train [####################] 10/10 "), "erase", "finish"));
  EXPECT_THAT(screen.lines()[0], HasSubstr("posts/s loss 0.5"));
  EXPECT_THAT(screen.lines()[0], ::testing::Not(HasSubstr("ETA")));  // nothing is left to wait for
}

TEST(ProgressBar, AResumedRunCountsItsOwnWorkOnly) {
  const OnLines screen;
  {
    ProgressBar bar("train", 1000);
    bar.update(500);
    std::this_thread::sleep_for(std::chrono::milliseconds(110));
    bar.update(501);
  }
  ASSERT_FALSE(screen.lines().empty());
  const std::string& text = screen.lines().front();
  const size_t rate = text.find("501/1000 ");
  ASSERT_NE(rate, std::string::npos) << text;
  EXPECT_LE(std::stoi(text.substr(rate + 9)), 10);  // one post in at least a tenth of a second
}

TEST(ProgressBar, IsSilentWhereNobodyLooks) {
  EXPECT_FALSE(ProgressBar::shown());
  ::testing::internal::CaptureStderr();
  ::testing::internal::CaptureStdout();
  {
    ProgressBar bar("train", 10);
    bar.update(10);
    const OnLines screen;
    EXPECT_TRUE(ProgressBar::shown());
    ProgressBar untitled("", 10);
    untitled.update(10);
    EXPECT_TRUE(screen.lines().empty());
  }
  EXPECT_EQ(::testing::internal::GetCapturedStderr() + ::testing::internal::GetCapturedStdout(), "");
}

TEST(Log, FileGetsWhatIsKeptFromTheSink) {
  const reference::TemporaryFolder folder("log");
  const auto path = folder / "train.log";
  std::vector<std::string> heard;
  set_log_sink([&](LogLevel level, const std::string& message) { heard.push_back(std::to_string(static_cast<int>(level)) + message); });
  log_to_file(path);
  log_from(LogLevel::kWarning);
  log_info("step {}", 7);
  log_from(LogLevel::kInfo);
  log_warning("{} of {}", 1, 2);
  log_to_file("");
  log_info("after");
  set_log_sink(nullptr);
  log_info("to nobody");
  EXPECT_THAT(heard, ::testing::ElementsAre("11 of 2", "0after"));
  const std::string text = read_file(path);
  EXPECT_THAT(text, HasSubstr("info: step 7\n"));
  EXPECT_THAT(text, HasSubstr("warning: 1 of 2\n"));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("after")));
  EXPECT_THROW(log_to_file("/dev/null/log"), ResourceError);
}

TEST(Log, PrintsNothingByItself) {
  ::testing::internal::CaptureStderr();
  ::testing::internal::CaptureStdout();
  log_error("nobody listens");
  EXPECT_EQ(::testing::internal::GetCapturedStderr() + ::testing::internal::GetCapturedStdout(), "");
}

TEST(Log, AScopeTakesTheMessagesOfItsThread) {
  std::vector<std::string> program, outer, inner;
  const auto into = [](std::vector<std::string>& list) {
    return [&list](LogLevel, const std::string& message) { list.push_back(message); };
  };
  set_log_sink(into(program));
  {
    const LogScope one(into(outer));
    log_info("a");
    {
      const LogScope two(into(inner));
      log_info("b");
    }
    {
      const LogScope none(nullptr);
      log_info("dropped");
    }
    std::thread([] { log_info("of another thread"); }).join();
    log_info("c");
  }
  log_info("d");
  set_log_sink(nullptr);
  EXPECT_THAT(outer, ::testing::ElementsAre("a", "c"));
  EXPECT_THAT(inner, ::testing::ElementsAre("b"));
  EXPECT_THAT(program, ::testing::ElementsAre("of another thread", "d"));
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
