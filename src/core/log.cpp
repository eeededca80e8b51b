#include "core/log.h"

#include <fcntl.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <cerrno>
#include <memory>
#include <mutex>
#include <system_error>
#include <utility>

#include "core/error.h"
#include "core/guarded_folder.h"

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
  const int descriptor =
      GuardedFolder(path.has_parent_path() ? path.parent_path() : ".").open(path.filename(), O_WRONLY | O_CREAT | O_APPEND);
  if (descriptor < 0) throw ResourceError(fmt::format("{}: the log cannot be opened: {}", path.string(), system_words(errno)));
  all.file = std::make_shared<spdlog::logger>("file", std::make_shared<DescriptorSink>(descriptor));
  all.file->set_pattern("%Y-%m-%d %H:%M:%S.%e %l: %v");
}

void log_from(LogLevel least) {
  const std::lock_guard<std::mutex> lock(loggers().mutex);
  loggers().least = least;
}

LogScope::LogScope(LogSink sink) : sink_(std::move(sink)), outer_(std::exchange(scope_of_thread, &sink_)) {}

LogScope::~LogScope() { scope_of_thread = outer_; }

}  // namespace infig
