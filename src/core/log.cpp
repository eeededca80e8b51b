#include "core/log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <mutex>
#include <utility>

#include "core/error.h"

namespace infig {
namespace {

struct Loggers {
  std::mutex mutex;
  LogSink sink;
  std::shared_ptr<spdlog::logger> file;
  LogLevel least = LogLevel::kInfo;
};

Loggers& loggers() {
  static Loggers all;
  return all;
}

thread_local const LogSink* scope_of_thread = nullptr;

}  // namespace

void set_log_sink(LogSink sink) {
  const std::lock_guard<std::mutex> lock(loggers().mutex);
  loggers().sink = std::move(sink);
}

void log_message(LogLevel level, const std::string& message) {
  if (scope_of_thread != nullptr) {
    if (*scope_of_thread) (*scope_of_thread)(level, message);
    return;
  }
  static constexpr spdlog::level::level_enum kLevels[] = {spdlog::level::info, spdlog::level::warn, spdlog::level::err};
  Loggers& all = loggers();
  const std::lock_guard<std::mutex> lock(all.mutex);
  if (all.sink && level >= all.least) all.sink(level, message);
  if (all.file) {
    all.file->log(kLevels[static_cast<int>(level)], message);
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

LogScope::LogScope(LogSink sink) : sink_(std::move(sink)), outer_(std::exchange(scope_of_thread, &sink_)) {}

LogScope::~LogScope() { scope_of_thread = outer_; }

}  // namespace infig
