#include "prepare/work_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <vector>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "core/log.h"

namespace infig {
namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
namespace {

constexpr const char* kProgressFile = "progress.json";

fs::path work_path(const fs::path& out) { return out.string() + ".unfinished"; }

// progress.json, or null if it is absent or unreadable.
Json read_progress(const fs::path& folder) {
  std::error_code code;
  if (!fs::is_regular_file(folder / kProgressFile, code)) return nullptr;
  const Json found = Json::parse(read_file(folder / kProgressFile), nullptr, /*allow_exceptions=*/false);
  const bool ours = found.is_object() && found.contains("request") && found.contains("progress") && found["progress"].is_object();
  return ours ? found : Json(nullptr);
}

std::string differences(const Json& before, const Json& now) {
  std::vector<std::string> names;
  for (const auto& [name, value] : now.items()) {
    if (!before.is_object() || !before.contains(name) || before[name] != value) names.push_back(name);
  }
  return names.empty() ? "version" : fmt::format("{}", fmt::join(names, ", "));
}

void remove_whole(const fs::path& path) {
  std::error_code code;
  fs::remove_all(path, code);
  if (code) throw ResourceError(fmt::format("{}: cannot be deleted: {}", path.string(), code.message()));
}

void rename_folder(const fs::path& from, const fs::path& to) {
  std::error_code code;
  fs::rename(from, to, code);
  if (code) throw ResourceError(fmt::format("{}: cannot be moved to {}: {}", from.string(), to.string(), code.message()));
}

}  // namespace

WorkFolder::WorkFolder(const fs::path& out, const Json& request) : out_(out), path_(work_path(out)), request_(request) {
  std::error_code code;
  const bool there = fs::exists(fs::symlink_status(path_, code));
  if (there && !fs::is_directory(path_))
    throw DataError(fmt::format("{}: is in the way; move it, or choose another --out", path_.string()));
  make_folder(path_);
  lock();
  const Json found = read_progress(path_);
  if (found.is_object() && found["request"] == request_) {
    progress_ = found["progress"];
    make_folder(data());
    return;
  }
  if (found.is_null() && !fs::is_empty(path_)) {
    ::close(descriptor_);
    throw DataError(fmt::format("{}: holds no {} of this program; move it away, or choose another --out", path_.string(), kProgressFile));
  }
  try {
    if (found.is_object()) {
      log_warning("{}: holds unfinished work of another request (other: {}); starting over", path_.string(),
                  differences(found["request"], request_));
    }
    clear();
    save(progress_);
    make_folder(data());
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
}

WorkFolder::~WorkFolder() {
  try {
    if (!left_ && !gone_) remove();
  } catch (const Error& error) {
    log_warning("{}", error.what());
  }
  if (descriptor_ >= 0) ::close(descriptor_);
}

void WorkFolder::lock() {
  descriptor_ = ::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor_ < 0) throw ResourceError(fmt::format("{}: cannot be opened: {}", path_.string(), system_words(errno)));
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;  // file systems without locks go without
  ::close(descriptor_);
  throw DataError(fmt::format("{}: another infig prepare is at work there; wait for it, or choose another --out", path_.string()));
}

// Everything but progress.json goes first: what is left of a killed clear() is still known as this program's.
void WorkFolder::clear() {
  for (const char* name : {"old", "raw", "scratch", "data"}) remove_whole(path_ / name);
  for (const auto& entry : fs::directory_iterator(path_)) {
    if (entry.path().filename() != kProgressFile) remove_whole(entry.path());
  }
}

void WorkFolder::remove() {
  clear();
  remove_whole(path_);
  gone_ = true;
}

void WorkFolder::save(const Json& progress) {
  progress_ = progress;
  write_file_atomic(path_ / kProgressFile, Json{{"request", request_}, {"progress", progress_}}.dump(1) + '\n');
}

void WorkFolder::start_anew() {
  remove_whole(data());
  Json kept = Json::object();
  if (progress_.contains("unpacked")) kept["unpacked"] = progress_["unpacked"];
  save(kept);
  make_folder(data());
}

bool WorkFolder::placed() const {
  return progress_.value("finished", false) && !fs::exists(data() / "dataset.json") && fs::exists(out_ / "dataset.json");
}

// Hard links are raw files, which lay there before. Of thousands of copies the whole file system is flushed at once instead.
void WorkFolder::flush() const {
  constexpr int64_t kFew = 2000;
  int64_t files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(data())) {
    if (entry.is_symlink() || (entry.is_regular_file() && entry.hard_link_count() > 1)) continue;
    if (++files > kFew) break;
    sync_path(entry.path());
  }
  if (files > kFew && ::syncfs(descriptor_) != 0)
    throw ResourceError(fmt::format("{}: cannot be flushed: {}", path_.string(), system_words(errno)));
}

void WorkFolder::place() {
  if (!placed()) {
    flush();
    Json finished = progress_;
    finished["finished"] = true;
    save(finished);
    const bool replaces = fs::exists(out_) && !fs::is_empty(out_);
    if (replaces) rename_folder(out_, path_ / "old");
    try {
      rename_folder(data(), out_);
    } catch (const ResourceError&) {
      if (replaces) rename_folder(path_ / "old", out_);
      throw;
    }
    sync_path(out_.parent_path());
  }
  remove();
}

bool was_placed(const fs::path& out, const Json& request) {
  const fs::path folder = work_path(out);
  const Json found = read_progress(folder);
  return found.is_object() && found["request"] == request && found["progress"].value("finished", false) &&
         !fs::exists(folder / "data" / "dataset.json") && fs::exists(out / "dataset.json");
}

}  // namespace infig
