// A tokenizer from the bytes of a SentencePiece model, shared by loading and training.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"
#include "text/tokenizer_folder.h"

namespace sentencepiece {
class SentencePieceProcessor;
}

namespace infig {

inline constexpr std::array<std::string_view, 5> kSpecialTokens = {"[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"};

struct SpecialTokenMatch {
  size_t begin = 0;                        // its first byte; the text's end where there is none
  size_t special = kSpecialTokens.size();  // index into kSpecialTokens
};

// The first special token typed in `text` at or behind the byte `start`.
SpecialTokenMatch find_special_token(std::string_view text, size_t start);

// Number of code points that begin before each byte, and before the end. Bytes that continue a character do not count.
std::vector<int32_t> code_points_before(std::string_view text);

// Loads a serialized model. Throws CheckpointError, naming `where`, for what is none.
void load_pieces(sentencepiece::SentencePieceProcessor& processor, const std::string& model, const std::string& where);

struct SentencePieceReading {
  bool lower_case = false;      // the text is lower-cased first (do_lower_case)
  bool split_by_punct = false;  // every punctuation character, and what lies between two, is encoded by itself
};

// `model`: a serialized SentencePiece model (the content of spm.model); `where` names its source in errors. Throws CheckpointError
// where it is none, or lacks [PAD], [CLS], [SEP] or [UNK].
std::unique_ptr<Tokenizer> make_sentencepiece_tokenizer(std::string model, const std::string& where, SentencePieceReading reading = {});

// From a folder with spm.model.
std::unique_ptr<Tokenizer> load_sentencepiece(const TokenizerFolder& folder);

}  // namespace infig
