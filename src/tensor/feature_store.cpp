#include "tensor/feature_store.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/disk.h"
#include "core/error.h"

namespace infig {
namespace fs = std::filesystem;
using nlohmann::json;
namespace {

// Checks the disk space for all rows before the first one is written.
void check_room(const fs::path& folder, int64_t rows, int64_t wanted) {
  const int64_t free = free_bytes(folder);
  if (free < 0 || wanted <= free) return;
  throw ResourceError(
      fmt::format("{}: the features of {} posts need {} on this disk, which has {} left; make room, name a folder on another "
                  "disk (data.feature_cache), halve them (data.feature_dtype=fp16) or keep none (data.features=live)",
                  folder.string(), rows, format_bytes(wanted), format_bytes(free)));
}

}  // namespace

FeatureStore::FeatureStore(const fs::path& folder, int64_t rows) : file_(folder, rows) {
  for (const auto& [row, fault] : file_.bad())
    bad_.emplace(row, BadPicture{.id = fault.id, .file = fault.file, .status = fault.status, .reason = fault.reason});
}

bool FeatureStore::usable(int64_t row) const {
  const auto found = bad_.find(row);
  return found == bad_.end() || found->second.truncated();
}

at::Tensor FeatureStore::gather(const std::vector<int64_t>& rows) const {
  std::vector<int64_t> shape = file_.shape();
  shape.insert(shape.begin(), static_cast<int64_t>(rows.size()));
  const at::Tensor features = at::empty(shape, file_.half() ? at::kHalf : at::kFloat);
  file_.read(rows, static_cast<std::byte*>(features.data_ptr()));
  return features.to(at::kFloat);
}

FeatureWriter::FeatureWriter(const fs::path& folder, int64_t rows, bool half) : staging_(folder), rows_(rows), half_(half) {}

void FeatureWriter::append(const at::Tensor& features) {
  const at::Tensor rows = features.to(at::kCPU, half_ ? at::kHalf : at::kFloat).contiguous();
  if (stream_ == nullptr) {
    std::vector<int64_t> shape = rows.sizes().vec();
    shape[0] = rows_;
    check_room(staging_.path().parent_path(), rows_, rows_ * static_cast<int64_t>(rows.nbytes()) / rows.size(0));
    stream_ = std::make_unique<SafetensorsStream>(staging_.path() / kFeatureTensors, kFeatureTensor, half_ ? DType::kF16 : DType::kF32,
                                                  shape, std::map<std::string, std::string>{});
  }
  stream_->append({static_cast<const std::byte*>(rows.data_ptr()), static_cast<size_t>(rows.numel()) * rows.element_size()});
}

void FeatureWriter::commit(const std::map<int64_t, BadPicture>& bad) {
  json list = json::array();
  for (const auto& [row, picture] : bad)
    list.push_back({{"row", row}, {"id", picture.id}, {"file", picture.file}, {"status", picture.status}, {"reason", picture.reason}});
  stream_->commit();
  write_file_atomic(staging_.path() / kFeatureRecord, json{{"bad", list}}.dump(1) + "\n");
  staging_.keep();
}

}  // namespace infig
