#include "data/post.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "core/error.h"
#include "data/utf8.h"

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
  std::string name(strip_ascii_space(word));
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (name == "train") return Split::kTrain;
  if (name == "dev" || name == "valid" || name == "val" || name == "validation") return Split::kDev;
  if (name == "test") return Split::kTest;
  throw DataError(fmt::format("is \"{}\", expected train, dev (or valid) or test", word));
}

std::string DataSet::called() const {
  if (!named.empty()) return named.string();
  return folder.empty() ? name : folder.string();
}

std::vector<int64_t> DataSet::rows_of(Split split) const {
  std::vector<int64_t> rows;
  for (size_t i = 0; i < posts.size(); ++i) {
    if (posts[i].split == split) rows.push_back(static_cast<int64_t>(i));
  }
  return rows;
}

}  // namespace infig
