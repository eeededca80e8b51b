#include "data/parquet/parquet_file.h"

#include <arrow/io/file.h>
#include <arrow/memory_pool.h>
#include <arrow/util/key_value_metadata.h>
#include <fmt/format.h>
#include <parquet/column_reader.h>
#include <parquet/exception.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>

#include <algorithm>
#include <cmath>
#include <system_error>
#include <utility>

#include "core/error.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

constexpr int64_t kRowsForByte = 64;
constexpr int64_t kLeastMemory = int64_t{64} << 20, kMostMemory = int64_t{4} << 30, kMemoryForByte = 100;

ParquetType type_of(const parquet::ColumnDescriptor& column) {
  const auto& logical = column.logical_type();
  const bool plain = logical == nullptr || logical->is_none() || !logical->is_valid();
  const bool words = !plain && (logical->is_string() || logical->is_enum() || logical->is_JSON());
  switch (column.physical_type()) {
    case parquet::Type::BYTE_ARRAY:
      return words ? ParquetType::kText : plain ? ParquetType::kBytes : ParquetType::kOther;
    case parquet::Type::INT32:
    case parquet::Type::INT64:
      return plain || logical->is_int() ? ParquetType::kWhole : ParquetType::kOther;
    case parquet::Type::FLOAT:
    case parquet::Type::DOUBLE:
      return ParquetType::kReal;
    case parquet::Type::BOOLEAN:
      return ParquetType::kBoolean;
    default:
      return ParquetType::kOther;
  }
}

std::string words_of(const parquet::ColumnDescriptor& column) {
  const auto& logical = column.logical_type();
  std::string words = parquet::TypeToString(column.physical_type());
  if (logical != nullptr && !logical->is_none()) words += " " + logical->ToString();
  return column.max_repetition_level() > 0 ? "a list of " + words : words;
}

std::string text_of(const parquet::ByteArray& value) { return {reinterpret_cast<const char*>(value.ptr), value.len}; }
std::string text_of(int32_t value) { return std::to_string(value); }
std::string text_of(int64_t value) { return std::to_string(value); }
std::string text_of(bool value) { return value ? "true" : "false"; }
std::string text_of(double value) {
  return std::trunc(value) == value && std::abs(value) < 1e15 ? fmt::format("{:.1f}", value) : fmt::format("{}", value);
}
std::string text_of(float value) { return text_of(static_cast<double>(value)); }

// One column of one row group, value by value.
class ColumnValues {
 public:
  explicit ColumnValues(std::shared_ptr<parquet::ColumnReader> reader) : reader_(std::move(reader)) {}

  // False where the column ends.
  bool next(std::optional<std::string>& value) {
    switch (reader_->type()) {
      case parquet::Type::BYTE_ARRAY:
        return read<parquet::ByteArrayType>(value);
      case parquet::Type::INT32:
        return read<parquet::Int32Type>(value);
      case parquet::Type::INT64:
        return read<parquet::Int64Type>(value);
      case parquet::Type::FLOAT:
        return read<parquet::FloatType>(value);
      case parquet::Type::DOUBLE:
        return read<parquet::DoubleType>(value);
      case parquet::Type::BOOLEAN:
        return read<parquet::BooleanType>(value);
      default:
        return false;
    }
  }

 private:
  template <typename Type>
  bool read(std::optional<std::string>& value) {
    value.reset();
    if (!reader_->HasNext()) return false;
    auto& typed = static_cast<parquet::TypedColumnReader<Type>&>(*reader_);
    typename Type::c_type found{};
    int16_t level = 0;
    int64_t count = 0;
    if (typed.ReadBatch(1, &level, nullptr, &found, &count) != 1) return false;
    if (count == 1) value = text_of(found);
    return true;
  }
  std::shared_ptr<parquet::ColumnReader> reader_;
};

}  // namespace

struct ParquetFile::Parts {
  fs::path path;
  std::unique_ptr<arrow::CappedMemoryPool> pool;
  std::unique_ptr<parquet::ParquetFileReader> reader;
  std::vector<ParquetColumn> columns;
  std::vector<size_t> selected;
  std::vector<ColumnValues> values;  // of the present row group
  int group = -1;
  int64_t left = 0;  // rows of it

  // What Arrow throws, as an error of the project's own.
  template <typename Work>
  auto guarded(const std::string& where, Work&& work) {
    try {
      return work();
    } catch (const std::bad_alloc&) {
      throw;
    } catch (const Error&) {
      throw;
    } catch (const std::exception& error) {
      throw DataError(fmt::format("{}{}: cannot be read as Parquet: {}; it was cut off, or is none: copy it again", path.string(), where,
                                  error.what()));
    }
  }
  std::string group_words() const { return fmt::format(", row group {}", group); }

  void open() {
    std::error_code code;
    const auto size = static_cast<int64_t>(fs::file_size(path, code));
    if (code) throw DataError(fmt::format("{}: cannot be read: {}", path.string(), code.message()));
    pool = std::make_unique<arrow::CappedMemoryPool>(
        arrow::system_memory_pool(), std::min(kMostMemory, kLeastMemory + kMemoryForByte * std::min(size, kMostMemory / kMemoryForByte)));
    parquet::ReaderProperties properties(pool.get());
    properties.enable_buffered_stream();  // a page at a time, not a column of a whole row group
    properties.set_buffer_size(int64_t{1} << 18);
    auto file = arrow::io::ReadableFile::Open(path.string(), pool.get());
    if (!file.ok()) throw DataError(fmt::format("{}: cannot be opened: {}", path.string(), file.status().message()));
    reader = parquet::ParquetFileReader::Open(*file, properties);
    const auto& metadata = *reader->metadata();
    if (metadata.num_rows() < 0 || metadata.num_rows() / kRowsForByte > size)
      throw DataError(
          fmt::format("{}: its footer promises {} rows, the file has {} bytes: it was cut off, or its footer is broken; copy it again",
                      path.string(), metadata.num_rows(), size));
    const parquet::SchemaDescriptor& schema = *metadata.schema();
    for (int i = 0; i < schema.num_columns(); ++i) {
      const parquet::ColumnDescriptor& column = *schema.Column(i);
      columns.push_back({.path = column.path()->ToDotVector(),
                         .type = type_of(column),
                         .repeated = column.max_repetition_level() > 0,
                         .words = words_of(column)});
    }
  }

  // False behind the last row group.
  bool begin_group() {
    if (group + 1 >= reader->metadata()->num_row_groups()) return false;
    ++group;
    return guarded(group_words(), [&] {
      const auto rows = reader->RowGroup(group);
      left = rows->metadata()->num_rows();
      values.clear();
      for (const size_t column : selected) {
        const int64_t promised = rows->metadata()->ColumnChunk(static_cast<int>(column))->num_values();
        if (left < 0 || promised != left)
          throw DataError(fmt::format("{}{}: promises {} rows, and {} values of column \"{}\"; its footer is broken", path.string(),
                                      group_words(), left, promised, columns[column].path.front()));
        values.emplace_back(rows->Column(static_cast<int>(column)));
      }
      return true;
    });
  }
};

bool parquet_is_built_in() { return true; }
void require_parquet(const std::string&) {}

ParquetFile::ParquetFile(const fs::path& path) : parts_(std::make_unique<Parts>()) {
  parts_->path = path;
  parts_->guarded("", [this] { parts_->open(); });
}
ParquetFile::~ParquetFile() = default;

const std::vector<ParquetColumn>& ParquetFile::columns() const { return parts_->columns; }

std::vector<std::string> ParquetFile::names() const {
  std::vector<std::string> names;
  const auto& root = *parts_->reader->metadata()->schema()->group_node();
  for (int i = 0; i < root.field_count(); ++i) names.push_back(root.field(i)->name());
  return names;
}

int64_t ParquetFile::rows() const { return parts_->reader->metadata()->num_rows(); }

std::optional<std::string> ParquetFile::metadata(const std::string& key) const {
  const auto& pairs = parts_->reader->metadata()->key_value_metadata();
  if (pairs == nullptr) return std::nullopt;
  const int place = pairs->FindKey(key);
  return place < 0 ? std::nullopt : std::optional(pairs->value(place));
}

void ParquetFile::select(const std::vector<size_t>& columns) {
  parts_->selected = columns;
  parts_->group = -1;
  parts_->left = 0;
}

bool ParquetFile::next(std::vector<std::optional<std::string>>& values) {
  Parts& parts = *parts_;
  while (parts.left == 0) {
    if (!parts.begin_group()) return false;
  }
  values.resize(parts.values.size());
  parts.guarded(parts.group_words(), [&] {
    for (size_t i = 0; i < parts.values.size(); ++i) {
      if (!parts.values[i].next(values[i]))
        throw DataError(fmt::format("{}{}: column \"{}\" ends {} rows before the promised end; it was cut off, or its footer is broken",
                                    parts.path.string(), parts.group_words(), parts.columns[parts.selected[i]].path.front(), parts.left));
    }
  });
  --parts.left;
  return true;
}

}  // namespace infig
