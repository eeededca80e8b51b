// The public split files: JSON arrays of id, text, emotion_label.
#include "data/data_set.h"
#include "data/mvsa.h"
#include "data/utf8.h"
#include "fuzz/folder.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace infig;
  static fuzz::Folder folder{"train.json", "dev.json", "valid.json", "test.json"};
  const std::filesystem::path path = folder.fill(fuzz::text_of(data, size));
  fuzz::attempt(path.string(), [&path] {
    const auto splits = read_public_splits(path, 3);
    fuzz::require(!splits.empty(), "there is a split");
    for (const PublicSplit& split : splits) {
      for (const PublicRow& row : split.rows) {
        fuzz::require(id_fault(row.id).empty(), "an id is a file's name");
        fuzz::require(row.label_id >= 0 && row.label_id < 3, "a label is one of three");
        fuzz::require(find_invalid_utf8(row.text) == std::string::npos, "a text is UTF-8");
      }
    }
  });
  return 0;
}
