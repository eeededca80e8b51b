#include <fmt/format.h>
#include <sentencepiece_trainer.h>

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "core/error.h"
#include "text/sentencepiece.h"

namespace infig {
namespace {

class TextIterator final : public sentencepiece::SentenceIterator {
 public:
  explicit TextIterator(const std::vector<std::string>& texts) : texts_(texts) {}
  bool done() const override { return next_ >= texts_.size(); }
  void Next() override { ++next_; }
  const std::string& value() const override { return texts_[next_]; }
  sentencepiece::util::Status status() const override { return {}; }

 private:
  const std::vector<std::string>& texts_;
  size_t next_ = 0;
};

void blank_out(std::string& text, std::string_view what) {
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at))
    std::fill_n(text.begin() + static_cast<std::ptrdiff_t>(at), what.size(), ' ');
}

// Encoding takes special tokens out before SentencePiece sees the text; so must training, or pieces of their names arise.
// The trainer drops a whole text for a U+2585, its own mark, and trips over a NUL.
std::string training_text(const std::string& text) {
  std::string plain;
  size_t start = 0;
  while (true) {
    const SpecialTokenMatch match = find_special_token(text, start);
    plain.append(text, start, match.begin - start);
    if (match.special == kSpecialTokens.size()) break;
    plain += ' ';
    start = match.begin + kSpecialTokens[match.special].size();
  }
  blank_out(plain, "\u2585");
  blank_out(plain, std::string_view("\0", 1));
  return plain;
}

std::unordered_map<std::string, std::string> trainer_settings(const SentencePieceOptions& options, size_t longest) {
  return {
      {"model_type", "unigram"},
      {"vocab_size", fmt::format("{}", options.vocab_size - 1)},  // [MASK] comes behind
      {"character_coverage", fmt::format("{}", options.character_coverage)},
      {"hard_vocab_limit", "false"},
      {"normalization_rule_name", options.case_fold ? "nmt_nfkc_cf" : "nmt_nfkc"},
      {"pad_id", "0"},
      {"bos_id", "1"},
      {"eos_id", "2"},
      {"unk_id", "3"},
      {"pad_piece", "[PAD]"},
      {"bos_piece", "[CLS]"},
      {"eos_piece", "[SEP]"},
      {"unk_piece", "[UNK]"},
      {"num_threads", "1"},
      {"input_sentence_size", "0"},
      {"shuffle_input_sentence", "false"},
      {"max_sentence_length", fmt::format("{}", std::max<size_t>(longest, 10))},  // at least 10; a longer text would be dropped
      {"minloglevel", "2"},
  };
}

sentencepiece::util::Status train(const std::vector<std::string>& texts, const SentencePieceOptions& options, std::string& model) {
  size_t longest = 0;
  for (const std::string& text : texts) longest = std::max(longest, text.size());
  TextIterator iterator(texts);
  return sentencepiece::SentencePieceTrainer::Train(trainer_settings(options, longest), &iterator, &model);
}

// Whether normalisation leaves a character that can become a piece. The trainer ends the whole process where none is left,
// so it must not be asked; only the normaliser itself knows, and a model of one letter carries it.
bool holds_characters(const std::vector<std::string>& texts) {
  std::string model;
  sentencepiece::SentencePieceProcessor normaliser;
  if (!train({"a"}, SentencePieceOptions{}, model).ok() || !normaliser.LoadFromSerializedProto(model).ok()) {
    throw Error("the SentencePiece library cannot train on the letter 'a'; its installation is damaged");
  }
  return std::any_of(texts.begin(), texts.end(), [&](const std::string& text) {
    const std::vector<std::string> pieces = normaliser.EncodeAsPieces(text);
    return std::any_of(pieces.begin(), pieces.end(), [](const std::string& piece) { return piece != "\u2581"; });
  });
}

[[noreturn]] void explain_failure(const std::string& reason, size_t texts, const SentencePieceOptions& options) {
  if (reason.find("smaller than required_chars") != std::string::npos) {
    throw ConfigError(
        fmt::format("vocab_size is {}: too small for the characters of the {} texts; raise it or lower character_coverage ({}). "
                    "SentencePiece (which counts without [MASK]): {}",
                    options.vocab_size, texts, options.character_coverage, reason));
  }
  throw DataError(
      fmt::format("a vocabulary cannot be trained on these {} texts; add texts with words in them. SentencePiece: {}", texts, reason));
}

}  // namespace

void SentencePieceOptions::validate() const {
  if (vocab_size < 6 || vocab_size > 1'000'000'000) {
    throw ConfigError(fmt::format("vocab_size is {}, expected 6 .. 1000000000: five special tokens and at least one piece", vocab_size));
  }
  if (!(character_coverage >= 0.98 && character_coverage <= 1.0)) {
    throw ConfigError(fmt::format("character_coverage is {}, expected 0.98 .. 1", character_coverage));
  }
}

std::unique_ptr<Tokenizer> train_sentencepiece(const std::vector<std::string>& texts, const SentencePieceOptions& options) {
  options.validate();
  std::vector<std::string> plain;
  for (const std::string& text : texts) plain.push_back(training_text(text));
  if (!holds_characters(plain)) {
    throw DataError(
        fmt::format("a vocabulary cannot be trained: none of the {} texts holds a character; add texts with words in them", texts.size()));
  }
  std::string model;
  const auto status = train(plain, options, model);
  if (!status.ok()) explain_failure(status.message(), texts.size(), options);
  return make_sentencepiece_tokenizer(std::move(model), "trained vocabulary");
}

}  // namespace infig
