// Text -> ids with offsets. SentencePiece with DeBERTa's special tokens and framing: [CLS] pieces [SEP].
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace infig {

struct Encoding {
  std::vector<int64_t> ids;                           // special tokens included
  std::vector<std::string> tokens;                    // the pieces as the vocabulary writes them
  std::vector<std::pair<int64_t, int64_t>> offsets;   // half-open, in code points of the text; {0,0} for special tokens
};

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  // max_length counts special tokens; longer texts are cut and keep [SEP]; 0: never cut. `text` must be UTF-8.
  virtual Encoding encode(std::string_view text, int64_t max_length) const = 0;
  virtual int64_t vocab_size() const = 0;
  virtual int64_t pad_id() const = 0;
  // Writes the files that load_tokenizer reads: spm.model and tokenizer_config.json. The folder must exist.
  virtual void save(const std::filesystem::path& folder) const = 0;
};

// Reads a folder with spm.model. Throws CheckpointError naming the missing or broken file, or the special token that is absent.
std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& folder);

struct SentencePieceOptions {
  int64_t vocab_size = 4000;           // pieces wanted, special tokens included; a small corpus may give fewer
  double character_coverage = 0.9995;  // share of the corpus' characters that get a piece of their own, (0, 1]
};

// Trains a unigram vocabulary on texts. [PAD] 0, [CLS] 1, [SEP] 2, [UNK] 3, as DeBERTa-v3 has them, and [MASK] last.
// Deterministic. Throws DataError where the texts hold too little to train on.
std::unique_ptr<Tokenizer> train_sentencepiece(const std::vector<std::string>& texts, const SentencePieceOptions& options);

}  // namespace infig
