#include "core/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <mutex>
#include <utility>

#include "core/log.h"

namespace infig {
namespace {

struct Screen {
  std::atomic<double> log_seconds{0};
  std::mutex mutex;
  std::shared_ptr<ProgressScreen> screen;
};

Screen& program_screen() {
  static Screen one;
  return one;
}

std::shared_ptr<ProgressScreen> screen_now() {
  const std::lock_guard<std::mutex> lock(program_screen().mutex);
  return program_screen().screen;
}

}  // namespace

void set_progress_log(double seconds) { program_screen().log_seconds = seconds; }

void set_progress_screen(std::shared_ptr<ProgressScreen> screen) {
  const std::lock_guard<std::mutex> lock(program_screen().mutex);
  program_screen().screen = std::move(screen);
}

std::string format_duration(double seconds) {
  const auto whole = std::llround(seconds >= 0 ? std::min(seconds, 1e15) : 0.0);
  if (whole >= 3600) return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

ProgressBar::ProgressBar(std::string title, int64_t total, std::string unit)
    : title_(std::move(title)),
      unit_(std::move(unit)),
      total_(total),
      screen_(title_.empty() ? nullptr : screen_now()),
      start_(std::chrono::steady_clock::now()) {}

bool ProgressBar::shown() { return screen_now() != nullptr; }

ProgressBar::~ProgressBar() { finish(); }

void ProgressBar::update(int64_t done, const std::string& note) {
  const double log_seconds = program_screen().log_seconds;
  if (screen_ == nullptr && (title_.empty() || log_seconds <= 0)) return;
  const auto now = std::chrono::steady_clock::now();
  if (!started_) {
    started_ = true;
    last_draw_ = now;
    if (total_ <= 0 || done < total_) {  // the first call is where counting begins, unless it is the last call as well
      first_done_ = done;
      start_ = now;
    }
  }
  done_ = done;
  if (screen_ == nullptr) {
    if (done == total_ || std::chrono::duration<double>(now - last_draw_).count() < log_seconds) return;
    last_draw_ = now;
    return say();
  }
  if (now - last_draw_ < std::chrono::milliseconds(100) && done != total_) return;
  last_draw_ = now;
  draw(note);
}

void ProgressBar::draw(const std::string& note) {
  std::string line = title_;
  if (total_ > 0) {
    constexpr int64_t kCells = 20;
    const int64_t filled = std::clamp<int64_t>(done_ * kCells / total_, 0, kCells);
    line += fmt::format(" [{}{}] {}/{}", std::string(static_cast<size_t>(filled), '#'),
                        std::string(static_cast<size_t>(kCells - filled), '.'), done_, total_);
  } else {
    line += fmt::format(" {}", done_);
  }
  line += " " + rate_words(last_draw_);
  if (!note.empty()) line += " " + note;
  screen_->draw(line);
}

void ProgressBar::say() {
  const std::string of = total_ > 0 ? fmt::format(" of {}", total_) : "";
  log_info("{}: {}{} {}, {}", title_, done_, of, unit_, rate_words(last_draw_));
}

// "250 posts/s ETA 0:12"
std::string ProgressBar::rate_words(std::chrono::steady_clock::time_point now) const {
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const double rate = seconds > 0 ? static_cast<double>(done_ - first_done_) / seconds : 0.0;
  const bool known = done_ < total_ && rate > 0;
  return fmt::format("{:.0f} {}/s{}", rate, unit_, known ? " ETA " + format_duration(static_cast<double>(total_ - done_) / rate) : "");
}

void ProgressBar::finish() {
  if (screen_ != nullptr) screen_->finish();
}

void ProgressBar::erase_active() {
  if (const auto screen = screen_now()) screen->erase();
}

}  // namespace infig
