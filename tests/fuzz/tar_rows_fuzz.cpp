// A tar of posts: its headers, and the members that are texts, labels and JSON.
#include <fstream>

#include "data/data_set.h"
#include "data/rows.h"
#include "data/utf8.h"
#include "fuzz/fuzz.h"
#include "reference/temporary_folder.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace infig;
  static const reference::TemporaryFolder folder("fuzz");
  const std::filesystem::path path = folder / "train.tar";
  std::ofstream(path, std::ios::binary | std::ios::trunc) << fuzz::text_of(data, size);
  int64_t line = 0;
  const auto take = [&](PostRow&& row) {
    fuzz::require(row.at.number > line && row.id.has_value(), "rows come in order, each with an id");
    line = row.at.number;
    for (const auto* field : {&row.id, &row.text, &row.label, &row.split})
      fuzz::require(!*field || find_invalid_utf8(**field) == std::string::npos, "a field is UTF-8");
    const FileSpan picture = picture_of(row, path);
    if (picture.empty()) return;
    fuzz::require(picture.file == path && !picture.whole(), "a picture lies in its tar");
    fuzz::require(picture.offset >= 512 && picture.offset + picture.length <= static_cast<int64_t>(size), "a picture lies within its tar");
  };
  const auto fault = [&](const std::string& message) { fuzz::require(message.find(path.string()) == 0, "a fault names its file"); };
  fuzz::attempt(path.string(), [&] { for_each_row(path, take, fault); });
  fuzz::attempt(path.string(), [&] {
    const DataSet posts = read_data_set(path);
    for (const Post& post : posts.posts)
      fuzz::require(posts.labels.at(static_cast<size_t>(post.label_id)) == post.label, "a label has its number");
  });
  return 0;
}
