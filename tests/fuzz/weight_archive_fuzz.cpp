// A model's folder: the file that is mapped, the index and its shards, whatever each of them is.
#include "archive/import.h"
#include "archive/weight_archive.h"
#include "fuzz/folder.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace infig;
  static fuzz::Folder folder{"model.safetensors.index.json", "a", "b", "model.safetensors", "pytorch_model.bin"};
  const std::filesystem::path path = folder.fill(fuzz::text_of(data, size));
  fuzz::attempt(path.string(), [&path] {
    const WeightArchive archive = open_archive(path);
    for (const auto& [name, view] : archive.tensors()) {
      fuzz::check_view(view);
      try {
        (void)to_float32(view);
      } catch (const ShapeError&) {
        // of whole numbers
      }
    }
  });
  return 0;
}
