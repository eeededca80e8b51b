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
  std::vector<int64_t> ids;                          // special tokens included
  std::vector<std::string> tokens;                   // the pieces as the vocabulary writes them
  std::vector<std::pair<int64_t, int64_t>> offsets;  // half-open, in code points of the text; {0,0} for [CLS] and [SEP] around it
};

// Offsets follow the fast tokenizers of `transformers`: a piece that begins with the space mark "▁" also covers the white space before
// its word (of a run, the last character), the "▁" put before the first word covers nothing, and standing alone it takes the place
// of the character it stands before. Deviates: a character written as letter and combining mark is covered whole (there: its letter).
// Special tokens typed in the text, "[SEP]" say, become that token, with their own offsets, as there; the texts around one are
// encoded each for itself. Where two cuts of a text score the same ("000": "0"+"00" or "00"+"0") the choice is SentencePiece's.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  // max_length counts special tokens; longer texts are cut and keep [SEP]; 0: never cut. `text` must be UTF-8 (a byte that is not
  // reads as U+FFFD). An empty text is [CLS] [SEP]. May be called from several threads at once.
  // Throws ConfigError where max_length is negative or 1.
  virtual Encoding encode(std::string_view text, int64_t max_length) const = 0;
  virtual int64_t vocab_size() const = 0;
  virtual int64_t pad_id() const = 0;
  // Writes the files that load_tokenizer and transformers read: spm.model (the bytes that were loaded) and tokenizer_config.json, each
  // whole or not at all. The folder must exist. Throws ResourceError.
  virtual void save(const std::filesystem::path& folder) const = 0;
};

// Reads a folder with spm.model, as DeBERTa-v2 and v3 come. Its own normaliser is used. [MASK] is the id behind the last piece where the
// model has none. Throws CheckpointError naming the missing or broken file, the special token that is absent, or an option of
// tokenizer_config.json that changes the ids (do_lower_case, split_by_punct).
std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& folder);

struct SentencePieceOptions {
  int64_t vocab_size = 4000;           // pieces wanted, special tokens included, 6 .. 10^9; a small corpus may give fewer
  double character_coverage = 0.9995;  // share of the corpus' characters that get a piece of their own, [0.98, 1] (SentencePiece's range)

  bool case_fold = false;  // upper and lower case are one (nmt_nfkc_cf): a small corpus sees each word more often

  void validate() const;  // throws ConfigError
};

// Trains a unigram vocabulary on texts (normalised by nmt_nfkc or, with case_fold, nmt_nfkc_cf; texts of any length; special tokens typed
// in them are left out). [PAD] 0, [CLS] 1, [SEP] 2, [UNK] 3, as DeBERTa-v3 has them, and [MASK] last. Deterministic. Throws DataError where
// the texts hold too little to train on, ConfigError where vocab_size is smaller than what their characters need.
std::unique_ptr<Tokenizer> train_sentencepiece(const std::vector<std::string>& texts, const SentencePieceOptions& options);

}  // namespace infig
