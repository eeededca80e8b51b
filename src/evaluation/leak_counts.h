// How many posts of a data set also stand in an earlier split: a summary of its leaks.csv, which verify-data writes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace infig {

struct LeakLine {
  std::string kind;          // what is alike: "text", "near_text", "picture", ...
  std::string split, other;  // the post's split, and the one where its twin stands
  int64_t posts = 0;
  int64_t other_label = 0;  // of them, how many have another label than their twin
};

// The counts of `data_folder`/leaks.csv, in the order in which kind, split and other split first occur; empty where there is no such file.
// Throws DataError naming the row where it is not a table with the columns kind, split, label, other_split and other_label.
std::vector<LeakLine> read_leak_counts(const std::filesystem::path& data_folder);

}  // namespace infig
