// What a model hub answers when it is asked for a model's files.
#include "fuzz/fuzz.h"
#include "hub/hub.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace infig;
  fuzz::attempt("", [text = fuzz::text_of(data, size)] {
    const HubModel model = parse_hub_listing(text, "owner/model", "ANSWER");
    fuzz::require(model.commit.size() == 40, "a commit has 40 digits");
    for (const HubFile& file : model.files) {
      const std::string path = "/" + file.name + "/";
      fuzz::require(path.find("/../") == std::string::npos && path.find("//") == std::string::npos, "a file stays in its folder");
    }
    (void)choose_hub_files(model);
  });
  return 0;
}
