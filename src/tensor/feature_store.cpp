#include "tensor/feature_store.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "core/disk.h"
#include "core/error.h"
#include "core/json_fields.h"

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

json record_of(const std::map<int64_t, BadPicture>& bad) {
  json list = json::array();
  for (const auto& [row, picture] : bad)
    list.push_back({{"row", row}, {"id", picture.id}, {"file", picture.file}, {"status", picture.status}, {"reason", picture.reason}});
  return {{"bad", list}};
}

}  // namespace

FeatureStore::FeatureStore(const fs::path& folder, int64_t rows) : file_(folder, rows), count_(rows) {
  for (const auto& [row, fault] : file_.bad())
    bad_.emplace(row, BadPicture{.id = fault.id, .file = fault.file, .status = fault.status, .reason = fault.reason});
}

bool FeatureStore::usable(int64_t row) const {
  const auto found = bad_.find(row);
  return found == bad_.end() || found->second.truncated();
}

std::shared_ptr<const FeatureStore> FeatureStore::of_rows(const std::vector<int64_t>& rows) const {
  auto part = std::make_shared<FeatureStore>(*this);
  part->count_ = static_cast<int64_t>(rows.size());
  part->chosen_.emplace();
  part->bad_.clear();
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] < 0 || rows[i] >= count_) throw ShapeError(fmt::format("features: row {} of {}", rows[i], count_));
    part->chosen_->push_back(chosen_ ? (*chosen_)[static_cast<size_t>(rows[i])] : rows[i]);
    if (const auto bad = bad_.find(rows[i]); bad != bad_.end()) part->bad_.emplace(static_cast<int64_t>(i), bad->second);
  }
  return part;
}

at::Tensor FeatureStore::gather(const std::vector<int64_t>& wanted) const {
  std::vector<int64_t> rows = wanted;
  if (chosen_) {
    for (int64_t& row : rows) row = chosen_->at(static_cast<size_t>(row));
  }
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
  stream_->commit();
  write_file_atomic(staging_.path() / kFeatureRecord, record_of(bad).dump(1) + "\n");
  staging_.keep();
}

ResumedFeatureWriter::ResumedFeatureWriter(const fs::path& folder, int64_t rows, const std::vector<int64_t>& shape, bool half)
    : folder_(folder), rows_(rows), shape_(shape), half_(half), saved_(std::chrono::steady_clock::now()) {
  const fs::path file = folder.string() + ".rows";
  std::vector<int64_t> all = shape;
  all.insert(all.begin(), rows);
  uint64_t bytes = 0;
  const std::string beginning = safetensors_beginning(file, kFeatureTensor, half ? DType::kF16 : DType::kF32, all, {}, bytes);
  file_ = std::make_unique<ResumableFile>(file, json{{"rows", rows}, {"shape", shape}, {"half", half}}, false);
  const json& state = file_->state();
  if (state.is_null()) {
    check_room(folder.parent_path(), rows, static_cast<int64_t>(bytes));
    file_->stream() << beginning;
    return;
  }
  const std::string where = file.string() + ".partial.json";
  const JsonFields fields(state, where);
  done_ = fields.integer("done");
  if (done_ < 0 || done_ > rows) fields.refuse("done", fmt::format("a number from 0 to {}", rows));
  for (const json& entry : fields.list("bad")) {
    const JsonFields one(entry, where);
    bad_[one.integer("row")] = {.id = one.text("id"), .file = one.text("file"), .status = one.text("status"), .reason = one.text("reason")};
  }
}

void ResumedFeatureWriter::append(const at::Tensor& features, const std::map<int64_t, BadPicture>& bad) {
  const at::Tensor rows = features.to(at::kCPU, half_ ? at::kHalf : at::kFloat).contiguous();
  if (rows.sizes().slice(1) != at::IntArrayRef(shape_) || done_ + rows.size(0) > rows_)
    throw ShapeError(fmt::format("{}: rows of [{}] do not fit behind {} of {} rows of [{}]", folder_.string(),
                                 fmt::join(rows.sizes().slice(1), ", "), done_, rows_, fmt::join(shape_, ", ")));
  file_->stream().write(static_cast<const char*>(rows.const_data_ptr()), static_cast<std::streamsize>(rows.nbytes()));
  done_ += rows.size(0);
  bad_.insert(bad.begin(), bad.end());
  constexpr std::chrono::seconds kBetweenSaves{30};
  if (std::chrono::steady_clock::now() - saved_ >= kBetweenSaves) save();
}

void ResumedFeatureWriter::save() {
  json state = record_of(bad_);
  state["done"] = done_;
  file_->save(state);
  saved_ = std::chrono::steady_clock::now();
}

void ResumedFeatureWriter::commit() {
  if (done_ != rows_) throw ShapeError(fmt::format("{}: {} of {} rows are there", folder_.string(), done_, rows_));
  const fs::path file = folder_.string() + ".rows";
  StagingFolder staging(folder_);
  file_->commit();
  file_.reset();
  fs::rename(file, staging.path() / kFeatureTensors);
  write_file_atomic(staging.path() / kFeatureRecord, record_of(bad_).dump(1) + "\n");
  staging.keep();
}

}  // namespace infig
