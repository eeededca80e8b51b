// What the first line of a table says of its kind, for what is read only once (standard input).
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace infig {

// The separator (, ; tab |) with which most of the five fields stand in a header, under their own names, the others that they go by
// (table_columns.h), or those of `columns` (field to name); `usual` by a tie.
char separator_of(std::string_view header, char usual, const std::map<std::string, std::string>& columns = {});

// Why a line that is no JSON is rather the header of a table: "looks like CSV with id, text: give --input-format csv". Empty where
// none of the five names, nor one that they go by, is a cell of it.
std::string header_fault(std::string_view line);

}  // namespace infig
