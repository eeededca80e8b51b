// A file that takes long to write and is resumed after an interruption, kill -9 included: OUTPUT.partial grows, OUTPUT.partial.json holds
// the length up to which it is valid, and OUTPUT appears complete at the end.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "core/guarded_folder.h"

namespace infig {

class ResumableFile {
 public:
  // Resumes what an earlier writer of `target` left, provided that `command` (an object of everything the bytes depend on) is the
  // same; `restart` discards it. Throws ConfigError naming the entries that differ, ResourceError where another process writes the
  // same target, for a folder or device, no permission, or where OUTPUT.partial is a link.
  ResumableFile(std::filesystem::path target, nlohmann::json command, bool restart);
  ~ResumableFile();  // without commit(): saved work is kept for the next writer; without saved work all files are removed
  ResumableFile(const ResumableFile&) = delete;
  ResumableFile& operator=(const ResumableFile&) = delete;

  // The state of the last save(); null before the first.
  const nlohmann::json& state() const { return state_; }
  std::ostream& stream() { return *stream_; }
  // Flushes to disk: a later writer resumes after the bytes written so far, with this `state`. Throws ResourceError.
  void save(const nlohmann::json& state);
  // Flushes, renames to the target and removes the note. Throws ResourceError.
  void commit();

 private:
  void take_up();
  void flush();
  std::filesystem::path target_, partial_, note_;
  nlohmann::json command_, state_;
  std::optional<GuardedFolder> folder_;  // that the target lies in
  std::optional<DescriptorStream> stream_;
  int lock_ = -1;
  bool committed_ = false;
};

}  // namespace infig
