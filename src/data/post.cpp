#include "data/post.h"

#include <fmt/format.h>

#include "core/error.h"

namespace infig {

const char* split_name(Split split) {
  switch (split) {
    case Split::kTrain:
      return "train";
    case Split::kDev:
      return "dev";
    case Split::kTest:
      return "test";
  }
  return "";
}

Split parse_split(const std::string& word) {
  if (word == "train") return Split::kTrain;
  if (word == "dev" || word == "valid" || word == "val" || word == "validation") return Split::kDev;
  if (word == "test") return Split::kTest;
  throw DataError(fmt::format("is \"{}\", expected train, dev (or valid) or test", word));
}

std::vector<int64_t> DataSet::rows_of(Split split) const {
  std::vector<int64_t> rows;
  for (size_t i = 0; i < posts.size(); ++i) {
    if (posts[i].split == split) rows.push_back(static_cast<int64_t>(i));
  }
  return rows;
}

}  // namespace infig
