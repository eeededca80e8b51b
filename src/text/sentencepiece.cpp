#include "text/sentencepiece.h"

#include <fmt/format.h>
#include <sentencepiece_processor.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "text/charsmap.h"
#include "text/model_pieces.h"
#include "text/unicode.h"

namespace infig {
namespace {

namespace fs = std::filesystem;

constexpr const char* kModelFile = "spm.model";
constexpr const char* kConfigFile = "tokenizer_config.json";

// Length in bytes of the white space (Unicode's property) at a byte of the text; 0 where there is none.
size_t space_length(std::string_view text, size_t at) {
  if (at >= text.size()) return 0;
  const Utf8Character character = utf8_at(text, at);
  return (char_flags(character.code) & kSpace) != 0 ? character.length : 0;
}

// Control characters that SentencePiece's rules (nmt_nfkc) drop.
bool is_dropped(char32_t code) {
  return (code > 0 && code < 0x20 && code != '\t' && code != '\n' && code != '\r' && code != 0x0c) || code == 0x7f || code == 0x8f ||
         code == 0x9f;
}

// Code points of a piece that covers bytes [begin, end) of a stretch of text that ends at `limit`; tokenizer.h says which convention.
std::pair<int32_t, int32_t> place(std::string_view text, std::pair<size_t, size_t> bytes, size_t limit,
                                  const std::vector<int32_t>& before) {
  auto [begin, end] = bytes;
  if (begin == end && begin < limit) return {before[begin], before[begin] + 1};
  for (size_t length = space_length(text, begin); length > 0; length = space_length(text, begin)) {
    if (begin + length >= end || space_length(text, begin + length) == 0) break;
    begin += length;
  }
  // The last piece before white space or dropped control characters is given these as well; but one character it keeps.
  while (end > begin) {
    size_t last = end - 1;
    while (last > begin && (static_cast<unsigned char>(text[last]) & 0xc0) == 0x80) --last;
    if (last <= begin || (space_length(text, last) == 0 && !is_dropped(utf8_at(text, last).code))) break;
    end = last;
  }
  return {before[begin], before[end]};
}

class SentencePieceTokenizer final : public Tokenizer {
 public:
  SentencePieceTokenizer(std::string model, const std::string& where, SentencePieceReading reading)
      : model_(std::move(model)), reading_(reading) {
    load_pieces(processor_, model_, where);
    special_ = {.pad = find_special(kPad, where),
                .cls = find_special(kCls, where),
                .sep = find_special(kSep, where),
                .unk = find_special(kUnk, where),
                .mask = find_special(kMask, where)};
    // The id is -1 if the piece named in the model's settings does not exist or is not the unknown piece.
    const int unknown_id = processor_.unk_id();
    const std::string unknown = unknown_id < 0 ? "" : processor_.IdToPiece(unknown_id);
    if (unknown != "[UNK]") {
      throw CheckpointError(
          fmt::format("{}: the unknown piece is '{}', expected '[UNK]'; this is not a DeBERTa vocabulary", where, unknown));
    }
  }

  void encode_spans(std::string_view text, int64_t max_length, std::vector<TokenSpan>& spans) const override {
    check_length(text, max_length);
    std::string repaired;
    text = repaired_utf8(text, repaired);
    std::vector<int32_t> before = code_points_before(text);
    spans.clear();
    spans.push_back({.id = special_.cls});
    // A special token typed in the text becomes that token, as in transformers; the text between two of them is encoded separately.
    size_t start = 0;
    while (start < text.size()) {
      const SpecialTokenMatch match = split_ ? SpecialTokenMatch{.begin = text.size()} : find_special_token(text, start);
      encode_plain(text, start, match.begin, before, spans);
      if (match.special == kSpecialTokens.size()) break;
      const size_t end = match.begin + kSpecialTokens[match.special].size();
      spans.push_back({.id = special_id(match.special), .begin = before[match.begin], .end = before[end]});
      start = end;
    }
    if (max_length > 0 && static_cast<int64_t>(spans.size()) > max_length - 1) spans.resize(static_cast<size_t>(max_length) - 1);
    spans.push_back({.id = special_.sep});
  }

  std::string_view token(int64_t id) const override {
    if (id >= 0 && id < processor_.GetPieceSize()) return processor_.IdToPiece(static_cast<int>(id));
    return id == special_.mask ? kSpecialTokens[kMask] : std::string_view();
  }
  int64_t vocab_size() const override { return std::max<int64_t>(processor_.GetPieceSize(), special_.mask + 1); }
  const SpecialIds& special_ids() const override { return special_; }
  std::string rule() const override { return "spm.model, by SentencePiece's own normaliser"; }
  void split_special_tokens() override {
    split_ = true;
    // The unknown piece stays: what is cut into it was no token before.
    const std::string changed = with_control_pieces(model_, {"[PAD]", "[CLS]", "[SEP]", "[MASK]"});
    const auto status = processor_.LoadFromSerializedProto(changed);
    if (!status.ok()) throw CheckpointError(fmt::format("spm.model: cannot be read with its special pieces hidden ({})", status.message()));
  }

  void save(const fs::path& folder) const override {
    nlohmann::ordered_json config;
    config["tokenizer_class"] = "DebertaV2Tokenizer";
    config["vocab_type"] = "spm";
    config["do_lower_case"] = reading_.lower_case;
    config["split_by_punct"] = reading_.split_by_punct;
    config["bos_token"] = config["cls_token"] = "[CLS]";
    config["eos_token"] = config["sep_token"] = "[SEP]";
    config["pad_token"] = "[PAD]";
    config["unk_token"] = "[UNK]";
    config["mask_token"] = "[MASK]";
    write_file_atomic(folder / kModelFile, model_);
    write_file_atomic(folder / kConfigFile, config.dump(2) + "\n");
  }

 private:
  static constexpr size_t kPad = 0, kCls = 1, kSep = 2, kUnk = 3, kMask = 4;  // indices into kSpecialTokens

  int32_t find_special(size_t special, const std::string& where) const {
    const std::string_view piece = kSpecialTokens[special];
    const int id = processor_.PieceToId(piece);
    if (processor_.IdToPiece(id) == piece) return id;
    // DeBERTa-v3's model has no [MASK]: it is the id behind the last piece.
    if (special == kMask) return processor_.GetPieceSize();
    throw CheckpointError(fmt::format("{}: the special piece '{}' is missing; this is not a DeBERTa vocabulary", where, piece));
  }

  int32_t special_id(size_t special) const {
    const std::array<int32_t, kSpecialTokens.size()> ids = {special_.pad, special_.cls, special_.sep, special_.unk, special_.mask};
    return ids[special];
  }

  void encode_plain(std::string_view text, size_t begin, size_t end, const std::vector<int32_t>& before,
                    std::vector<TokenSpan>& spans) const {
    if (!reading_.lower_case) return encode_parts(text, begin, end, before, spans);
    std::string lowered;
    std::vector<int32_t> lowered_before;  // the number of the original character that each byte came of
    for (size_t at = begin; at < end;) {
      const Utf8Character character = utf8_at(text, at);
      for (const char32_t code : lower_case(character.code)) {
        if (code != 0 || character.code == 0) append_utf8(lowered, code);
        lowered_before.resize(lowered.size(), before[at]);
        if (character.code == 0) break;
      }
      at += character.length;
    }
    lowered_before.push_back(before[end]);
    encode_parts(lowered, 0, lowered.size(), lowered_before, spans);
  }

  void encode_parts(std::string_view text, size_t begin, size_t end, const std::vector<int32_t>& before,
                    std::vector<TokenSpan>& spans) const {
    if (!reading_.split_by_punct) return encode_part(text, begin, end, before, spans);
    size_t start = begin;
    for (size_t at = begin; at < end;) {
      const Utf8Character character = utf8_at(text, at);
      const size_t next = at + character.length;
      if ((char_flags(character.code) & kPunctuation) != 0) {
        encode_part(text, start, at, before, spans);
        encode_part(text, at, next, before, spans);
        start = next;
      }
      at = next;
    }
    encode_part(text, start, end, before, spans);
  }

  void encode_part(std::string_view text, size_t begin, size_t end, const std::vector<int32_t>& before,
                   std::vector<TokenSpan>& spans) const {
    if (begin >= end) return;
    const auto pieces = processor_.EncodeAsImmutableProto(text.substr(begin, end - begin));
    for (const auto& piece : pieces.pieces()) {
      const auto [first, last] = place(text, {begin + piece.begin(), begin + piece.end()}, end, before);
      spans.push_back({.id = static_cast<int32_t>(piece.id()), .begin = first, .end = last});
    }
  }

  std::string model_;  // the file's bytes, so that saving gives back the same file
  sentencepiece::SentencePieceProcessor processor_;
  SentencePieceReading reading_;
  SpecialIds special_;
  bool split_ = false;  // special tokens typed in a text are no tokens
};

// The library reports most damage as a status, some of it (an empty piece) as an exception of its trie.
std::string load_fault(sentencepiece::SentencePieceProcessor& processor, const std::string& model) {
  if (std::string fault = charsmap_fault(model); !fault.empty()) return fault;
  try {
    const auto status = processor.LoadFromSerializedProto(model);
    return status.ok() ? "" : status.message();
  } catch (const std::exception& error) {
    return error.what();
  }
}

}  // namespace

std::vector<int32_t> code_points_before(std::string_view text) {
  std::vector<int32_t> before(text.size() + 1, 0);
  for (size_t i = 0; i < text.size(); ++i) before[i + 1] = before[i] + (continues_character(text[i]) ? 0 : 1);
  return before;
}

void load_pieces(sentencepiece::SentencePieceProcessor& processor, const std::string& model, const std::string& where) {
  const std::string fault = load_fault(processor, model);
  if (fault.empty()) return;
  throw CheckpointError(fmt::format("{}: is not a SentencePiece model, or a damaged one ({}); copy the file again", where, fault));
}

SpecialTokenMatch find_special_token(std::string_view text, size_t start) {
  for (size_t at = text.find('[', start); at != std::string_view::npos; at = text.find('[', at + 1)) {
    for (size_t i = 0; i < kSpecialTokens.size(); ++i) {
      if (text.substr(at, kSpecialTokens[i].size()) == kSpecialTokens[i]) return {.begin = at, .special = i};
    }
  }
  return {.begin = text.size(), .special = kSpecialTokens.size()};
}

std::unique_ptr<Tokenizer> make_sentencepiece_tokenizer(std::string model, const std::string& where, SentencePieceReading reading) {
  return std::make_unique<SentencePieceTokenizer>(std::move(model), where, reading);
}

std::unique_ptr<Tokenizer> load_sentencepiece(const TokenizerFolder& folder) {
  const std::string name = folder.tokenizer_class();
  if (!name.empty() && name != "DebertaV2Tokenizer") {
    throw CheckpointError(
        fmt::format("{}: tokenizer_class is '{}' in tokenizer_config.json; of SentencePiece's only DebertaV2Tokenizer can be read",
                    folder.where(), name));
  }
  const SentencePieceReading reading{.lower_case = folder.flag("do_lower_case", false),
                                     .split_by_punct = folder.flag("split_by_punct", false)};
  return make_sentencepiece_tokenizer(folder.read(kModelFile), folder.file(kModelFile).string(), reading);
}

}  // namespace infig
