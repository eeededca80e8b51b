#include "text/pipeline.h"

#include <algorithm>
#include <limits>

#include "core/files.h"
#include "text/unicode.h"
#include "text/words.h"

namespace infig {
namespace {

// What a thread keeps from text to text.
struct Scratch {
  WordCache cache;
  NormalizedText text, prefixed;
  std::vector<WordPart> parts;
  std::string repaired;
};

Scratch& scratch() {
  thread_local Scratch kept;
  return kept;
}

struct Spaces {
  int32_t leading = 0, trailing = 0;  // characters
};

Spaces spaces_around(std::string_view text) {
  Spaces spaces;
  size_t at = 0;
  for (; at < text.size(); ++spaces.leading) {
    const Utf8Character character = utf8_at(text, at);
    if ((char_flags(character.code) & kSpace) == 0) break;
    at += character.length;
  }
  for (size_t end = text.size(); end > 0; ++spaces.trailing) {
    const size_t begin = previous_character(text, end);
    if ((char_flags(utf8_at(text, begin).code) & kSpace) == 0) break;
    end = begin;
  }
  return spaces;
}

class PipelineTokenizer final : public Tokenizer {
 public:
  explicit PipelineTokenizer(PipelineParts parts)
      : model_(std::move(parts.model)),
        options_(parts.options),
        special_(parts.special),
        before_(std::move(parts.before)),
        after_(std::move(parts.after)),
        rule_(std::move(parts.rule)),
        added_(std::move(parts.added)),
        files_(std::move(parts.files)),
        owner_(next_cache_owner()) {
    vocab_size_ = model_->size();
    for (const std::vector<int32_t>* ids : {&before_, &after_}) {
      for (const int32_t id : *ids) vocab_size_ = std::max<int64_t>(vocab_size_, id + 1);
    }
    for (const AddedToken& token : added_) vocab_size_ = std::max<int64_t>(vocab_size_, token.id + 1);
    arrange_added(/*with_special=*/true);
  }

  void arrange_added(bool with_special) {
    std::vector<AddedToken> raw, normalized;
    for (AddedToken token : added_) {
      if (token.special && !with_special) continue;
      if (!token.normalized) {
        raw.push_back(std::move(token));
        continue;
      }
      NormalizedText text;
      normalize(token.text, 0, text);
      token.text = text.bytes;
      if (!token.text.empty()) normalized.push_back(std::move(token));
    }
    raw_ = AddedTokens(std::move(raw));
    normalized_ = AddedTokens(std::move(normalized));
  }

  void encode_spans(std::string_view text, int64_t max_length, std::vector<TokenSpan>& spans) const override {
    check_length(text, max_length);
    Scratch& kept = scratch();
    text = repaired_utf8(text, kept.repaired);
    spans.clear();
    for (const int32_t id : before_) spans.push_back({.id = id});
    check_frame(max_length, before_.size() + after_.size());
    Output output{.spans = spans,
                  .limit = max_length > 0 ? static_cast<size_t>(max_length) - after_.size() : std::numeric_limits<size_t>::max(),
                  .first = before_.size()};
    uint32_t character = 0;
    for (size_t at = 0; at < text.size() && !output.full();) {
      const AddedTokens::Match match = raw_.empty() ? AddedTokens::Match{.begin = text.size(), .end = text.size()} : raw_.find(text, at);
      if (match.begin > at) {
        kept.text.clear();
        character = normalize(text.substr(at, match.begin - at), character, kept.text);
        encode_normalized(kept, output);
      }
      if (match.token == nullptr) break;
      const std::string_view found = text.substr(match.begin, match.end - match.begin);
      const uint32_t end = character + static_cast<uint32_t>(count_characters(found));
      add_token(*match.token, found, character, end, output);
      character = end;
      at = match.end;
    }
    if (spans.size() > output.limit) spans.resize(output.limit);
    for (const int32_t id : after_) spans.push_back({.id = id});
  }

  std::string_view token(int64_t id) const override {
    const std::string_view known = model_->token(id);
    if (!known.empty()) return known;
    const auto added = std::find_if(added_.begin(), added_.end(), [id](const AddedToken& one) { return one.id == id; });
    return added == added_.end() ? std::string_view() : std::string_view(added->text);
  }
  int64_t vocab_size() const override { return vocab_size_; }
  const SpecialIds& special_ids() const override { return special_; }
  std::string rule() const override { return rule_; }
  void split_special_tokens() override {
    arrange_added(/*with_special=*/false);
    model_->hide(hidden_ids(added_, special_.unk));
  }

  void save(const std::filesystem::path& folder) const override {
    for (const auto& [name, bytes] : files_) write_file_atomic(folder / name, bytes);
  }

 private:
  struct Output {
    std::vector<TokenSpan>& spans;
    size_t limit, first;  // first: ids before the text's own
    bool full() const { return spans.size() >= limit; }
  };

  uint32_t normalize(std::string_view text, uint32_t first, NormalizedText& out) const {
    switch (options_.rule) {
      case WordRule::kBert:
        return normalize_bert(text, first, options_.bert, out);
      case WordRule::kClip:
        return normalize_clip(text, first, out);
      case WordRule::kByteLevel:
        break;
    }
    return normalize_none(text, first, out);
  }

  // What lies between two added tokens of the text, with those in it that are looked for in normalised text.
  void encode_normalized(Scratch& kept, Output& output) const {
    const std::string_view bytes = kept.text.bytes;
    if (normalized_.empty()) {
      encode_stretch(kept, 0, bytes.size(), output);
      return;
    }
    for (size_t at = 0; at < bytes.size() && !output.full();) {
      const AddedTokens::Match match = normalized_.find(bytes, at);
      encode_stretch(kept, at, match.begin, output);
      if (match.token == nullptr) break;
      add_token(*match.token, bytes.substr(match.begin, match.end - match.begin), kept.text.source[match.begin],
                kept.text.source[match.end - 1] + 1, output);
      at = match.end;
    }
  }

  void encode_stretch(Scratch& kept, size_t begin, size_t end, Output& output) const {
    if (begin >= end) return;
    const NormalizedText* text = &kept.text;
    if (options_.rule == WordRule::kByteLevel && options_.add_prefix_space && text->bytes[begin] != ' ') {
      // The space before the text takes the place of the text's first character.
      kept.prefixed.bytes = ' ';
      kept.prefixed.bytes.append(text->bytes, begin, end - begin);
      kept.prefixed.source.assign(1, text->source[begin]);
      kept.prefixed.source.insert(kept.prefixed.source.end(), text->source.begin() + static_cast<std::ptrdiff_t>(begin),
                                  text->source.begin() + static_cast<std::ptrdiff_t>(end));
      text = &kept.prefixed;
      end = end - begin + 1;
      begin = 0;
    }
    const std::string_view stretch = std::string_view(text->bytes).substr(begin, end - begin);
    const uint32_t* source = text->source.data() + begin;
    const auto word = [&](size_t first, size_t last) {
      add_word(stretch.substr(first, last - first), source + first, kept, output);
      return !output.full();
    };
    switch (options_.rule) {
      case WordRule::kBert:
        return bert_words(stretch, word);
      case WordRule::kByteLevel:
        return byte_level_words(stretch, word);
      case WordRule::kClip:
        return clip_words(stretch, word);
    }
  }

  void add_word(std::string_view word, const uint32_t* source, Scratch& kept, Output& output) const {
    if (word.size() > WordCache::kLongest) {
      model_->cut(word, kept.parts);
      for (const WordPart& part : kept.parts) add_part(part, word, source, output);
      return;
    }
    WordCache::Entry& entry = kept.cache.place(word, owner_);
    if (!WordCache::holds(entry, word, owner_)) {
      model_->cut(word, kept.parts);
      WordCache::store(entry, word, owner_, kept.parts);
      for (const WordPart& part : kept.parts) add_part(part, word, source, output);
      return;
    }
    uint32_t begin = 0;
    for (size_t i = 0; i < entry.count; ++i) {
      const WordPart part{.id = entry.ids[i], .begin = begin, .end = entry.ends[i]};
      add_part(part, word, source, output);
      begin = part.end;
    }
  }

  void add_part(const WordPart& part, std::string_view word, const uint32_t* source, Output& output) const {
    TokenSpan span{.id = part.id, .begin = static_cast<int32_t>(source[part.begin]), .end = static_cast<int32_t>(source[part.end - 1] + 1)};
    if (options_.trim_offsets && options_.rule == WordRule::kByteLevel && (word[part.begin] == ' ' || word[part.end - 1] == ' ')) {
      // Bytes of a character that is cut up are no spaces, so the token's own spaces are the ASCII ones at its ends.
      const std::string_view bytes = word.substr(part.begin, part.end - part.begin);
      Spaces spaces;
      while (spaces.leading < static_cast<int32_t>(bytes.size()) && bytes[static_cast<size_t>(spaces.leading)] == ' ') ++spaces.leading;
      while (spaces.trailing < static_cast<int32_t>(bytes.size()) && bytes[bytes.size() - 1 - static_cast<size_t>(spaces.trailing)] == ' ')
        ++spaces.trailing;
      trim(span, spaces, output);
    }
    output.spans.push_back(span);
  }

  void add_token(const AddedToken& token, std::string_view found, uint32_t begin, uint32_t end, Output& output) const {
    TokenSpan span{.id = token.id, .begin = static_cast<int32_t>(begin), .end = static_cast<int32_t>(end)};
    if (options_.trim_offsets) trim(span, spaces_around(found), output);
    output.spans.push_back(span);
  }

  // As the fast tokenizers do it: a space that add_prefix_space may have put there is not taken off.
  void trim(TokenSpan& span, Spaces spaces, const Output& output) const {
    const bool first = output.spans.size() == output.first || span.begin == 0;
    if (first && options_.add_prefix_space && spaces.leading == 1) spaces.leading = 0;
    span.begin = std::min(span.begin + spaces.leading, span.end);
    if (spaces.trailing > 0 && span.end >= spaces.trailing) span.end = std::max(span.end - spaces.trailing, span.begin);
  }

  std::unique_ptr<WordModel> model_;
  PipelineOptions options_;
  SpecialIds special_;
  std::vector<int32_t> before_, after_;
  std::string rule_;
  AddedTokens raw_, normalized_;
  std::vector<AddedToken> added_;
  std::vector<std::pair<std::string, std::string>> files_;
  uint32_t owner_ = 0;
  int64_t vocab_size_ = 0;
};

}  // namespace

std::unique_ptr<Tokenizer> make_pipeline(PipelineParts parts) { return std::make_unique<PipelineTokenizer>(std::move(parts)); }

}  // namespace infig
