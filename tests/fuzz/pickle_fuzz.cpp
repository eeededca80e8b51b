// Pickles as plain data.
#include <array>

#include "archive/pickle.h"
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace infig;
  static constexpr std::array<std::string_view, 2> kGlobals = {"torch.FloatStorage", "torch._utils._rebuild_tensor_v2"};
  const auto bytes = fuzz::bytes_of(fuzz::text_of(data, size));
  fuzz::attempt("FILE", [bytes] {
    const Pickle pickle = read_pickle(bytes, "FILE", kGlobals);
    fuzz::require(pickle.root < pickle.values.size(), "the root is one of the values");
    fuzz::require(pickle.size <= bytes.size(), "a pickle ends within its bytes");
    for (const PickleValue& value : pickle.values) {
      fuzz::require(fuzz::lies_within(fuzz::bytes_of(value.text), bytes), "texts lie within the pickle");
      fuzz::require(value.kind != PickleKind::kDict || value.items.size() % 2 == 0, "a dict holds pairs");
      fuzz::require(value.kind != PickleKind::kCall || value.items.size() == 2, "a call is a global and its arguments");
      for (const uint32_t item : value.items) fuzz::require(item < pickle.values.size(), "items are places in the list");
    }
  });
  return 0;
}
