// What the readers behind for_each_row share.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "data/rows.h"

namespace infig {

// A row that cannot be used; whoever catches it adds the file and row.
struct RowFault {
  std::string message;
};

// Gets the place of a row (PostRow::line), and how to make the row, which may throw RowFault.
using RowTake = std::function<void(int64_t line, const std::function<PostRow()>& parse)>;

void require_utf8(std::string_view bytes, const std::string& what);  // throws RowFault naming the byte
PostRow parse_json_row(std::string_view line);                       // throws RowFault

void read_tar(const std::filesystem::path& path, const RowTake& take);
// A file that is one JSON array; the place of a row is its number in the array. Throws DataError where the array does not close.
void read_json_array(const std::filesystem::path& path, const RowTake& take);
bool begins_json_array(const std::filesystem::path& path);  // its first character, behind a byte order mark and white space, is [

}  // namespace infig
