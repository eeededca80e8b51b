#include "data/parquet/parquet_rows.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/json.h"
#include "data/label_words.h"
#include "data/parquet/parquet_file.h"
#include "data/table_columns.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

// Which leaf of the schema holds what.
struct ParquetLeaves {
  std::map<std::string, size_t> fields;      // id, text, label, split; image where it is a path
  std::optional<size_t> picture;             // bytes of the picture
  std::vector<std::string> labels;           // names of a ClassLabel
  std::map<std::string, std::string> names;  // field -> column
};

bool fits(const std::string& field, ParquetType type) {
  switch (type) {
    case ParquetType::kText:
      return true;
    case ParquetType::kBytes:
      return field == "text" || field == "image";
    case ParquetType::kWhole:
      return field == "id" || field == "label";
    case ParquetType::kReal:
    case ParquetType::kBoolean:
      return field == "label";
    case ParquetType::kOther:
      break;
  }
  return false;
}

// {"info": {"features": {"label": {"names": ["neg", "pos"], "_type": "ClassLabel"}}}}
std::vector<std::string> class_names(const ParquetFile& file, const std::string& column) {
  const auto text = file.metadata("huggingface");
  if (!text) return {};
  const nlohmann::json json = parse_foreign_json(*text);
  const auto inside = [](const nlohmann::json* object, const char* key) -> const nlohmann::json* {
    if (object == nullptr || !object->is_object()) return nullptr;
    const auto found = object->find(key);
    return found == object->end() ? nullptr : &*found;
  };
  const nlohmann::json* names = inside(inside(inside(inside(&json, "info"), "features"), column.c_str()), "names");
  std::vector<std::string> all;
  if (names == nullptr || !names->is_array()) return {};
  for (const auto& name : *names) {
    if (!name.is_string() || name.get<std::string>().empty()) return {};
    all.push_back(name.get<std::string>());
  }
  return std::set(all.begin(), all.end()).size() == all.size() ? all : std::vector<std::string>();
}

class ParquetTable {
 public:
  ParquetTable(const fs::path& path, const TableReading& reading) : path_(path), file_(path) {
    const std::vector<std::string> names = usable_names(reading);
    const ColumnChoice choice = choose_columns(names, reading.columns, /*may_lack=*/false);
    if (!choice.fault.empty()) throw DataError(fmt::format("{}: {}", path.string(), choice.fault));
    if (choice.places.empty()) {
      throw DataError(
          fmt::format("{}: none of the columns id, text, image, label, split; found: {} (--columns text=NAME,image=NAME,label=NAME says "
                      "what others are)",
                      path.string(), fmt::join(file_.names(), ", ")));
    }
    for (const auto& [field, place] : choice.places) take_column(field, names[place]);
    if (leaves_.names.contains("label")) leaves_.labels = class_names(file_, leaves_.names.at("label"));
  }

  const ParquetLeaves& leaves() const { return leaves_; }
  ParquetFile& file() { return file_; }

  // Columns of which no leaf is used, and of what kind they are; plain ones are looked into.
  void note_others(const TableReading& reading) {
    std::set<std::string> used;
    for (const auto& [field, name] : leaves_.names) used.insert(name);
    ColumnLooks looks(table_base(path_));
    std::vector<size_t> columns;
    for (size_t i = 0; i < file_.columns().size(); ++i) {
      const ParquetColumn& column = file_.columns()[i];
      const bool plain =
          column.path.size() == 1 && !column.repeated && column.type != ParquetType::kOther && column.type != ParquetType::kBytes;
      if (!used.contains(column.path.front()) && plain) columns.push_back(i);
      if (!used.contains(column.path.front()) && !plain)
        reading.notes->add(path_, fmt::format("column {} is not used: {}", fmt::join(column.path, "."), column.words));
    }
    std::vector<std::optional<std::string>> values;
    file_.select(columns);
    for (int64_t row = 0; !columns.empty() && row < ColumnLooks::kRows && file_.next(values); ++row) {
      for (size_t i = 0; i < columns.size(); ++i) looks.see(file_.columns()[columns[i]].path.front(), values[i].value_or(""));
    }
    note_columns(path_, leaves_.names, looks, *reading.notes);
  }

 private:
  // A list under one of the other names of a field ("labels") is something else.
  std::vector<std::string> usable_names(const TableReading& reading) const {
    std::vector<std::string> names;
    for (const std::string& name : file_.names()) {
      const bool meant = std::ranges::find(post_fields(), name) != post_fields().end() ||
                         std::ranges::any_of(reading.columns, [&](const auto& asked) { return asked.second == name; });
      const bool list = std::ranges::any_of(file_.columns(), [&](const auto& one) { return one.path.front() == name && one.repeated; });
      if (meant || !list) names.push_back(name);
    }
    return names;
  }

  void take_column(const std::string& field, const std::string& name) {
    leaves_.names[field] = name;
    bool found = false;
    std::string words;
    for (size_t i = 0; i < file_.columns().size(); ++i) {
      const ParquetColumn& column = file_.columns()[i];
      if (column.path.front() != name) continue;
      words += (words.empty() ? "" : ", ") + fmt::format("{} {}", fmt::join(column.path, "."), column.words);
      if (column.repeated) continue;
      const bool member = column.path.size() == 2 && field == "image";
      const bool bytes = (column.path.size() == 1 || (member && column.path[1] == "bytes")) && column.type == ParquetType::kBytes;
      if (field == "image" && bytes) {
        leaves_.picture = i;
        found = true;
      } else if ((column.path.size() == 1 || (member && column.path[1] == "path")) && fits(field, column.type)) {
        leaves_.fields[field] = i;
        found = true;
      }
    }
    if (found) return;
    throw DataError(fmt::format("{}: column \"{}\" is {}, expected {}", path_.string(), name, words,
                                field == "image"   ? "a picture (bytes, or a struct of bytes and path) or a path"
                                : field == "label" ? "one text or whole number a row"
                                                   : "one text a row"));
  }

  fs::path path_;
  ParquetFile file_;
  ParquetLeaves leaves_;
};

// Makes rows of values.
class ParquetRowMaker {
 public:
  ParquetRowMaker(const ParquetLeaves& leaves, std::string split) : leaves_(leaves), split_(std::move(split)) {
    for (const auto& [field, column] : leaves.fields) {
      fields_.push_back(field);
      columns_.push_back(column);
    }
    if (leaves.picture) columns_.push_back(*leaves.picture);
  }
  const std::vector<size_t>& columns() const { return columns_; }
  int64_t without_bytes() const { return without_bytes_; }

  PostRow row(std::vector<std::optional<std::string>>& values) {
    PostRow row;
    if (leaves_.picture) row.picture = std::move(values.back());
    for (size_t i = 0; i < fields_.size(); ++i) {
      if (!values[i]) continue;
      require_utf8(*values[i], fmt::format("field \"{}\"", fields_[i]));
      field_of(row, fields_[i]) = std::move(values[i]);
    }
    if (row.picture && row.picture->empty()) row.picture.reset();
    if (leaves_.picture && !row.picture && row.image && !row.image->empty()) ++without_bytes_;
    if (row.label && !leaves_.labels.empty()) name_label(row);
    if (!row.split && split_.find(' ') != std::string::npos)
      throw RowFault{fmt::format("the file's name holds two splits ({}); rename it, or give a column split", split_)};
    if (!row.split && !split_.empty()) row.split = split_;
    return row;
  }

 private:
  void name_label(PostRow& row) const {
    if (*row.label == "-1") return row.label.reset();  // how `datasets` writes that there is none
    const auto number = whole_number(*row.label);
    if (!number) return;  // names stand there already
    if (*number < 0 || *number >= std::ssize(leaves_.labels))
      throw RowFault{fmt::format("field \"label\" is {}, but the schema names {} classes ({})", *number, leaves_.labels.size(),
                                 fmt::join(leaves_.labels, ", "))};
    row.label = leaves_.labels[static_cast<size_t>(*number)];
  }

  const ParquetLeaves& leaves_;
  std::string split_;
  std::vector<std::string> fields_;
  std::vector<size_t> columns_;
  int64_t without_bytes_ = 0;
};

}  // namespace

void read_parquet(const fs::path& path, const TableReading& reading, const RowTake& take) {
  ParquetTable table(path, reading);
  ParquetRowMaker maker(table.leaves(), split_in_name(path));
  table.file().select(maker.columns());
  std::vector<std::optional<std::string>> values;
  for (int64_t row = 1; table.file().next(values); ++row) take(row, [&] { return maker.row(values); });
  if (reading.notes == nullptr) return;
  if (maker.without_bytes() > 0) {
    reading.notes->add(
        path,
        "pictures that have no bytes here, only a path (to_parquet of datasets leaves those out that it was given by path; map "
        "embed_table_storage over the set before, or name their folder with --images)",
        maker.without_bytes());
  }
  table.note_others(reading);
}

std::set<std::string> parquet_columns(const fs::path& path, const TableReading& reading) {
  const ParquetTable table(path, reading);
  std::set<std::string> fields;
  for (const auto& [field, name] : table.leaves().names) fields.insert(field);
  if (!split_in_name(path).empty()) fields.insert("split");
  return fields;
}

std::vector<std::string> parquet_labels(const fs::path& path, const TableReading& reading) {
  return ParquetTable(path, reading).leaves().labels;
}

}  // namespace infig
