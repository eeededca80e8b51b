#include "core/log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <mutex>
#include <vector>

#include "core/error.h"
#include "core/progress.h"

namespace infig {
namespace {

struct Loggers {
  std::mutex mutex;
  std::shared_ptr<spdlog::logger> terminal;
  std::shared_ptr<spdlog::logger> file;
  LogLevel least = LogLevel::kInfo;
};

Loggers& loggers() {
  static Loggers all;
  static const bool ready = [] {
    const bool colour = std::getenv("NO_COLOR") == nullptr && ::isatty(STDERR_FILENO) != 0;
    auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>(colour ? spdlog::color_mode::always : spdlog::color_mode::never);
    all.terminal = std::make_shared<spdlog::logger>("infig", sink);
    all.terminal->set_pattern("%^%l%$: %v");
    return true;
  }();
  static_cast<void>(ready);
  return all;
}

}  // namespace

void log_message(LogLevel level, const std::string& message) {
  static constexpr spdlog::level::level_enum kLevels[] = {spdlog::level::info, spdlog::level::warn, spdlog::level::err};
  const auto target = kLevels[static_cast<int>(level)];
  Loggers& all = loggers();
  const std::lock_guard<std::mutex> lock(all.mutex);
  ProgressBar::erase_active();
  if (level >= all.least) all.terminal->log(target, message);
  if (all.file) {
    all.file->log(target, message);
    all.file->flush();
  }
}

void log_to_file(const std::filesystem::path& path) {
  Loggers& all = loggers();
  const std::lock_guard<std::mutex> lock(all.mutex);
  all.file.reset();
  if (path.empty()) return;
  try {
    auto sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(path.string());
    all.file = std::make_shared<spdlog::logger>("file", sink);
    all.file->set_pattern("%Y-%m-%d %H:%M:%S.%e %l: %v");
  } catch (const spdlog::spdlog_ex& error) {
    throw ResourceError(fmt::format("{}: the log cannot be opened: {}", path.string(), error.what()));
  }
}

void log_from(LogLevel least) {
  const std::lock_guard<std::mutex> lock(loggers().mutex);
  loggers().least = least;
}

}  // namespace infig
