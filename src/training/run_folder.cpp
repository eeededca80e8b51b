#include "training/run_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>
#include <vector>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "run/checkpoints.h"
#include "training/run_inputs.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

// Keys that may change when a run continues, since they change no result. (train.patience decides when to stop from here on.)
bool may_change(const std::string& key) {
  static const std::vector<std::string> kFree = {
      "data.workers",           "data.prefetch",          "data.cache_mb",         "data.feature_cache", "train.save_every",
      "train.save_total_limit", "train.save_state_limit", "train.eval_batch_size", "train.report_to",    "train.keep",
      "train.patience"};
  return std::find(kFree.begin(), kFree.end(), key) != kFree.end();
}

std::vector<std::string> digests(const nlohmann::json& hashes) {
  std::vector<std::string> all;
  for (const auto& [file, digest] : hashes.items()) all.push_back(digest.get<std::string>());
  std::sort(all.begin(), all.end());
  return all;
}

// Throws unless the weights of `key`, which are now at `path`, are those that the run started from.
void check_same_weights(const std::string& key, const std::string& before, const fs::path& path, const nlohmann::json& weights) {
  if (!fs::exists(path)) {
    throw ConfigError(
        fmt::format("{}={}: no such folder or file; the run was started with {}: resume with that, which need not be there any "
                    "more, or with the place that it was moved to",
                    key, path.string(), before));
  }
  const nlohmann::json there = weights_hashes(key, path);
  if (digests(there) == digests(weights.at(key))) return;
  throw ConfigError(
      fmt::format("{}={}: holds other weights than the run started from: SHA-256 {}, it was {} ({}); resume with those, or "
                  "choose another --output-dir",
                  key, path.string(), fmt::join(digests(there), ", "), fmt::join(digests(weights.at(key)), ", "), before));
}

void delete_leftovers_in(const GuardedFolder& folder) {
  for (const std::string& name : folder.names()) {
    if (!is_leftover(name)) continue;
    log_info("{}: left by a process that was killed; deleted", (folder.path() / name).string());
    try {
      folder.remove(name);
    } catch (const ResourceError& problem) {  // harmless: the files only take space
      log_warning("{}", problem.what());
    }
  }
}

}  // namespace

bool is_leftover(const std::string& name) {
  if (name.find(".rows.partial") != std::string::npos) return false;  // features that the next start goes on with (feature_store.h)
  return name.find(".partial") != std::string::npos || name.find(".replaced-") != std::string::npos;
}

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
  // The file is not deleted: otherwise two processes could lock two different files of the same name.
  ::close(descriptor_);
}

void RunLock::sign() const {
  std::array<char, 128> host{};
  ::gethostname(host.data(), host.size() - 1);
  const std::string text = fmt::format("process {} on {}", ::getpid(), host.data());
  // The text is only used in an error message, so a failure to write it does not matter.
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

int64_t check_same_config(const fs::path& written, const RunConfig& now, const nlohmann::json& weights) {
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
  const auto paths = weights_paths(now);
  for (size_t i = 0; i < now_binder.fields().size(); ++i) {
    const auto& key = now_binder.fields()[i].key;
    const std::string old_value = then_binder.fields()[i].get(), new_value = now_binder.fields()[i].get();
    const auto path = std::find_if(paths.begin(), paths.end(), [&key](const auto& one) { return one.first == key; });
    const bool hashed = path != paths.end() && weights.is_object() && weights.contains(key);
    // Checkpoints do not contain CLIP's weights, so they are compared even if the path is the same.
    const bool looked_at = hashed && (old_value != new_value || (key == "clip.model" && fs::exists(path->second)));
    if (looked_at) check_same_weights(key, old_value, path->second, weights);
    if (old_value == new_value || looked_at || may_change(key)) continue;
    if (key == "train.epochs" && now.train.epochs > then.train.epochs) continue;
    throw ConfigError(
        fmt::format("{}: the run was started with {}={}, now it is {}; resume with the same config{} or choose another --output-dir",
                    written.string(), key, old_value, new_value, key == "train.epochs" ? ", or more epochs," : ""));
  }
  return then.train.epochs;
}

}  // namespace infig
