// A tokenizer from the bytes of a SentencePiece model: what loading and training share.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "text/tokenizer.h"

namespace infig {

inline constexpr std::array<std::string_view, 5> kSpecialTokens = {"[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"};

struct SpecialTokenMatch {
  size_t begin = 0;                        // its first byte; the text's end where there is none
  size_t special = kSpecialTokens.size();  // index into kSpecialTokens
};

// The first special token typed in `text` at or behind the byte `start`.
SpecialTokenMatch find_special_token(std::string_view text, size_t start);

// `model`: a serialized SentencePiece model (the content of spm.model); `where` names its source in errors. Throws CheckpointError
// where it is none, or lacks [PAD], [CLS], [SEP] or [UNK].
std::unique_ptr<Tokenizer> make_sentencepiece_tokenizer(std::string model, const std::string& where);

}  // namespace infig
