// Posts to be scored, as they are given: the rows of every kind of input, one after the other, each as a request that keeps its place
// whatever is wrong with it. Memory stays at one row.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "data/post.h"
#include "data/rows.h"

namespace infig {

// A post to predict, or why it is none.
struct PostRequest {
  Post post;               // `label`: the truth as the input says it, empty where it does not
  std::string fault = {};  // known before: a row that could not be read
  // The bytes of the post's picture, where the input holds them itself: who scores the post lays them down (data/picture_spool.h) and names
  // them in `post.image`.
  std::string picture = {};
};

class PostInput {
 public:
  // `name`: what tables_of() takes, or "-" for standard input. `reading.format`: "jsonl", "csv" or "tsv" whatever the name says, "tar" and
  // "parquet" for a file; empty: by the extension, of standard input JSONL. Throws DataError for what is absent, and for a table whose
  // header has neither `text` nor `image`; ConfigError for a tar or Parquet from standard input, which are read where they lie.
  explicit PostInput(const std::filesystem::path& name, TableReading reading = {});

  bool standard_input() const { return standard_input_; }
  const std::vector<std::filesystem::path>& tables() const { return tables_; }  // "-" alone for standard input
  // In file order. A row without id is called by its number among all rows, from 1; so is one that cannot be read. What is worth saying of
  // the tables (TableNotes) goes to the log at the end.
  void for_each(const std::function<void(PostRequest&&)>& take) const;
  int64_t count() const;  // a pass over everything; not for standard input

 private:
  std::string true_label(const std::string& given, const std::filesystem::path& table) const;

  bool standard_input_;
  TableReading reading_;
  std::vector<std::filesystem::path> tables_;
  std::map<std::filesystem::path, std::vector<std::string>> names_beside_;  // of the labels, by the folder that tars lie in
};

}  // namespace infig
