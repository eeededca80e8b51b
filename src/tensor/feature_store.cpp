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
constexpr const char* kTensor = "features";
constexpr const char* kRecord = "features.json";

}  // namespace

bool BadPicture::truncated() const { return status == image_status_name(ImageStatus::kTruncated); }

FeatureStore::FeatureStore(const fs::path& folder, int64_t rows) : file_(folder / kFeatures) {
  const auto found = file_.tensors().find(kTensor);
  const std::string where = (folder / kFeatures).string();
  if (found == file_.tensors().end()) throw CheckpointError(fmt::format("{}: holds no tensor '{}'; remove the folder", where, kTensor));
  const TensorView& view = found->second;
  half_ = view.dtype == DType::kF16;
  if (view.shape.size() < 2 || view.shape[0] != rows || (!half_ && view.dtype != DType::kF32)) {
    throw CheckpointError(fmt::format("{}: '{}' is [{}] {}, expected [{}, ...] F16 or F32; remove the folder", where, kTensor,
                                      fmt::join(view.shape, ", "), dtype_name(view.dtype), rows));
  }
  shape_.assign(view.shape.begin() + 1, view.shape.end());
  try {
    const json record = json::parse(read_file(folder / kRecord));
    for (const auto& item : record.at("bad")) {
      const BadPicture picture{.id = item.at("id"), .file = item.at("file"), .status = item.at("status"), .reason = item.at("reason")};
      bad_.emplace(item.at("row").get<int64_t>(), picture);
    }
  } catch (const json::exception& problem) {
    throw CheckpointError(fmt::format("{}: broken: {}; remove the folder", (folder / kRecord).string(), problem.what()));
  }
}

bool FeatureStore::usable(int64_t row) const {
  const auto found = bad_.find(row);
  return found == bad_.end() || found->second.truncated();
}

at::Tensor FeatureStore::gather(const std::vector<int64_t>& rows) const {
  std::vector<int64_t> shape = shape_;
  shape.insert(shape.begin(), static_cast<int64_t>(rows.size()));
  const at::Tensor features = at::empty(shape, half_ ? at::kHalf : at::kFloat);
  const size_t bytes = static_cast<size_t>(c10::multiply_integers(shape_)) * features.element_size();
  const std::span<const std::byte> data = file_.tensors().at(kTensor).data;
  for (size_t i = 0; i < rows.size(); ++i)
    std::memcpy(static_cast<std::byte*>(features.data_ptr()) + i * bytes, data.data() + static_cast<size_t>(rows[i]) * bytes, bytes);
  return features.to(at::kFloat);
}

FeatureWriter::FeatureWriter(const fs::path& folder, int64_t rows, bool half) : staging_(folder), rows_(rows), half_(half) {}

void FeatureWriter::append(const at::Tensor& features) {
  const at::Tensor rows = features.to(at::kCPU, half_ ? at::kHalf : at::kFloat).contiguous();
  if (stream_ == nullptr) {
    std::vector<int64_t> shape = rows.sizes().vec();
    shape[0] = rows_;
    stream_ = std::make_unique<SafetensorsStream>(staging_.path() / kFeatures, kTensor, half_ ? DType::kF16 : DType::kF32, shape,
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
