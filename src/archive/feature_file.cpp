#include "archive/feature_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/json_fields.h"

namespace infig {
namespace {

std::map<int64_t, FeatureFault> read_faults(const std::filesystem::path& path, int64_t rows) {
  std::map<int64_t, FeatureFault> faults;
  try {
    const JsonFields record = JsonFields::of_file(path);
    int64_t entry = 0;
    for (const auto& item : record.list("bad")) {
      const JsonFields fields(item, fmt::format("{}: entry {} of bad", path.string(), entry++));
      const int64_t row = fields.integer("row");
      if (row < 0 || row >= rows) fields.refuse("row", fmt::format("0 to {}", rows - 1));
      faults[row] = {
          .id = fields.text("id"), .file = fields.text("file"), .status = fields.text("status"), .reason = fields.text("reason")};
    }
  } catch (const CheckpointError& problem) {
    throw CheckpointError(fmt::format("{}; remove the folder", problem.what()));
  }
  return faults;
}

}  // namespace

FeatureFile::FeatureFile(const std::filesystem::path& folder, int64_t rows) : where_((folder / kFeatureTensors).string()), rows_(rows) {
  std::string fault;
  file_ = open_span(FileSpan(folder / kFeatureTensors), fault);
  if (file_ == nullptr) throw CheckpointError(fmt::format("{}: {}; remove the folder", where_, fault));
  const int64_t size = file_->size();
  std::vector<std::byte> front(8);
  file_->read(0, 8, front.data());
  const uint64_t length = safetensors_front(front, static_cast<uint64_t>(size), where_);
  front.resize(length);
  if (file_->read(0, static_cast<int64_t>(length), front.data()) != static_cast<int64_t>(length))
    throw CheckpointError(fmt::format("{}: its front cannot be read; remove the folder", where_));
  const auto places = locate_safetensors(front, static_cast<uint64_t>(size), where_, nullptr);
  const auto found = places.find(kFeatureTensor);
  if (found == places.end()) throw CheckpointError(fmt::format("{}: holds no tensor '{}'; remove the folder", where_, kFeatureTensor));
  const TensorPlace& place = found->second;
  half_ = place.dtype == DType::kF16;
  if (place.shape.size() < 2 || place.shape[0] != rows || (!half_ && place.dtype != DType::kF32)) {
    throw CheckpointError(fmt::format("{}: '{}' is [{}] {}, expected [{}, ...] F16 or F32; remove the folder", where_, kFeatureTensor,
                                      fmt::join(place.shape, ", "), dtype_name(place.dtype), rows));
  }
  shape_.assign(place.shape.begin() + 1, place.shape.end());
  begin_ = place.begin;
  row_bytes_ = rows > 0 ? static_cast<size_t>(place.end - place.begin) / static_cast<size_t>(rows) : 0;
  bad_ = read_faults(folder / kFeatureRecord, rows);
}

void FeatureFile::read(std::span<const int64_t> rows, std::byte* to) const {
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] < 0 || rows[i] >= rows_) throw ShapeError(fmt::format("{}: row {} of {}", where_, rows[i], rows_));
    const auto wanted = static_cast<int64_t>(row_bytes_);
    const int64_t got = file_->read(static_cast<int64_t>(begin_) + rows[i] * wanted, wanted, to + i * row_bytes_);
    if (got == wanted) continue;
    throw CheckpointError(
        fmt::format("{}: row {}: {} of {} bytes can be read; the file was cut off, or the disk fails: remove the folder, "
                    "and the features are computed anew",
                    where_, rows[i], std::max<int64_t>(got, 0), wanted));
  }
}

}  // namespace infig
