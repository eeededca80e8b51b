// The destination of predicted rows: a file that can be resumed, a file that appears only when complete, or a stream; or a file of another
// format, which is made of the rows once all of them are there.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>

#include "core/files.h"
#include "core/resumable_file.h"

namespace infig {

class RowOutput {
 public:
  // Makes `target` out of the file `lines`, atomically.
  using Convert = std::function<void(const std::filesystem::path& lines, const std::filesystem::path& target)>;

  // A resumable file: keeps what the same `command` wrote before, unless `restart` is set. With `convert` the rows go to TARGET.lines (and
  // its .partial).
  RowOutput(const std::filesystem::path& target, const nlohmann::json& command, bool restart, Convert convert = nullptr);
  explicit RowOutput(const std::filesystem::path& target,
                     Convert convert = nullptr);  // atomic, for input that cannot be read a second time
  explicit RowOutput(std::ostream& stream);       // flushed at every save

  nlohmann::json state() const;  // of the last save; null if there is none or the output cannot be resumed
  std::ostream& stream();
  // Throws ResourceError if writing failed: the disk is full, or the reader of the stream has closed it.
  void save(const nlohmann::json& state);
  void commit();

 private:
  void check_stream();
  std::filesystem::path lines_of(const std::filesystem::path& target) const;
  std::optional<ResumableFile> resumable_;
  std::optional<AtomicFile> whole_;
  std::ostream* stream_ = nullptr;
  std::filesystem::path target_;
  Convert convert_;
};

}  // namespace infig
