// The normalisers of tokenizer.json, each as the Rust library `tokenizers` 0.23 applies it.
#pragma once

#include <memory>

#include "text/aligned_text.h"
#include "text/json_part.h"

namespace infig {

// May be used from several threads at once.
class JsonNormalizer {
 public:
  virtual ~JsonNormalizer() = default;
  virtual void apply(AlignedText& text) const = 0;
};

// BertNormalizer, Strip, StripAccents, NFC, NFD, NFKC, NFKD, Nmt, Lowercase, Replace, Prepend, Precompiled, ByteLevel, Sequence. Throws
// CheckpointError, naming file and key, for another type, an unknown key, or a value out of place.
std::unique_ptr<JsonNormalizer> make_json_normalizer(const JsonPart& part);

}  // namespace infig
