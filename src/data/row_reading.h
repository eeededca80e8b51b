// What the readers behind for_each_row share.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "data/rows.h"
#include "data/table_columns.h"

namespace infig {

// A row that cannot be used; whoever catches it adds the file and row.
struct RowFault {
  std::string message;
};

// Gets the line at which a row begins, or its number where the table has no lines, and how to make the row, which may throw RowFault.
using RowTake = std::function<void(int64_t place, const std::function<PostRow()>& parse)>;

void require_utf8(std::string_view bytes, const std::string& what);            // throws RowFault naming the byte
std::optional<std::string>& field_of(PostRow& row, const std::string& field);  // by its name, one of post_fields()

// The extension in lower case with its dot. `format`: the one that the file would have; empty: the one it has.
std::string lower_extension_of(const std::filesystem::path& path, const std::string& format = "");

// "jpg", "png", ...: a picture's, in lower case and without a dot. What the file holds is the decoder's to say.
bool is_picture_extension(std::string_view extension);

// Objects of one table as rows, and what their keys were.
class JsonKeys {
 public:
  JsonKeys(const std::filesystem::path& table, const TableReading& reading);
  PostRow row(std::string_view object);  // throws RowFault
  // Throws DataError for a key that is asked for and was in no object; says which keys go by another name and which are not used.
  void finish();

 private:
  std::filesystem::path table_;
  const TableReading& reading_;
  ColumnLooks looks_;
  std::map<std::string, std::string> used_;  // field -> the key that last held it
  std::set<std::string> found_;              // fields asked for that were there
  int64_t objects_ = 0;
};

void read_tar(const std::filesystem::path& path, const TableReading& reading, const RowTake& take);
void read_json_lines(const std::filesystem::path& path, const TableReading& reading, const RowTake& take);
// A file that is one JSON array; the place of a row is its number in the array. Throws DataError where the array does not close.
void read_json_array(const std::filesystem::path& path, const TableReading& reading, const RowTake& take);
bool begins_json_array(const std::filesystem::path& path);  // its first character, behind a byte order mark and white space, is [
void read_delimited(const std::filesystem::path& path, const TableReading& reading, const RowTake& take);
std::set<std::string> delimited_columns(const std::filesystem::path& path, const TableReading& reading);

}  // namespace infig
