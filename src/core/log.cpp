#include "core/log.h"

#include <fcntl.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <system_error>
#include <vector>

#include "core/error.h"
#include "core/guarded_folder.h"
#include "core/progress.h"

namespace infig {
namespace {

// spdlog's own file sink opens by name and follows links.
class DescriptorSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit DescriptorSink(int descriptor) : stream_(descriptor) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    stream_.write(line.data(), static_cast<std::streamsize>(line.size()));
    flush_();
  }
  void flush_() override {
    errno = 0;
    stream_.flush();
    if (stream_.good()) return;
    const int code = errno;
    stream_.clear();  // the next line may fit again
    throw spdlog::spdlog_ex("train.log: writing failed", code);
  }

 private:
  DescriptorStream stream_;
};

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
  const int descriptor =
      GuardedFolder(path.has_parent_path() ? path.parent_path() : ".").open(path.filename(), O_WRONLY | O_CREAT | O_APPEND);
  if (descriptor < 0)
    throw ResourceError(fmt::format("{}: the log cannot be opened: {}", path.string(), std::generic_category().message(errno)));
  all.file = std::make_shared<spdlog::logger>("file", std::make_shared<DescriptorSink>(descriptor));
  all.file->set_pattern("%Y-%m-%d %H:%M:%S.%e %l: %v");
}

void log_from(LogLevel least) {
  const std::lock_guard<std::mutex> lock(loggers().mutex);
  loggers().least = least;
}

}  // namespace infig
