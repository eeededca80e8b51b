#include "data/rows.h"

#include <csv.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/json.h"
#include "data/first_line.h"
#include "data/image_folder.h"
#include "data/line_reader.h"
#include "data/parquet/parquet_rows.h"
#include "data/row_reading.h"
#include "data/utf8.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

enum class TableKind { kJsonLines, kJsonArray, kDelimited, kTar, kParquet, kFolder };

TableKind kind_of(const fs::path& path, const std::string& format) {
  std::error_code code;
  if (format.empty() && fs::is_directory(path, code)) return TableKind::kFolder;
  const std::string extension = lower_extension_of(path, format);
  if (extension == ".jsonl" || extension == ".ndjson") return TableKind::kJsonLines;
  if (extension == ".json") return begins_json_array(path) ? TableKind::kJsonArray : TableKind::kJsonLines;
  if (extension == ".csv" || extension == ".tsv" || extension == ".tab" || extension == ".txt") return TableKind::kDelimited;
  if (extension == ".tar") return TableKind::kTar;
  if (extension == ".parquet") return TableKind::kParquet;
  throw DataError(
      fmt::format("{}: unknown kind of table \"{}\"; expected .csv, .tsv, .txt, .jsonl, .json, .parquet or .tar, or a folder of pictures",
                  path.string(), extension));
}

std::optional<std::string> json_field(const nlohmann::json& value, const std::string& field, const std::string& key) {
  if (value.is_null()) return std::nullopt;
  if (value.is_string()) return value.get<std::string>();
  if ((field == "id" || field == "label") && value.is_number_integer()) return value.dump();
  // pandas makes 1.0 of 1 where another row has none; label_words.h warns of it.
  if (field == "label" && value.is_number_float() && std::trunc(value.get<double>()) == value.get<double>()) return value.dump();
  throw RowFault{fmt::format("field \"{}\" is {} {}, expected text", key, value.type_name(), value.dump().substr(0, 40))};
}

constexpr const char* kAttributes = "attributes";

bool is_word_list(const nlohmann::json& value) {
  return value.is_array() && !value.empty() && std::ranges::all_of(value, [](const nlohmann::json& word) { return word.is_string(); });
}

}  // namespace

void read_json_lines(const fs::path& path, const TableReading& reading, const RowTake& take) {
  LineReader lines(path);
  JsonKeys keys(path, reading);
  std::string line;
  for (bool first = true; lines.next(line);) {
    const std::string_view content = strip_ascii_space(line);
    if (content.empty() && !lines.too_long()) continue;
    const bool may_be_header = first && !lines.too_long() && content.front() != '{' && content.front() != '[';
    first = false;
    if (const std::string fault = may_be_header && parse_foreign_json(content).is_discarded() ? header_fault(content) : ""; !fault.empty())
      throw DataError(fmt::format("{}: no JSON; it {}", line_place(path, lines.number()), fault));
    if (lines.too_long()) {
      take(lines.number(), []() -> PostRow {
        throw RowFault{
            fmt::format("the line has over {} MiB; expected one object a line with id, text, image, label, split", kMaxRowBytes >> 20)};
      });
      continue;
    }
    take(lines.number(), [&] { return keys.row(content); });
  }
  keys.finish();
}

JsonKeys::JsonKeys(const fs::path& table, const TableReading& reading) : table_(table), reading_(reading), looks_(table_base(table)) {}

PostRow JsonKeys::row(std::string_view line) {
  require_utf8(line, "the line");
  const nlohmann::json object = parse_foreign_json(line);
  if (object.is_discarded()) {
    throw RowFault{
        fmt::format("no valid JSON ({}); expected one object a line with id, text, image, label, split", foreign_json_fault(line))};
  }
  if (object.is_array())
    throw RowFault{
        "a JSON array, expected an object; one array of all posts is read from a file called .json, and jq -c '.[]' makes lines of it"};
  if (!object.is_object()) throw RowFault{fmt::format("a JSON {}, expected an object", object.type_name())};
  ++objects_;
  std::vector<std::string> names;
  for (const auto& [key, value] : object.items()) {
    // A list under one of the other names of a field ("labels") is something else.
    const bool meant = std::ranges::find(post_fields(), key) != post_fields().end() ||
                       std::ranges::any_of(reading_.columns, [&wanted = key](const auto& asked) { return asked.second == wanted; });
    if (meant || !value.is_structured()) names.push_back(key);
  }
  const ColumnChoice choice = choose_columns(names, reading_.columns, /*may_lack=*/true);
  if (!choice.fault.empty()) throw RowFault{choice.fault};
  PostRow row;
  std::set<std::string> used;
  for (const auto& [field, place] : choice.places) {
    const std::string& key = names[place];
    field_of(row, field) = json_field(object.at(key), field, key);
    used.insert(key);
    if (reading_.columns.contains(field)) found_.insert(field);
    if (reading_.notes != nullptr) used_[field] = key;
  }
  if (const auto found = object.find(kAttributes); found != object.end() && !used.contains(kAttributes) && is_word_list(*found)) {
    row.attributes = found->get<std::vector<std::string>>();
    used.insert(kAttributes);
  }
  if (reading_.notes == nullptr || objects_ > ColumnLooks::kRows) return row;
  for (const auto& [key, value] : object.items()) {
    if (!used.contains(key)) looks_.see(key, value.is_string() ? value.get<std::string>() : value.is_null() ? "" : value.dump());
  }
  return row;
}

void JsonKeys::finish() {
  for (const auto& [field, name] : reading_.columns) {
    if (objects_ > 0 && !found_.contains(field))
      throw DataError(fmt::format("{}: --columns {}={}: no object has the key \"{}\"", table_.string(), field, name, name));
  }
  if (reading_.notes != nullptr) note_columns(table_, used_, looks_, *reading_.notes);
}

std::optional<std::string>& field_of(PostRow& row, const std::string& field) {
  if (field == "id") return row.id;
  if (field == "text") return row.text;
  if (field == "image") return row.image;
  return field == "label" ? row.label : row.split;
}

std::string lower_extension_of(const fs::path& path, const std::string& format) {
  std::string extension = format.empty() ? path.extension().string() : "." + format;
  std::transform(extension.begin(), extension.end(), extension.begin(), [](unsigned char c) { return std::tolower(c); });
  return extension;
}

void require_utf8(std::string_view bytes, const std::string& what) {
  const size_t offset = find_invalid_utf8(bytes);
  if (offset == std::string_view::npos) return;
  throw RowFault{fmt::format("{} is not UTF-8 (byte {}: 0x{:02X}); convert the file, for example with iconv -f ENCODING -t UTF-8", what,
                             offset, static_cast<unsigned char>(bytes[offset]))};
}

std::string RowAt::words() const {
  if (line == 0) return fmt::format("row {}", number);
  return number == 0 || number == line ? fmt::format("line {}", line) : fmt::format("line {} (post {})", line, number);
}

std::string row_place(const fs::path& path, RowAt at) {
  return fmt::format("{}, {}", path == kStandardInput ? "standard input" : path.string(), at.words());
}

std::string line_place(const fs::path& path, int64_t line) { return row_place(path, {.line = line, .number = 0}); }

void for_each_row(const fs::path& path, const RowSink& row, const RowFaultSink& fault, const TableReading& reading) {
  const TableKind kind = kind_of(path, reading.format);
  const bool has_lines = kind == TableKind::kJsonLines || kind == TableKind::kDelimited;
  int64_t rows = 0;
  const auto take = [&](int64_t place, const std::function<PostRow()>& parse) {
    const RowAt at{.line = has_lines ? place : 0, .number = ++rows};
    PostRow parsed;
    try {
      parsed = parse();
    } catch (const RowFault& found) {
      const std::string message = fmt::format("{}: {}", row_place(path, at), found.message);
      if (!fault) throw DataError(message);
      fault(message);
      return;
    }
    parsed.at = at;
    row(std::move(parsed));
  };
  switch (kind) {
    case TableKind::kJsonLines:
      return read_json_lines(path, reading, take);
    case TableKind::kJsonArray:
      return read_json_array(path, reading, take);
    case TableKind::kDelimited:
      return read_delimited(path, reading, take);
    case TableKind::kTar:
      return read_tar(path, reading, take);
    case TableKind::kParquet:
      return read_parquet(path, reading, take);
    case TableKind::kFolder:
      return read_image_folder(path, reading, take);
  }
}

std::set<std::string> table_columns(const fs::path& path, const TableReading& reading) {
  const TableKind kind = kind_of(path, reading.format);
  if (kind == TableKind::kDelimited) return delimited_columns(path, reading);
  if (kind == TableKind::kParquet) return parquet_columns(path, reading);
  return {post_fields().begin(), post_fields().end()};
}

std::vector<std::string> stated_labels(const fs::path& path, const TableReading& reading) {
  return kind_of(path, reading.format) == TableKind::kParquet ? parquet_labels(path, reading) : std::vector<std::string>();
}

fs::path table_base(const fs::path& table) { return table.parent_path(); }

FileSpan picture_of(const PostRow& row, const fs::path& table) {
  if (!row.image || row.image->empty()) return {};
  const fs::path path(*row.image);
  return parse_file_span(path.is_absolute() ? path : table_base(table) / path);
}

std::string csv_cell(const std::string& value) {
  if (value.find_first_of(",\"\r\n") == std::string::npos) return value;
  std::string quoted(value.size() * 2 + 2, '\0');
  quoted.resize(csv_write(quoted.data(), quoted.size(), value.data(), value.size()));
  return quoted;
}

}  // namespace infig
