#include "training/run_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <system_error>
#include <vector>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

// Keys that may change when a run continues: they change no result.
bool may_change(const std::string& key) {
  static const std::vector<std::string> kFree = {"data.workers",          "data.prefetch",    "data.cache_mb",
                                                 "data.feature_cache",    "train.save_every", "train.save_total_limit",
                                                 "train.eval_batch_size", "train.report_to"};
  return std::find(kFree.begin(), kFree.end(), key) != kFree.end();
}

bool is_leftover(const std::string& name) {
  return name.find(".partial") != std::string::npos || name.find(".replaced-") != std::string::npos;
}

void delete_leftovers_in(const GuardedFolder& folder) {
  for (const std::string& name : folder.names()) {
    if (!is_leftover(name)) continue;
    log_info("{}: left by a process that was killed; deleted", (folder.path() / name).string());
    try {
      folder.remove(name);
    } catch (const ResourceError& problem) {  // it takes space, and no more
      log_warning("{}", problem.what());
    }
  }
}

}  // namespace

RunLock::RunLock(const fs::path& run) {
  make_folder(run);
  const fs::path path = run / ".lock";
  descriptor_ = GuardedFolder(run).open(path.filename(), O_RDWR | O_CREAT);
  if (descriptor_ < 0) {
    throw ResourceError(fmt::format("{}: the run folder cannot be written to: {}; make it writable or choose another --output-dir",
                                    run.string(), system_words(errno)));
  }
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return;
  const int error = errno;
  std::array<char, 256> text{};
  const ssize_t length = ::pread(descriptor_, text.data(), text.size(), 0);
  ::close(descriptor_);
  if (error != EWOULDBLOCK) throw ResourceError(fmt::format("{}: cannot be locked: {}", path.string(), system_words(error)));
  const std::string holder = length > 0 ? " (" + std::string(text.data(), static_cast<size_t>(length)) + ")" : "";
  throw ResourceError(fmt::format(
      "{}: another infig{} is training in this run folder; wait for it, stop it, or choose another --output-dir", run.string(), holder));
}

RunLock::~RunLock() {
  // The file stays: deleting it would let two processes lock two files of one name.
  ::close(descriptor_);
}

void RunLock::sign() const {
  std::array<char, 128> host{};
  ::gethostname(host.data(), host.size() - 1);
  const std::string text = fmt::format("process {} on {}", ::getpid(), host.data());
  // Only a hint for a message: a file system that refuses it is none the worse.
  if (::ftruncate(descriptor_, 0) != 0 || ::pwrite(descriptor_, text.data(), text.size(), 0) < 0) return;
}

void delete_leftovers(const GuardedFolder& run) {
  delete_leftovers_in(run);
  if (const auto cache = run.find("cache")) delete_leftovers_in(*cache);
  const auto checkpoints = run.find("checkpoints");
  if (!checkpoints) return;
  delete_leftovers_in(*checkpoints);
  for (const std::string& name : checkpoints->names()) {
    if (checkpoints->kind(name) == GuardedFolder::Kind::kFolder) delete_leftovers_in(checkpoints->folder(name));
  }
}

void check_same_config(const fs::path& written, const RunConfig& now) {
  RunConfig then(now.model.models()), copy = now;
  const std::string name = find_config_value(written, {}, "model.name").value_or(then.model.kind().name);
  if (name != now.model.kind().name) {
    throw ConfigError(
        fmt::format("{}: the run was started with model.name={}, now it is {}; resume with the same config or choose another "
                    "--output-dir",
                    written.string(), name, now.model.kind().name));
  }
  then.model.choose(name);
  ConfigBinder then_binder, now_binder;
  bind_options(then_binder, then);
  bind_options(now_binder, copy);
  read_config_file(then_binder, written);
  for (size_t i = 0; i < now_binder.fields().size(); ++i) {
    const auto& key = now_binder.fields()[i].key;
    const std::string old_value = then_binder.fields()[i].get(), new_value = now_binder.fields()[i].get();
    if (old_value == new_value || may_change(key)) continue;
    throw ConfigError(
        fmt::format("{}: the run was started with {}={}, now it is {}; resume with the same config or choose another --output-dir",
                    written.string(), key, old_value, new_value));
  }
}

}  // namespace infig
