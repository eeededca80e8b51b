// A progress bar on stderr with rate and ETA; silent where stderr is not a terminal.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace infig {

class ProgressBar {
 public:
  // `unit` is what is counted, in the plural ("posts"). total 0: unknown, then only count and rate are drawn. No title: nothing is.
  ProgressBar(std::string title, int64_t total, std::string unit = "posts");
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  // Redraws at most ten times a second. `note` is shown after the bar (loss parts, for example). One thread at a time.
  void update(int64_t done, const std::string& note = "");
  void finish();

  // Whether bars are drawn at all: work that only a bar needs can be skipped otherwise.
  static bool shown();

  // Wipes the line of whichever bar is drawn, so that a log line does not land in it; the next update draws it again.
  static void erase_active();

 private:
  void draw(const std::string& note);
  std::string title_, unit_;
  int64_t total_;
  int64_t done_ = 0;
  int64_t first_done_ = 0;  // where counting began (a resumed run does not start at 0)
  bool started_ = false;
  bool terminal_;
  std::chrono::steady_clock::time_point start_, last_draw_;
};

// "1:02:03", "4:05", as people write durations.
std::string format_duration(double seconds);

}  // namespace infig
