// Log to stderr and, once a run folder is known, to its train.log. Levels: info, warning, error.
#pragma once

#include <fmt/format.h>

#include <filesystem>
#include <string>

namespace infig {

enum class LogLevel { kInfo, kWarning, kError };

void log_message(LogLevel level, const std::string& message);
// Appends; an empty path stops it. Throws ResourceError, also where the file is a link (core/guarded_folder.h).
void log_to_file(const std::filesystem::path& path);
void log_from(LogLevel least);  // keep what is below off stderr (the file still gets it)

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
