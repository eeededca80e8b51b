#include "data/public_split.h"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_map>

#include "core/error.h"
#include "core/files.h"
#include "data/data_set.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

using Json = nlohmann::json;

// Takes the elements of the array one by one, so that no tree of the whole file is built. Values nested in a field are read over.
class RowReader : public nlohmann::json_sax<Json> {
 public:
  RowReader(const fs::path& file, int64_t label_count, const std::function<void(PublicRow&&)>& row)
      : file_(file), label_count_(label_count), row_(row) {}

  bool null() override { return value(nullptr); }
  bool boolean(bool given) override { return value(given); }
  bool number_integer(number_integer_t given) override { return value(given); }
  bool number_unsigned(number_unsigned_t given) override { return value(given); }
  bool number_float(number_float_t given, const string_t&) override { return value(given); }
  bool string(string_t& given) override { return value(std::move(given)); }
  bool binary(binary_t&) override { return false; }  // not of JSON
  bool start_object(size_t) override { return open(true); }
  bool start_array(size_t) override { return open(false); }
  bool end_object() override {
    if (depth_-- == 2) finish_row();
    return true;
  }
  bool end_array() override {
    --depth_;
    return true;
  }
  bool key(string_t& name) override {
    if (depth_ == 2) field_ = name == "id" ? &id_ : name == "text" ? &text_ : name == "emotion_label" ? &label_ : nullptr;
    return true;
  }
  bool parse_error(size_t, const std::string&, const Json::exception& error) override {
    throw DataError(fmt::format("{}: no valid JSON ({})", file_.string(), error.what()));
  }

  void finish() const {
    if (elements_ == 0) throw DataError(fmt::format("{}: expected a JSON array of posts", file_.string()));
  }

 private:
  std::string place() const { return fmt::format("{}, element {}", file_.string(), elements_); }

  bool value(Json&& given) {
    if (depth_ == 0) finish();
    if (depth_ == 1) {
      ++elements_;
      finish_row();  // says that its first field is missing
    }
    if (depth_ == 2 && field_ != nullptr) *field_ = std::move(given);
    return true;
  }
  bool open(bool object) {
    if (depth_ == 0 && object) finish();
    if (depth_ == 1) {
      ++elements_;
      id_.reset();
      text_.reset();
      label_.reset();
      field_ = nullptr;
      if (!object) finish_row();
    }
    if (depth_ == 2 && field_ != nullptr) *field_ = object ? Json::object() : Json::array();
    ++depth_;
    return true;
  }

  const Json& field(const char* name, const std::optional<Json>& given) const {
    if (!given) throw DataError(fmt::format("{}: no field \"{}\"; expected an object with id, text and emotion_label", place(), name));
    return *given;
  }
  void finish_row() {
    const Json& id = field("id", id_);
    const Json& text = field("text", text_);
    const Json& label = field("emotion_label", label_);
    if (!id.is_string() && !id.is_number_integer())
      throw DataError(fmt::format("{}: field \"id\" is {}, expected text", place(), id.dump()));
    if (!text.is_string()) throw DataError(fmt::format("{}: field \"text\" is {}, expected text", place(), text.dump()));
    // Numbers without sign first: one above the signed range would wrap round when read as signed.
    const bool in_range = label.is_number_unsigned() ? label.get<uint64_t>() < static_cast<uint64_t>(label_count_) : false;
    if (!in_range) {
      throw DataError(
          fmt::format("{}: field \"emotion_label\" is {}, expected a whole number from 0 to {}", place(), label.dump(), label_count_ - 1));
    }
    PublicRow row{
        .id = id.is_string() ? id.get<std::string>() : id.dump(), .text = text.get<std::string>(), .label_id = label.get<int64_t>()};
    if (const auto fault = id_fault(row.id); !fault.empty()) throw DataError(fmt::format("{}: field \"id\" {}", place(), fault));
    id_.reset();
    text_.reset();
    label_.reset();
    row_(std::move(row));
  }

  const fs::path& file_;
  int64_t label_count_;
  const std::function<void(PublicRow&&)>& row_;
  std::optional<Json> id_, text_, label_;
  std::optional<Json>* field_ = nullptr;
  int64_t depth_ = 0;
  int64_t elements_ = 0;
};

}  // namespace

void for_each_public_row(const fs::path& file, int64_t label_count, const std::function<void(PublicRow&&)>& row) {
  RowReader reader(file, label_count, row);
  Json::sax_parse(read_file(file), &reader);
  reader.finish();
}

std::vector<PublicSplit> read_public_splits(const fs::path& folder, int64_t label_count) {
  static constexpr std::array<const char*, 5> kFiles{"train.json", "dev.json", "valid.json", "val.json", "test.json"};
  if (!fs::is_directory(folder))
    throw DataError(fmt::format("{}: no such folder; --splits names the folder of train.json, dev.json and test.json", folder.string()));
  std::vector<PublicSplit> splits;
  std::unordered_map<std::string, std::string> places;
  for (const char* name : kFiles) {
    const fs::path file = folder / name;
    if (!fs::exists(file)) continue;
    PublicSplit split{.split = parse_split(fs::path(name).stem().string()), .file = file, .rows = {}};
    if (!splits.empty() && splits.back().split == split.split) {
      throw DataError(
          fmt::format("{}: {} is the same split; keep one of the two files", file.string(), splits.back().file.filename().string()));
    }
    for_each_public_row(file, label_count, [&](PublicRow&& row) {
      const std::string place = fmt::format("{}, element {}", file.string(), split.rows.size() + 1);
      const auto [first, fresh] = places.try_emplace(row.id, place);
      if (!fresh)
        throw DataError(fmt::format("{}: id {} is already in {}; every id belongs to one split once", place, row.id, first->second));
      split.rows.push_back(std::move(row));
    });
    splits.push_back(std::move(split));
  }
  if (splits.empty()) {
    throw DataError(fmt::format(
        "{}: holds none of train.json, dev.json, valid.json, test.json{}", folder.string(),
        fs::exists(folder / "train-copy.json") ? "; train-copy.json is not read: MVSA-Multiple's holds posts of dev and test" : ""));
  }
  return splits;
}

}  // namespace infig
