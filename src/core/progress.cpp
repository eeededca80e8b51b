#include "core/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>

namespace infig {
namespace {

std::atomic<bool> bar_on_screen{false};

int64_t terminal_width() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

}  // namespace

std::string format_duration(double seconds) {
  const auto whole = std::llround(seconds >= 0 ? std::min(seconds, 1e15) : 0.0);
  if (whole >= 3600) return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

ProgressBar::ProgressBar(std::string title, int64_t total, std::string unit)
    : title_(std::move(title)),
      unit_(std::move(unit)),
      total_(total),
      terminal_(!title_.empty() && ::isatty(STDERR_FILENO) != 0),
      start_(std::chrono::steady_clock::now()) {}

ProgressBar::~ProgressBar() { finish(); }

void ProgressBar::update(int64_t done, const std::string& note) {
  if (!terminal_) return;
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
  line.resize(std::min<size_t>(line.size(), static_cast<size_t>(terminal_width() - 1)));
  std::fprintf(stderr, "\r\x1b[K%s", line.c_str());
  std::fflush(stderr);
  bar_on_screen = true;
}

void ProgressBar::finish() {
  if (bar_on_screen.exchange(false)) std::fputc('\n', stderr);
}

void ProgressBar::erase_active() {
  if (bar_on_screen.exchange(false)) std::fputs("\r\x1b[K", stderr);
}

}  // namespace infig
