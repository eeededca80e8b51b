#include "text/json_tokenizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <stdexcept>

#include "core/error.h"
#include "core/files.h"
#include "text/aligned_text.h"
#include "text/unicode.h"

namespace infig {
namespace {

// What a thread keeps from text to text.
struct JsonScratch {
  WordCache cache;
  AlignedText text;
  AlignedPieces pieces;
  std::vector<WordPart> parts;
  std::vector<AddedTokens::Split> splits;
  std::vector<uint32_t> characters;
  std::string repaired;
};

JsonScratch& json_scratch() {
  thread_local JsonScratch kept;
  return kept;
}

// A token while the steps behind the model go over it.
struct Found {
  TokenSpan span;
  int32_t leading = 0, trailing = 0;  // white space at the ends of its text
};

// Byte offsets of a text as the library makes numbers of characters of them.
class CharacterPlaces {
 public:
  CharacterPlaces(std::string_view text, std::vector<uint32_t>& storage) : size_(text.size()), characters_(storage) {
    ascii_ = std::all_of(text.begin(), text.end(), [](char byte) { return static_cast<unsigned char>(byte) < 0x80; });
    count_ = size_;
    if (ascii_) return;
    storage.resize(size_);
    count_ = 0;
    for (size_t i = 0; i < size_; ++i) {
      count_ += continues_character(text[i]) ? 0 : 1;
      storage[i] = static_cast<uint32_t>(count_ - 1);
    }
  }
  // Ends within the text; the library leaves what lies behind it in bytes.
  TokenSpan place(int32_t id, uint64_t begin, uint64_t end) const {
    uint64_t first = count_, last = count_;
    if (begin < size_) {
      first = at(begin);
      last = end < size_ ? at(end) : end > 0 && end - 1 < size_ ? at(end - 1) + 1 : first + 2;
    }
    last = std::min<uint64_t>(last, count_);
    return {.id = id, .begin = static_cast<int32_t>(std::min(first, last)), .end = static_cast<int32_t>(last)};
  }

 private:
  uint64_t at(uint64_t byte) const { return ascii_ ? byte : characters_[byte]; }
  size_t size_ = 0, count_ = 0;
  bool ascii_ = false;
  const std::vector<uint32_t>& characters_;
};

bool counts_as_space(char32_t code) { return code == 0x120 || (char_flags(code) & kSpace) != 0; }  // "Ġ" is the symbol of a space

void measure_spaces(std::string_view text, Found& found) {
  for (size_t at = 0; at < text.size(); ++found.leading) {
    const Utf8Character character = utf8_at(text, at);
    if (!counts_as_space(character.code)) break;
    at += character.length;
  }
  for (size_t end = text.size(); end > 0; ++found.trailing) {
    const size_t begin = previous_character(text, end);
    if (!counts_as_space(utf8_at(text, begin).code)) break;
    end = begin;
  }
}

// A space that add_prefix_space may have put there is not taken off.
void trim(std::vector<Found>& tokens, bool add_prefix_space) {
  for (size_t i = 0; i < tokens.size(); ++i) {
    auto& [span, leading, trailing] = tokens[i];
    if (leading > 0) {
      const bool first = i == 0 || span.begin == 0;
      const int32_t taken = first && add_prefix_space && leading == 1 ? 0 : leading;
      span.begin = std::min(span.begin + taken, span.end);
    }
    if (trailing > 0 && span.end >= trailing) span.end = std::max(span.end - trailing, span.begin);
  }
}

class JsonTokenizer final : public Tokenizer {
 public:
  explicit JsonTokenizer(JsonTokenizerParts parts) : parts_(std::move(parts)), owner_(next_cache_owner()) {
    vocab_size_ = parts_.model.model->size();
    for (const AddedToken& token : parts_.added) vocab_size_ = std::max<int64_t>(vocab_size_, token.id + 1);
    for (const ProcessStep& step : parts_.steps) {
      trims_ |= step.trims;
      around_ += step.before.size() + step.after.size();
      for (const std::vector<int32_t>* ids : {&step.before, &step.after}) {
        for (const int32_t id : *ids) vocab_size_ = std::max<int64_t>(vocab_size_, id + 1);
      }
    }
    arrange_added(/*with_special=*/true);
  }

  void encode_spans(std::string_view text, int64_t max_length, std::vector<TokenSpan>& spans) const override {
    check_length(text, max_length);
    check_frame(max_length, around_);
    JsonScratch& kept = json_scratch();
    text = repaired_utf8(text, kept.repaired);
    std::vector<Found> tokens;
    try {
      cut(text, kept);
      const size_t limit = max_length > 0 ? static_cast<size_t>(max_length) - around_ : std::numeric_limits<size_t>::max();
      look_up(text, kept, limit, tokens);
    } catch (const std::length_error&) {
      throw DataError(
          fmt::format("a text of {} bytes grows beyond all bounds under the normaliser of {}; leave it out", text.size(), parts_.where));
    }
    for (const ProcessStep& step : parts_.steps) {
      if (step.trims) {
        trim(tokens, step.add_prefix_space);
        continue;
      }
      std::vector<Found> framed;
      framed.reserve(tokens.size() + step.before.size() + step.after.size());
      for (const int32_t id : step.before) framed.push_back({.span = {.id = id}});
      framed.insert(framed.end(), tokens.begin(), tokens.end());
      for (const int32_t id : step.after) framed.push_back({.span = {.id = id}});
      tokens = std::move(framed);
    }
    spans.clear();
    spans.reserve(tokens.size());
    for (const Found& token : tokens) spans.push_back(token.span);
  }

  std::string_view token(int64_t id) const override {
    const auto added = std::find_if(parts_.added.rbegin(), parts_.added.rend(), [id](const AddedToken& one) { return one.id == id; });
    return added != parts_.added.rend() ? std::string_view(added->text) : parts_.model.model->token(id);
  }
  int64_t vocab_size() const override { return vocab_size_; }
  const SpecialIds& special_ids() const override { return parts_.special; }
  std::string rule() const override { return parts_.rule; }
  void save(const std::filesystem::path& folder) const override {
    for (const auto& [name, bytes] : parts_.files) write_file_atomic(folder / name, bytes);
  }
  void split_special_tokens() override {
    arrange_added(/*with_special=*/false);
    std::vector<int32_t> hidden = hidden_ids(parts_.added, parts_.model.unknown);
    for (const ProcessStep& step : parts_.steps) {
      std::ranges::copy_if(step.special, std::back_inserter(hidden),
                           [&](int32_t id) { return id != parts_.model.unknown && count_characters(token(id)) > 1; });
    }
    parts_.model.model->hide(hidden);
  }

 private:
  // Tokens that end a segment, whether or not the list of added tokens says so.
  bool frames(int32_t id) const {
    return std::ranges::any_of(parts_.steps,
                               [id](const ProcessStep& step) { return std::ranges::find(step.special, id) != step.special.end(); });
  }

  void arrange_added(bool with_special) {
    std::vector<AddedToken> raw, normalized;
    for (size_t i = 0; i < parts_.added.size(); ++i) {
      AddedToken token = parts_.added[i];
      if (!with_special && (token.special || frames(token.id))) continue;
      token.id = static_cast<int32_t>(i);  // its place in the list
      if (!token.normalized) {
        raw.push_back(std::move(token));
        continue;
      }
      if (parts_.normalizer != nullptr) {
        AlignedText text;
        text.assign(token.text, 0);
        parts_.normalizer->apply(text);
        token.text = text.bytes;
      }
      if (!token.text.empty()) normalized.push_back(std::move(token));
    }
    raw_ = AddedTokens(std::move(raw));
    normalized_ = AddedTokens(std::move(normalized));
  }

  // Added tokens, the normaliser for what lies between them, the pre-tokenizer for what no added token is found in.
  void cut(std::string_view text, JsonScratch& kept) const {
    kept.pieces.clear();
    const size_t limit = kept.pieces.limit = std::min(kMostGrowth * text.size() + kFreeGrowth, size_t{1} << 31);
    std::vector<AddedTokens::Split> raw;
    raw_.split(text, raw);
    for (const AddedTokens::Split& one : raw) {
      kept.text.assign(text.substr(one.begin, one.end - one.begin), static_cast<uint32_t>(one.begin));
      kept.text.limit = limit;
      if (one.token == nullptr && parts_.normalizer != nullptr) parts_.normalizer->apply(kept.text);
      const uint32_t begin = kept.pieces.append(kept.text);
      if (one.token != nullptr) {
        kept.pieces.add_slice(begin, kept.pieces.bytes.size(), one.token->id);
        continue;
      }
      normalized_.split(kept.text.bytes, kept.splits);
      for (const AddedTokens::Split& part : kept.splits)
        kept.pieces.add_slice(begin + part.begin, begin + part.end, part.token == nullptr ? -1 : part.token->id);
    }
    if (parts_.pre_tokenizer != nullptr) parts_.pre_tokenizer->apply(kept.pieces);
  }

  void look_up(std::string_view text, JsonScratch& kept, size_t limit, std::vector<Found>& tokens) const {
    const CharacterPlaces places(text, kept.characters);
    for (const AlignedPiece& piece : kept.pieces.pieces) {
      if (tokens.size() >= limit) break;
      const std::string_view word = kept.pieces.text_of(piece);
      if (piece.token >= 0) {
        const SourceRange range = slice_range(kept.pieces.source, piece.begin, piece.end);
        Found found{.span = places.place(parts_.added[static_cast<size_t>(piece.token)].id, range.begin, range.end)};
        if (trims_) measure_spaces(word, found);
        tokens.push_back(found);
        continue;
      }
      cut_word(word, kept);
      for (const WordPart& part : kept.parts) tokens.push_back(found_part(part, piece, word, kept, places));
    }
    if (tokens.size() > limit) tokens.resize(limit);
  }

  // Parts of a word, from the memory of words where it is there.
  void cut_word(std::string_view word, JsonScratch& kept) const {
    if (word.size() > WordCache::kLongest) {
      parts_.model.model->cut(word, kept.parts);
      return;
    }
    WordCache::Entry& entry = kept.cache.place(word, owner_);
    if (!WordCache::holds(entry, word, owner_)) {
      parts_.model.model->cut(word, kept.parts);
      WordCache::store(entry, word, owner_, kept.parts);
      return;
    }
    kept.parts.clear();
    uint32_t begin = 0;
    for (size_t i = 0; i < entry.count; ++i) {
      kept.parts.push_back({.id = entry.ids[i], .begin = begin, .end = entry.ends[i]});
      begin = entry.ends[i];
    }
  }

  Found found_part(const WordPart& part, const AlignedPiece& piece, std::string_view word, const JsonScratch& kept,
                   const CharacterPlaces& places) const {
    // Where a model counts more bytes than the word has, the library keeps the model's own numbers.
    SourceRange range{.begin = part.begin, .end = part.end};
    if (part.end <= word.size()) range = slice_range(kept.pieces.source, piece.begin + part.begin, piece.begin + part.end);
    Found found{.span = places.place(part.id, range.begin, range.end)};
    if (trims_) measure_spaces(parts_.model.model->value(part, word), found);
    return found;
  }

  // A normalised text may have so many bytes for each of the original, and some more.
  static constexpr size_t kMostGrowth = 256, kFreeGrowth = size_t{1} << 16;

  JsonTokenizerParts parts_;
  AddedTokens raw_, normalized_;  // their ids are places in parts_.added
  uint32_t owner_ = 0;
  int64_t vocab_size_ = 0;
  size_t around_ = 0;
  bool trims_ = false;
};

}  // namespace

std::unique_ptr<Tokenizer> make_json_tokenizer(JsonTokenizerParts parts) { return std::make_unique<JsonTokenizer>(std::move(parts)); }

}  // namespace infig
