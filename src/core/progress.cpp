#include "core/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <mutex>
#include <utility>

namespace infig {
namespace {

struct Screen {
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
  if (screen_ == nullptr) return;
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
  if (now - last_draw_ < std::chrono::milliseconds(100) && done != total_) return;
  last_draw_ = now;
  draw(note);
}

void ProgressBar::draw(const std::string& note) {
  const double seconds = std::chrono::duration<double>(last_draw_ - start_).count();
  const double rate = seconds > 0 ? static_cast<double>(done_ - first_done_) / seconds : 0.0;
  std::string line = title_;
  if (total_ > 0) {
    constexpr int64_t kCells = 20;
    const int64_t filled = std::clamp<int64_t>(done_ * kCells / total_, 0, kCells);
    line += fmt::format(" [{}{}] {}/{}", std::string(static_cast<size_t>(filled), '#'),
                        std::string(static_cast<size_t>(kCells - filled), '.'), done_, total_);
  } else {
    line += fmt::format(" {}", done_);
  }
  line += fmt::format(" {:.0f} {}/s", rate, unit_);
  if (done_ < total_ && rate > 0) line += " ETA " + format_duration(static_cast<double>(total_ - done_) / rate);
  if (!note.empty()) line += " " + note;
  screen_->draw(line);
}

void ProgressBar::finish() {
  if (screen_ != nullptr) screen_->finish();
}

void ProgressBar::erase_active() {
  if (const auto screen = screen_now()) screen->erase();
}

}  // namespace infig
