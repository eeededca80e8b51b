// What holds of every row of a table, whatever the file is.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "data/data_set.h"
#include "data/rows.h"
#include "data/utf8.h"
#include "fuzz/fuzz.h"
#include "reference/temporary_folder.h"

namespace infig::fuzz {

inline void check_text(const std::optional<std::string>& text) {
  require(!text || find_invalid_utf8(*text) == std::string::npos, "a field is UTF-8");
}

// Reads `content` as the file `name` ("posts.csv"): row by row with and without a place for faults, as a data set and as posts.
inline void check_table(const char* name, std::string_view content) {
  static const reference::TemporaryFolder folder("fuzz");
  const std::filesystem::path path = folder / name;
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
  int64_t number = 0, line = 0, rows = 0, faults = 0;
  const auto take = [&](PostRow&& row) {
    require(row.at.number > number, "rows are numbered in the file's order");
    require(row.at.line == 0 || row.at.line > line, "rows come in the file's order");
    number = row.at.number;
    line = row.at.line;
    ++rows;
    for (const auto* field : {&row.id, &row.text, &row.image, &row.label, &row.split}) check_text(*field);
  };
  attempt(path.string(), [&] {
    for_each_row(path, take, [&](const std::string& message) {
      require(message.find(path.string()) != std::string::npos, "a fault names its file");
      ++faults;
    });
  });
  number = line = 0;
  const int64_t with_faults = rows;
  rows = 0;
  attempt(path.string(), [&] {
    for_each_row(path, take);
    require(faults == 0 && rows == with_faults, "without a fault both ways give the same rows");
  });
  attempt(path.string(), [&] {
    const DataSet data = read_data_set(path);
    for (const auto& post : data.posts) {
      if (post.label_id < 0) {
        require(post.label.empty() && post.split == Split::kTest, "only posts of test have no label");
      } else {
        require(data.labels.at(static_cast<size_t>(post.label_id)) == post.label, "a label has its number");
      }
    }
  });
  attempt(path.string(), [&] { (void)read_posts(path); });
}

}  // namespace infig::fuzz
