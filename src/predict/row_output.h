// Where the rows of a prediction go: a file that is resumed after an interruption, a file that appears as a whole, or a stream.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>

#include "core/files.h"
#include "core/resumable_file.h"

namespace infig {

class RowOutput {
 public:
  // Resumable: what the same `command` wrote before is kept, unless `restart`.
  RowOutput(const std::filesystem::path& target, const nlohmann::json& command, bool restart);
  explicit RowOutput(const std::filesystem::path& target);  // whole or not at all: the input cannot be read a second time
  explicit RowOutput(std::ostream& stream);                 // flushed at every save

  nlohmann::json state() const;  // of the last save; null where there is none, or nothing can be resumed
  std::ostream& stream();
  // Throws ResourceError where something could not be written: the disk is full, the reader of the stream is gone.
  void save(const nlohmann::json& state);
  void commit();

 private:
  void check_stream();
  std::optional<ResumableFile> resumable_;
  std::optional<AtomicFile> whole_;
  std::ostream* stream_ = nullptr;
};

}  // namespace infig
