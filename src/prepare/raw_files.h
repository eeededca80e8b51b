// What sources share in reading raw files.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "data/utf8.h"

namespace infig {

// The text of a post's own file. Throws DataError naming the file and the byte that the decoding refuses.
std::string read_raw_text(const std::filesystem::path& file, TextDecode decode);

// The extension in lower case, with its dot: ".jpg".
std::string lower_extension(std::string_view name);

// Members of an archive that a data set of posts may hold: pictures (.jpg .jpeg .png .webp .gif .bmp .avif .heic .heif .tif .tiff .jxl) and
// what is read beside them (.txt .json .jsonl .ndjson .csv .tsv .tab). Files that a desktop adds to archives (__MACOSX/, ._name) are
// excluded.
bool wants_posts(std::string_view member);
bool is_picture_name(std::string_view name);
bool is_table_name(std::string_view name);      // .csv .tsv .tab .jsonl .ndjson
bool may_be_table_name(std::string_view name);  // .txt .json, which hold other things as well

}  // namespace infig
