// How far long work has come, with rate and ETA, for whoever wants to show it. Nothing is printed here.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace infig {

// Where bars are drawn: the program's terminal. Calls may come from several threads.
class ProgressScreen {
 public:
  ProgressScreen() = default;
  virtual ~ProgressScreen() = default;
  ProgressScreen(const ProgressScreen&) = delete;
  ProgressScreen& operator=(const ProgressScreen&) = delete;

  virtual void draw(const std::string& line) = 0;  // instead of the line that is there
  virtual void finish() = 0;                       // the line stays, what follows begins behind it
  virtual void erase() = 0;                        // the line goes; the next draw() makes it again
};

// Of the whole program; null (as at the beginning): bars are not drawn.
void set_progress_screen(std::shared_ptr<ProgressScreen> screen);

// Where bars are not drawn, a line of the log says every so many seconds how far they have come; 0 (as at the beginning): none does.
void set_progress_log(double seconds);

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

  // Wipes the line of whichever bar is drawn, so that other output does not land in it; the next update draws it again.
  static void erase_active();

 private:
  void draw(const std::string& note);
  void say();
  std::string rate_words(std::chrono::steady_clock::time_point now) const;
  std::string title_, unit_;
  int64_t total_;
  int64_t done_ = 0;
  int64_t first_done_ = 0;  // where counting began (a resumed run does not start at 0)
  bool started_ = false;
  std::shared_ptr<ProgressScreen> screen_;  // null: nothing is drawn
  std::chrono::steady_clock::time_point start_, last_draw_;
};

// "1:02:03", "4:05", as people write durations.
std::string format_duration(double seconds);

}  // namespace infig
