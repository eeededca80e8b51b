// The pre-tokenizers of tokenizer.json, each as the Rust library `tokenizers` 0.23 applies it.
#pragma once

#include <memory>

#include "text/aligned_text.h"
#include "text/json_part.h"

namespace infig {

// May be used from several threads at once.
class JsonPreTokenizer {
 public:
  virtual ~JsonPreTokenizer() = default;
  // Cuts (and changes) the pieces that are no added tokens.
  virtual void apply(AlignedPieces& text) const = 0;
};

// BertPreTokenizer, ByteLevel, CharDelimiterSplit, Digits, FixedLength, Metaspace, Punctuation, Sequence, Split, UnicodeScripts,
// Whitespace, WhitespaceSplit. Throws CheckpointError, naming file and key, for another type, an unknown key, or a value out of place.
std::unique_ptr<JsonPreTokenizer> make_json_pre_tokenizer(const JsonPart& part);

}  // namespace infig
