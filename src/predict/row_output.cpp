#include "predict/row_output.h"

#include "core/error.h"

namespace infig {

RowOutput::RowOutput(const std::filesystem::path& target, const nlohmann::json& command, bool restart) {
  resumable_.emplace(target, command, restart);
}
RowOutput::RowOutput(const std::filesystem::path& target) { whole_.emplace(target); }
RowOutput::RowOutput(std::ostream& stream) : stream_(&stream) {}

nlohmann::json RowOutput::state() const { return resumable_ ? resumable_->state() : nlohmann::json(); }

std::ostream& RowOutput::stream() { return resumable_ ? resumable_->stream() : whole_ ? whole_->stream() : *stream_; }

void RowOutput::save(const nlohmann::json& state) {
  if (resumable_) return resumable_->save(state);
  if (stream_ != nullptr) check_stream();
}

void RowOutput::commit() {
  if (resumable_) return resumable_->commit();
  if (whole_) return whole_->commit();
  check_stream();
}

void RowOutput::check_stream() {
  stream_->flush();
  if (!*stream_) throw ResourceError("--output -: writing failed: whoever reads standard output has closed it, or its disk is full");
}

}  // namespace infig
