#include "apps/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "core/log.h"
#include "core/progress.h"

namespace infig {
namespace {

size_t terminal_width() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

class Terminal final : public ProgressScreen {
 public:
  void draw(const std::string& line) override {
    std::fprintf(stderr, "\r\x1b[K%s", line.substr(0, terminal_width() - 1).c_str());
    std::fflush(stderr);
    drawn_ = true;
  }
  void finish() override {
    if (drawn_.exchange(false)) std::fputc('\n', stderr);
  }
  void erase() override {
    if (drawn_.exchange(false)) std::fputs("\r\x1b[K", stderr);
  }

 private:
  std::atomic<bool> drawn_{false};
};

}  // namespace

void use_terminal() {
  const bool terminal = ::isatty(STDERR_FILENO) != 0, colour = terminal && std::getenv("NO_COLOR") == nullptr;
  constexpr double kLogSeconds = 60;
  if (terminal) {
    set_progress_screen(std::make_shared<Terminal>());
  } else {
    set_progress_log(kLogSeconds);
  }
  set_log_sink([colour](LogLevel level, const std::string& message) {
    struct Word {
      const char *name, *on;  // what switches the colour on: green, bold yellow, bold red
    };
    static constexpr std::array<Word, 3> kWords = {{{"info", "\x1b[32m"}, {"warning", "\x1b[33m\x1b[1m"}, {"error", "\x1b[31m\x1b[1m"}}};
    const Word& word = kWords.at(static_cast<size_t>(level));
    ProgressBar::erase_active();  // a message does not land in a bar's line
    std::fprintf(stderr, "%s%s%s: %s\n", colour ? word.on : "", word.name, colour ? "\x1b[m" : "", message.c_str());
    std::fflush(stderr);
  });
}

}  // namespace infig
