// SigLIP's tokenizer: canonical text (lower case, no punctuation of ASCII, single spaces) in SentencePiece's pieces, </s> behind it.
#pragma once

#include <memory>

#include "text/tokenizer.h"
#include "text/tokenizer_folder.h"

namespace infig {

// Whether the folder's tokenizer is SiglipTokenizer's: by its class or, where none is named, by the model's type.
bool is_siglip_tokenizer(const TokenizerFolder& folder);

// From a folder with spiece.model, as SiglipTokenizer of transformers 5.24 reads it; a tokenizer.json beside it is not looked at there, and
// alone does not make one. That class has no offsets: here a piece has those of its characters, a space those of its whole run, and a "▁"
// that stands for no space none. Honoured are do_lower_case, the special tokens by their keys, added tokens. Throws CheckpointError for a
// missing or damaged file, and for sp_model_kwargs that change the pieces.
std::unique_ptr<Tokenizer> load_siglip_pieces(const TokenizerFolder& folder);

}  // namespace infig
