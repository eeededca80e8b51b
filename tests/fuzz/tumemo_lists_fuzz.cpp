// TumEmo's lists of ids, one file a split: plain ids, and one JSON object a line.
#include <set>

#include "data/tumemo.h"
#include "fuzz/folder.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace infig;
  static fuzz::Folder folder{"train.txt", "val_all_anno.json", "test_all_anno.json", "train.json", "dev.jsonl", "valid.txt",
                             "val.txt",   "test.txt"};
  const std::filesystem::path path = folder.fill(fuzz::text_of(data, size));
  fuzz::attempt(path.string(), [&path] {
    std::set<uint32_t> ids;
    std::set<Split> splits;
    const auto lists = read_tumemo_lists(path);
    fuzz::require(!lists.empty(), "there is a list");
    for (const TumemoList& list : lists) {
      fuzz::require(splits.insert(list.split).second, "a split has one list");
      fuzz::require(list.file.parent_path() == path, "a list names its file");
      for (const TumemoRow& row : list.rows) {
        fuzz::require(ids.insert(row.id).second, "an id occurs once");
        fuzz::require(row.label_id >= -1 && row.label_id < 7, "a label is one of seven, or none");
      }
    }
  });
  return 0;
}
