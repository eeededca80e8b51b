// Text -> ids with offsets, as the published tokenizers do it: SentencePiece (DeBERTa), WordPiece (BERT, MPNet), byte pairs (RoBERTa,
// CLIP).
// Encoding is in tokenizer.cpp, loading in load_tokenizer.cpp, training in train_sentencepiece.cpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace infig {

// A token of a text. Offsets are half-open, in code points of the text; 0 and 0 for the special tokens around it.
struct TokenSpan {
  int32_t id = 0;
  int32_t begin = 0, end = 0;
};

struct Encoding {
  std::vector<int64_t> ids;                          // special tokens included
  std::vector<std::string> tokens;                   // the pieces as the vocabulary writes them
  std::vector<std::pair<int64_t, int64_t>> offsets;  // of TokenSpan
};

struct SpecialIds {
  int32_t pad = -1, cls = -1, sep = -1, unk = -1;
  int32_t mask = -1;  // -1: the vocabulary has none (CLIP)
};

// What becomes of special tokens that a text has written out, "[SEP]" or "</s>".
enum class SpecialInText {
  kKeep,   // they become that token, with their own offsets, as in `transformers`; the texts around one are encoded each for itself
  kSplit,  // they are cut as any other text, also where such a token is a piece of the vocabulary, so that no text ends its own segment
};

// Ids and offsets are those of the fast tokenizers of `transformers`; docs/tokenizers.md lists every exception.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  // Replaces `spans` by the text's tokens, framed by special tokens. max_length counts these; longer texts are cut and keep the last one
  // ([SEP], </s>, <|endoftext|>); 0: never cut. What is not UTF-8 reads as U+FFFD (utf8_at). May be called from several threads at once.
  // Throws ConfigError where max_length is negative or 1, DataError for a text of 2 GB and more.
  virtual void encode_spans(std::string_view text, int64_t max_length, std::vector<TokenSpan>& spans) const = 0;
  Encoding encode(std::string_view text, int64_t max_length) const;  // the same with the tokens' texts
  virtual std::string_view token(int64_t id) const = 0;              // as the vocabulary writes it; empty where no token has the id
  virtual int64_t vocab_size() const = 0;                            // largest id + 1
  virtual const SpecialIds& special_ids() const = 0;
  int64_t pad_id() const { return special_ids().pad; }
  // Which files it was made of and whose rules it follows, in a line: "tokenizer.json, by the rules of DebertaV2Tokenizer".
  virtual std::string rule() const = 0;
  // SpecialInText::kSplit from now on. Before the first text, as it changes what several threads read.
  virtual void split_special_tokens() = 0;
  // Writes the files that load_tokenizer and transformers read: the vocabulary (the bytes that were loaded) and tokenizer_config.json, each
  // whole or not at all. The folder must exist. Throws ResourceError.
  virtual void save(const std::filesystem::path& folder) const = 0;

 protected:
  static void check_length(std::string_view text, int64_t max_length);  // throws as encode_spans does
  void check_frame(int64_t max_length, size_t special) const;           // ConfigError where so many special tokens leave no room
};

// How texts are cleaned before CLIP's byte pairs cut them.
enum class ClipText {
  kByFolder,      // as the makers of the files did: kOpenClip for bpe_simple_vocab_16e6.txt.gz, and beside open_clip_config.json alone
  kTransformers,  // NFC, white space to one space, lower case
  kOpenClip,      // as open_clip and OpenAI: repairs of ftfy, HTML's entities, white space, lower case (open_clip_text.h)
};
// That of the weights at `path`: kOpenClip for a file, or a folder with open_clip_config.json, without a transformers' config.json.
ClipText clip_text_of(const std::filesystem::path& path);

// Reads the tokenizer of a folder as the hub publishes them; the first of these that is there:
//   spiece.model           SigLIP, where the class or the model's type says so (a tokenizer.json beside it then counts for nothing)
//   tokenizer.json         whole, or its vocabulary under the rules of a published class (docs/tokenizers.md has the table)
//   spm.model              DeBERTa-v2 and v3. [MASK] is the id behind the last piece where the model has none
//   sentencepiece.bpe.model    XLM-R
//   vocab.txt              BERT (DistilBERT, ELECTRA, MobileBERT) and MPNet; with bpe.codes BERTweet
//   vocab.json, merges.txt     RoBERTa and CLIP
//   words.json             a vocabulary of whole words (word_vocabulary.h)
//   bpe_simple_vocab_16e6.txt.gz, or its path    CLIP, as OpenAI and open_clip ship it
// tokenizer_config.json, special_tokens_map.json, added_tokens.json and config.json beside them say which model it is, and its options.
// Throws CheckpointError naming the missing or broken file, line and key, the special token that is absent, or the unknown kind.
std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& path, SpecialInText special = SpecialInText::kKeep,
                                          ClipText clip_text = ClipText::kByFolder);

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
