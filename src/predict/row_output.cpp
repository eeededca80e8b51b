#include "predict/row_output.h"

#include <fmt/format.h>

#include <utility>

#include "core/error.h"

namespace infig {

RowOutput::RowOutput(const std::filesystem::path& target, const nlohmann::json& command, bool restart, Convert convert)
    : target_(target), convert_(std::move(convert)) {
  resumable_.emplace(lines_of(target), command, restart);
}
RowOutput::RowOutput(const std::filesystem::path& target, Convert convert) : target_(target), convert_(std::move(convert)) {
  whole_.emplace(lines_of(target));
}
RowOutput::RowOutput(std::ostream& stream) : stream_(&stream) {}

nlohmann::json RowOutput::state() const { return resumable_ ? resumable_->state() : nlohmann::json(); }

std::ostream& RowOutput::stream() { return resumable_ ? resumable_->stream() : whole_ ? whole_->stream() : *stream_; }

void RowOutput::save(const nlohmann::json& state) {
  if (resumable_) return resumable_->save(state);
  if (stream_ != nullptr) check_stream();
}

void RowOutput::commit() {
  if (!resumable_ && !whole_) return check_stream();
  resumable_ ? resumable_->commit() : whole_->commit();
  if (!convert_) return;
  try {
    convert_(lines_of(target_), target_);
  } catch (const ResourceError& error) {
    throw ResourceError(fmt::format("{}; all rows are in {}, as JSONL", error.what(), lines_of(target_).string()), error.exit_code());
  }
  std::filesystem::remove(lines_of(target_));
}

std::filesystem::path RowOutput::lines_of(const std::filesystem::path& target) const {
  return convert_ ? std::filesystem::path(target.string() + ".lines") : target;
}

void RowOutput::check_stream() {
  stream_->flush();
  if (!*stream_) throw ResourceError("--output -: writing failed: whoever reads standard output has closed it, or its disk is full");
}

}  // namespace infig
