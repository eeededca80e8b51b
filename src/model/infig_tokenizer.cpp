// The tokenizer of a new INFIG run (InfigOptions::make_tokenizer and adopt_tokenizer in infig_options.h).
#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "core/log.h"
#include "core/words.h"
#include "model/infig_options.h"

namespace infig {
namespace {

std::unique_ptr<Tokenizer> vocabulary_of(const DataSet& data, const TextOptions& options) {
  std::vector<std::string> texts;
  for (const int64_t row : data.rows_of(Split::kTrain)) {
    const auto& text = data.posts[static_cast<size_t>(row)].text;
    if (!text.empty()) texts.push_back(text);
  }
  log_info("training a vocabulary of at most {} pieces on {}", options.vocab_size, counted(static_cast<int64_t>(texts.size()), "text"));
  auto tokenizer = train_sentencepiece(
      texts, {.vocab_size = options.vocab_size, .character_coverage = options.character_coverage, .case_fold = options.case_fold});
  if (tokenizer->vocab_size() < options.vocab_size) log_info("the texts yield {} pieces", tokenizer->vocab_size());
  return tokenizer;
}

}  // namespace

void InfigOptions::prepare_tokenizer(Tokenizer& tokenizer) const {
  if (text.special_in_text == SpecialInText::kSplit) tokenizer.split_special_tokens();
}

std::unique_ptr<Tokenizer> InfigOptions::make_tokenizer(const DataSet& data) const {
  return text.model.empty() ? vocabulary_of(data, text) : load_tokenizer(text.model);
}

void InfigOptions::adopt_tokenizer(const Tokenizer& tokenizer, bool random_init) {
  if (!text.published) {
    // With --random-init the table has the size of the published model's, for its speed and memory.
    text.encoder.vocab_size = random_init ? std::max(tokenizer.vocab_size(), text.vocab_size) : tokenizer.vocab_size();
    text.encoder.pad_token_id = tokenizer.pad_id();
    return;
  }
  const int64_t rows = text_encoder_facts(*text.published).vocab_size;
  if (tokenizer.vocab_size() > rows) {
    throw CheckpointError(fmt::format("{}: the tokenizer has {} tokens, the model's embeddings {} rows; they do not belong together",
                                      text.model, tokenizer.vocab_size(), rows));
  }
}

}  // namespace infig
