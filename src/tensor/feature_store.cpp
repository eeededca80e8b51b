#include "tensor/feature_store.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "image/decode.h"

namespace infig {
namespace fs = std::filesystem;
using nlohmann::json;
namespace {

constexpr const char* kFeatures = "features.safetensors";
constexpr const char* kRecord = "features.json";

}  // namespace

FeatureStore::FeatureStore(const fs::path& folder, int64_t rows) : file_(folder / kFeatures) {
  const auto found = file_.tensors().find("grid");
  const std::string where = (folder / kFeatures).string();
  if (found == file_.tensors().end()) throw CheckpointError(fmt::format("{}: holds no tensor 'grid'; remove the folder", where));
  const TensorView& grid = found->second;
  half_ = grid.dtype == DType::kF16;
  if (grid.shape.size() != 4 || grid.shape[0] != rows || (!half_ && grid.dtype != DType::kF32)) {
    throw CheckpointError(fmt::format("{}: 'grid' is [{}] {}, expected [{}, h, w, c] F16 or F32; remove the folder", where,
                                      fmt::join(grid.shape, ", "), dtype_name(grid.dtype), rows));
  }
  height_ = grid.shape[1];
  width_ = grid.shape[2];
  channels_ = grid.shape[3];
  try {
    const json record = json::parse(read_file(folder / kRecord));
    for (const auto& item : record.at("bad")) {
      const BadPicture picture{.id = item.at("id"), .file = item.at("file"), .status = item.at("status"), .reason = item.at("reason")};
      const int64_t row = item.at("row");
      bad_.emplace(row, picture);
      if (picture.status != image_status_name(ImageStatus::kTruncated)) unusable_.emplace(row, picture);
    }
  } catch (const json::exception& problem) {
    throw CheckpointError(fmt::format("{}: broken: {}; remove the folder", (folder / kRecord).string(), problem.what()));
  }
}

at::Tensor FeatureStore::gather(const std::vector<int64_t>& rows) const {
  const auto count = static_cast<int64_t>(rows.size());
  const at::Tensor grid = at::empty({count, height_, width_, channels_}, half_ ? at::kHalf : at::kFloat);
  const auto bytes = static_cast<size_t>(height_ * width_ * channels_) * grid.element_size();
  const std::span<const std::byte> data = file_.tensors().at("grid").data;
  for (size_t i = 0; i < rows.size(); ++i)
    std::memcpy(static_cast<std::byte*>(grid.data_ptr()) + i * bytes, data.data() + static_cast<size_t>(rows[i]) * bytes, bytes);
  return grid.to(at::kFloat).permute({0, 3, 1, 2});
}

FeatureWriter::FeatureWriter(const fs::path& folder, int64_t rows, bool half) : staging_(folder), rows_(rows), half_(half) {}

void FeatureWriter::append(const at::Tensor& grid) {
  const at::Tensor rows = grid.permute({0, 2, 3, 1}).to(half_ ? at::kHalf : at::kFloat).contiguous();
  if (stream_ == nullptr) {
    stream_ = std::make_unique<SafetensorsStream>(staging_.path() / kFeatures, "grid", half_ ? DType::kF16 : DType::kF32,
                                                  std::vector<int64_t>{rows_, rows.size(1), rows.size(2), rows.size(3)},
                                                  std::map<std::string, std::string>{});
  }
  stream_->append({static_cast<const std::byte*>(rows.data_ptr()), static_cast<size_t>(rows.numel()) * rows.element_size()});
}

void FeatureWriter::commit(const std::map<int64_t, BadPicture>& bad) {
  json list = json::array();
  for (const auto& [row, picture] : bad)
    list.push_back({{"row", row}, {"id", picture.id}, {"file", picture.file}, {"status", picture.status}, {"reason", picture.reason}});
  stream_->commit();
  write_file_atomic(staging_.path() / kRecord, json{{"bad", list}}.dump(1) + "\n");
  staging_.keep();
}

}  // namespace infig
