#include "core/resumable_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <vector>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"

namespace infig {
namespace fs = std::filesystem;
using nlohmann::json;
namespace {

fs::path with_ending(const fs::path& path, const char* ending) { return fs::path(path.string() + ending); }

// "batch_size (32, now 64)" for every entry that is not the same in both.
std::vector<std::string> differences(const json& before, const json& now) {
  std::vector<std::string> found;
  json both = before.is_object() ? before : json::object();
  both.update(now);
  for (const auto& [key, unused] : both.items()) {
    const json left = before.is_object() ? before.value(key, json()) : json(), right = now.value(key, json());
    if (left != right) found.push_back(fmt::format("{} ({}, now {})", key, left.dump(), right.dump()));
  }
  return found;
}

}  // namespace

ResumableFile::ResumableFile(fs::path target, json command, bool restart)
    : target_(std::move(target)),
      partial_(with_ending(target_, ".partial")),
      note_(with_ending(target_, ".partial.json")),
      command_(std::move(command)) {
  std::error_code code;
  const fs::file_status there = fs::status(target_, code);
  if (fs::exists(there) && !fs::is_regular_file(there)) {
    throw ResourceError(
        fmt::format("{}: is a {}, expected the name of a file", target_.string(), fs::is_directory(there) ? "folder" : "device or pipe"));
  }
  // The output may be wanted inside a folder of somebody else: none of the names beside it may lead out of it.
  const fs::path around = target_.has_parent_path() ? target_.parent_path() : fs::path(".");
  if (!fs::is_directory(around, code))
    throw ResourceError(fmt::format("{}: cannot be created: {}", partial_.string(), system_words(ENOENT)));
  folder_.emplace(around);
  lock_ = folder_->open(partial_.filename(), O_RDWR | O_CREAT);
  if (lock_ < 0) throw ResourceError(fmt::format("{}: cannot be created: {}", partial_.string(), system_words(errno)));
  try {
    if (::flock(lock_, LOCK_EX | LOCK_NB) != 0)
      throw ResourceError(fmt::format("{}: another process is writing it; wait for that one or choose another output", target_.string()));
    // Between opening and locking, that other one may have finished: the lock is then on the finished file.
    struct stat locked{}, present{};
    if (::fstat(lock_, &locked) != 0 || ::stat(partial_.c_str(), &present) != 0 || locked.st_ino != present.st_ino)
      throw ResourceError(fmt::format("{}: another process has just written it", target_.string()));
    fs::remove(with_ending(note_, ".next"), code);
    if (restart) fs::remove(note_, code);
    take_up();
  } catch (...) {
    ::close(lock_);
    throw;
  }
}

// Cuts the part back to what its note vouches for, and opens it behind that.
void ResumableFile::take_up() {
  uint64_t kept = 0;
  std::error_code code;
  if (fs::exists(note_, code)) {
    const json note = parse_foreign_json(read_file(note_));
    const bool sound = note.is_object() && note.contains("command") && note.contains("state") && note.contains("bytes") &&
                       note.at("bytes").is_number_unsigned();
    if (!sound) throw DataError(fmt::format("{}: cannot be understood; delete it to start over", note_.string()));
    const auto other = differences(note.at("command"), command_);
    if (!other.empty()) {
      throw ConfigError(
          fmt::format("{}: an interrupted run left {}, but with another {}; give the same command to resume, or --restart to start over",
                      target_.string(), partial_.string(), fmt::join(other, ", ")));
    }
    // A part shorter than recorded: the process ended between renaming the file and removing the record. Start over.
    if (fs::file_size(partial_, code) >= note.at("bytes").get<uint64_t>() && !code) {
      kept = note.at("bytes").get<uint64_t>();
      state_ = note.at("state");
    } else {
      fs::remove(note_, code);
    }
  }
  if (::ftruncate(lock_, static_cast<off_t>(kept)) != 0)
    throw ResourceError(fmt::format("{}: cannot be cut to {} bytes: {}", partial_.string(), kept, system_words(errno)));
  const int descriptor = folder_->open(partial_.filename(), O_WRONLY | O_APPEND);
  if (descriptor < 0) throw ResourceError(fmt::format("{}: cannot be opened for writing: {}", partial_.string(), system_words(errno)));
  stream_.emplace(descriptor);
}

ResumableFile::~ResumableFile() {
  stream_.reset();
  std::error_code ignored;
  if (!committed_ && !fs::exists(note_, ignored)) fs::remove(partial_, ignored);
  ::close(lock_);  // frees the lock, last of all
}

void ResumableFile::flush() {
  errno = 0;
  stream_->flush();
  if (!stream_->good()) {
    throw ResourceError(
        fmt::format("{}: writing failed: {}; free some space, then give the same command again: it resumes from the last save",
                    partial_.string(), errno != 0 ? system_words(errno) : "the device took no more bytes"));
  }
  if (::fsync(lock_) != 0 && errno != EINVAL)
    throw ResourceError(fmt::format("{}: cannot be flushed: {}", partial_.string(), system_words(errno)));
}

void ResumableFile::save(const json& state) {
  flush();
  const json note = {{"bytes", fs::file_size(partial_)}, {"command", command_}, {"state", state}};
  // The lock keeps other writers away, so the new note has a fixed name, which the next writer finds and removes after a kill.
  const std::string next = note_.filename().string() + ".next";
  const int descriptor = folder_->open(next, O_WRONLY | O_CREAT | O_TRUNC);
  if (descriptor < 0) throw ResourceError(fmt::format("{}: cannot be written: {}", note_.string(), system_words(errno)));
  DescriptorStream out(descriptor);
  errno = 0;
  out << note.dump(1) << "\n" << std::flush;
  int reason = out.good() ? 0 : errno;
  const bool written = out.good() && (::fsync(descriptor) == 0 || errno == EINVAL);
  if (!written && reason == 0) reason = errno;
  if (!out.close() || !written) {
    folder_->remove(next);
    throw ResourceError(
        fmt::format("{}: writing failed: {}", note_.string(), reason != 0 ? system_words(reason) : "the device took no more bytes"));
  }
  folder_->rename(next, note_.filename().string());
  state_ = state;
}

void ResumableFile::commit() {
  flush();
  std::error_code code;
  fs::rename(partial_, target_, code);
  if (code) throw ResourceError(fmt::format("{}: cannot be put in place: {}", target_.string(), code.message()));
  committed_ = true;
  fs::remove(note_, code);
}

}  // namespace infig
