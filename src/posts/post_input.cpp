#include "posts/post_input.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

#include "core/error.h"
#include "data/data_set.h"

namespace infig {
namespace fs = std::filesystem;

PostInput::PostInput(const fs::path& name, TableReading reading) : standard_input_(name == kStandardInput), reading_(std::move(reading)) {
  if (standard_input_) {
    if (reading_.format.empty()) reading_.format = "jsonl";
    if (reading_.format == "tar" || reading_.format == "parquet")
      throw ConfigError(
          fmt::format("--input -: {} is read where it lies, which standard input has not; give its name, or a table (jsonl, csv, tsv)",
                      reading_.format == "tar" ? "a tar" : "Parquet"));
    tables_ = {name};
    return;
  }
  tables_ = tables_of(name);
  for (const fs::path& table : tables_) {
    const std::set<std::string> columns = table_columns(table, reading_);
    if (!columns.contains("text") && !columns.contains("image")) {
      throw DataError(
          fmt::format("{}, header: neither a column \"text\" nor a column \"image\"; expected at least one of them", table.string()));
    }
    if (is_tar(table)) names_beside_.try_emplace(table.parent_path(), label_names_in(table.parent_path()));
  }
}

void PostInput::for_each(const std::function<void(PostRequest&&)>& take) const {
  int64_t number = 0;
  TableNotes notes;
  TableReading reading = reading_;
  reading.notes = &notes;
  for (const fs::path& table : tables_) {
    const auto row = [&](PostRow&& read) {
      PostRequest request;
      ++number;
      request.post.id = read.id && !read.id->empty() ? std::move(*read.id) : std::to_string(number);
      request.post.text = std::move(read.text).value_or("");
      request.post.attributes = std::move(read.attributes);
      if (read.picture) {
        request.picture = std::move(*read.picture);
      } else {
        request.post.image = picture_of(read, table);
      }
      if (read.label) request.post.label = true_label(*read.label, table);
      take(std::move(request));
    };
    const auto fault = [&](const std::string& message) {
      PostRequest request;
      request.post.id = std::to_string(++number);
      request.fault = message;
      take(std::move(request));
    };
    for_each_row(table, row, fault, reading);
  }
  notes.say();
}

int64_t PostInput::count() const {
  int64_t total = 0;
  for (const fs::path& table : tables_)
    for_each_row(table, [&total](PostRow&&) { ++total; }, [&total](const std::string&) { ++total; }, reading_);
  return total;
}

// In a tar, a label may be its number among the names that dataset.json gives beside it.
std::string PostInput::true_label(const std::string& given, const fs::path& table) const {
  const auto names = names_beside_.find(table.parent_path());
  if (!is_tar(table) || names == names_beside_.end()) return given;
  if (std::find(names->second.begin(), names->second.end(), given) != names->second.end()) return given;
  size_t number = 0;
  const auto [end, error] = std::from_chars(given.data(), given.data() + given.size(), number);
  const bool whole = error == std::errc() && end == given.data() + given.size();
  return whole && number < names->second.size() ? names->second[number] : given;
}

}  // namespace infig
