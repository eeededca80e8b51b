// The header of a safetensors file and the views into what lies behind it.
#include <map>
#include <string>

#include "archive/by_hand.h"
#include "archive/safetensors.h"
#include "fuzz/fuzz.h"

namespace infig::fuzz {
namespace {

void read(std::string_view file) {
  attempt("FILE", [file] {
    std::map<std::string, std::string> metadata;
    uint64_t sum = 0;
    for (const auto& [name, view] : parse_safetensors(bytes_of(file), "FILE", &metadata)) {
      check_view(view);
      require(lies_within(view.data, bytes_of(file)), "a view lies within the file");
      sum += view.data.size();
    }
    require(sum <= file.size() - 8, "views do not overlap");
  });
}

}  // namespace
}  // namespace infig::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace infig;
  const std::string_view input = fuzz::text_of(data, size);
  fuzz::read(input);
  // Most mutations move the header's end, and end at the check of its length; so the header is counted anew as well.
  const size_t last = input.rfind("}}");
  if (last != std::string_view::npos && last >= 8) {
    fuzz::read(little(last + 2 - 8, 8) + std::string(input.substr(8)));
  }
  return 0;
}
