// Counts the posts of a data set that also occur in an earlier split, from the leaks.csv that verify-data writes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace infig {

struct LeakLine {
  std::string kind;          // what the two posts share: "text", "near_text", "picture", ...
  std::string split, other;  // split of the post, and of its duplicate
  int64_t posts = 0;
  int64_t other_label = 0;  // posts whose label differs from the duplicate's
};

// Counts the rows of `data_folder`/leaks.csv by kind and splits, in order of first occurrence; empty if there is no such file. Throws
// DataError naming the row if the table is malformed or lacks a column of kind, split, label, other_split and other_label.
std::vector<LeakLine> read_leak_counts(const std::filesystem::path& data_folder);

}  // namespace infig
