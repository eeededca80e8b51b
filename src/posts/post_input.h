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
};

class PostInput {
 public:
  // `name`: what tables_of() takes, or "-" for standard input. `format`: "jsonl", "csv" or "tsv" whatever the name says, "tar" for a file;
  // empty: by the extension, of standard input JSONL. Throws DataError for what is absent, and for a CSV or TSV whose header has neither
  // `text` nor `image`; ConfigError for a tar from standard input, whose pictures could not be read where they lie.
  PostInput(const std::filesystem::path& name, std::string format);

  bool standard_input() const { return standard_input_; }
  const std::vector<std::filesystem::path>& tables() const { return tables_; }  // "-" alone for standard input
  // In file order. A row without id is called by its number among all rows, from 1; so is one that cannot be read.
  void for_each(const std::function<void(PostRequest&&)>& take) const;
  int64_t count() const;  // a pass over everything; not for standard input

 private:
  std::string true_label(const std::string& given, const std::filesystem::path& table) const;

  bool standard_input_;
  std::string format_;
  std::vector<std::filesystem::path> tables_;
  std::map<std::filesystem::path, std::vector<std::string>> names_beside_;  // of the labels, by the folder that tars lie in
};

}  // namespace infig
