// Messages: to whoever listens and, once a run folder is known, to its train.log. Levels: info, warning, error.
// Nothing is printed here: the program installs a sink that writes to stderr, a library's caller may give one of his own.
#pragma once

#include <fmt/format.h>

#include <filesystem>
#include <functional>
#include <string>

namespace infig {

enum class LogLevel { kInfo, kWarning, kError };

// May be called from several threads, one call at a time.
using LogSink = std::function<void(LogLevel level, const std::string& message)>;

void set_log_sink(LogSink sink);  // of the whole program; without one (null) messages are dropped
void log_message(LogLevel level, const std::string& message);
// Appends; an empty path stops it. Throws ResourceError, also where the file is a link (core/guarded_folder.h).
void log_to_file(const std::filesystem::path& path);
void log_from(LogLevel least);  // keep what is below from the sink (the file still gets it)

// While it lives, messages of this thread go to `sink` (dropped where it is null) and nowhere else. Scopes nest.
class LogScope {
 public:
  explicit LogScope(LogSink sink);
  ~LogScope();
  LogScope(const LogScope&) = delete;
  LogScope& operator=(const LogScope&) = delete;

 private:
  LogSink sink_;
  const LogSink* outer_;
};

template <typename... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  log_message(LogLevel::kInfo, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) {
  log_message(LogLevel::kWarning, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_error(fmt::format_string<Args...> format, Args&&... args) {
  log_message(LogLevel::kError, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace infig
