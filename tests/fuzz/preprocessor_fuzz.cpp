// What folders state about pictures: transformers' preprocessor_config.json, timm's config.json, open_clip's preprocess_cfg.
#include <nlohmann/json.hpp>

#include "core/json.h"
#include "fuzz/fuzz.h"
#include "image/preprocessor.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace infig;
  const std::string text(fuzz::text_of(data, size));
  const auto valid = [](const ImageOptions& options) {
    options.validate();
    (void)options.framing();
  };
  fuzz::attempt("FILE", [&] { valid(parse_preprocessor(text, {}, "FILE")); });
  const nlohmann::json config = parse_foreign_json(text);
  if (config.is_discarded()) return 0;
  fuzz::attempt("FILE", [&] {
    if (is_timm_config(config)) valid(timm_pixels(config, "FILE"));
  });
  ImageOptions own;
  own.size = own.resize;
  fuzz::attempt("FILE", [&] { valid(open_clip_pixels(config, own, "FILE")); });
  return 0;
}
