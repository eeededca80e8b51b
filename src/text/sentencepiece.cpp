#include "text/sentencepiece.h"

#include <fmt/format.h>
#include <sentencepiece_processor.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>

#include "core/error.h"
#include "core/files.h"
#include "text/charsmap.h"

namespace infig {
namespace {

namespace fs = std::filesystem;

constexpr const char* kModelFile = "spm.model";
constexpr const char* kConfigFile = "tokenizer_config.json";

// Number of code points that begin before each byte, and before the end. Bytes that continue a character do not count.
std::vector<int64_t> code_points_before(std::string_view text) {
  std::vector<int64_t> before(text.size() + 1, 0);
  for (size_t i = 0; i < text.size(); ++i) before[i + 1] = before[i] + ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80 ? 1 : 0);
  return before;
}

// Length in bytes of the white space (Unicode's property) at a byte of the text; 0 where there is none.
size_t space_length(std::string_view text, size_t at) {
  const auto starts = [&](std::string_view character) { return text.substr(at, character.size()) == character; };
  const unsigned char first = at < text.size() ? static_cast<unsigned char>(text[at]) : 0;
  if (first == ' ' || (first >= '\t' && first <= '\r')) return 1;
  if (starts("\u0085") || starts("\u00a0")) return 2;
  const unsigned char third = at + 2 < text.size() ? static_cast<unsigned char>(text[at + 2]) : 0;
  if (starts("\xe2\x80") && ((third >= 0x80 && third <= 0x8a) || third == 0xa8 || third == 0xa9 || third == 0xaf))
    return 3;  // U+2000-200A, 2028, 2029, 202F
  return starts("\u1680") || starts("\u205f") || starts("\u3000") ? 3 : 0;
}

// Code points of a piece that covers bytes [begin, end) of a stretch of text that ends at `limit`; tokenizer.h says which convention.
std::pair<int64_t, int64_t> place(std::string_view text, std::pair<size_t, size_t> bytes, size_t limit,
                                  const std::vector<int64_t>& before) {
  auto [begin, end] = bytes;
  if (begin == end && begin < limit) return {before[begin], before[begin] + 1};
  for (size_t length = space_length(text, begin); length > 0; length = space_length(text, begin)) {
    if (begin + length >= end || space_length(text, begin + length) == 0) break;
    begin += length;
  }
  return {before[begin], before[end]};
}

class SentencePieceTokenizer final : public Tokenizer {
 public:
  SentencePieceTokenizer(std::string model, const std::string& where) : model_(std::move(model)) {
    if (const std::string fault = load_fault(); !fault.empty()) {
      throw CheckpointError(fmt::format("{}: is no SentencePiece model, or a damaged one ({}); copy the file again", where, fault));
    }
    for (size_t i = 0; i < kSpecialTokens.size(); ++i) special_ids_[i] = find_special(kSpecialTokens[i], where);
    const std::string unknown = processor_.IdToPiece(processor_.unk_id());
    if (unknown != "[UNK]") {
      throw CheckpointError(fmt::format("{}: the unknown piece is '{}', expected '[UNK]'; this is no DeBERTa vocabulary", where, unknown));
    }
  }

  Encoding encode(std::string_view text, int64_t max_length) const override {
    if (max_length < 0 || max_length == 1) {
      throw ConfigError(fmt::format("max_length is {}, expected 0 (never cut) or at least 2, the room for [CLS] and [SEP]", max_length));
    }
    Encoding encoding;
    append(encoding, kCls, {0, 0});
    const std::vector<int64_t> before = code_points_before(text);
    // A special token typed in the text is that token, as transformers has it; what lies between them is encoded by itself.
    size_t start = 0;
    while (start < text.size()) {
      const SpecialTokenMatch match = find_special_token(text, start);
      encode_plain(text, start, match.begin, before, encoding);
      if (match.special == kSpecialTokens.size()) break;
      const size_t end = match.begin + kSpecialTokens[match.special].size();
      append(encoding, match.special, {before[match.begin], before[end]});
      start = end;
    }
    if (max_length > 0 && static_cast<int64_t>(encoding.ids.size()) > max_length - 1) {
      const size_t kept = static_cast<size_t>(max_length) - 1;
      encoding.ids.resize(kept);
      encoding.tokens.resize(kept);
      encoding.offsets.resize(kept);
    }
    append(encoding, kSep, {0, 0});
    return encoding;
  }

  int64_t vocab_size() const override { return std::max<int64_t>(processor_.GetPieceSize(), special_ids_[kMask] + 1); }
  int64_t pad_id() const override { return special_ids_[kPad]; }

  void save(const fs::path& folder) const override {
    nlohmann::ordered_json config;
    config["tokenizer_class"] = "DebertaV2Tokenizer";
    config["vocab_type"] = "spm";
    config["do_lower_case"] = false;
    config["split_by_punct"] = false;
    config["bos_token"] = config["cls_token"] = "[CLS]";
    config["eos_token"] = config["sep_token"] = "[SEP]";
    config["pad_token"] = "[PAD]";
    config["unk_token"] = "[UNK]";
    config["mask_token"] = "[MASK]";
    write_file_atomic(folder / kModelFile, model_);
    write_file_atomic(folder / kConfigFile, config.dump(2) + "\n");
  }

 private:
  static constexpr size_t kPad = 0, kCls = 1, kSep = 2, kMask = 4;  // indices into kSpecialTokens

  // The library reports most damage as a status, some of it (an empty piece) as an exception of its trie.
  std::string load_fault() {
    if (std::string fault = charsmap_fault(model_); !fault.empty()) return fault;
    try {
      const auto status = processor_.LoadFromSerializedProto(model_);
      return status.ok() ? "" : status.message();
    } catch (const std::exception& error) {
      return error.what();
    }
  }

  int64_t find_special(std::string_view piece, const std::string& where) const {
    const int id = processor_.PieceToId(piece);
    if (processor_.IdToPiece(id) == piece) return id;
    // DeBERTa-v3's model has no [MASK]: it is the id behind the last piece.
    if (piece == kSpecialTokens[kMask]) return processor_.GetPieceSize();
    throw CheckpointError(fmt::format("{}: the special piece '{}' is missing; this is no DeBERTa vocabulary", where, piece));
  }

  void append(Encoding& encoding, size_t special, std::pair<int64_t, int64_t> offsets) const {
    encoding.ids.push_back(special_ids_[special]);
    encoding.tokens.emplace_back(kSpecialTokens[special]);
    encoding.offsets.push_back(offsets);
  }

  void encode_plain(std::string_view text, size_t begin, size_t end, const std::vector<int64_t>& before, Encoding& encoding) const {
    const auto pieces = processor_.EncodeAsImmutableProto(text.substr(begin, end - begin));
    for (const auto& piece : pieces.pieces()) {
      encoding.ids.push_back(piece.id());
      encoding.tokens.push_back(processor_.IdToPiece(static_cast<int>(piece.id())));
      encoding.offsets.push_back(place(text, {begin + piece.begin(), begin + piece.end()}, end, before));
    }
  }

  std::string model_;  // the file's bytes, so that saving gives back the same file
  sentencepiece::SentencePieceProcessor processor_;
  std::array<int64_t, kSpecialTokens.size()> special_ids_{};
};

std::string read_checkpoint_file(const fs::path& path) {
  try {
    return read_file(path);
  } catch (const DataError& error) {
    throw CheckpointError(error.what());
  }
}

// Options of the published tokenizer that change the ids; DeBERTa-v3 has them off, and nothing here would honour them.
void check_config(const fs::path& path) {
  const std::string bytes = read_checkpoint_file(path);
  const nlohmann::json config = nlohmann::json::parse(bytes, nullptr, /*allow_exceptions=*/false);
  if (!config.is_object()) throw CheckpointError(fmt::format("{}: is no JSON object; copy the file again", path.string()));
  for (const char* key : {"do_lower_case", "split_by_punct"}) {
    const auto found = config.find(key);
    if (found == config.end() || (found->is_boolean() && !found->get<bool>())) continue;
    throw CheckpointError(fmt::format("{}: {} is {}, expected false: only tokenizers that take the text as SentencePiece does can be read",
                                      path.string(), key, found->dump()));
  }
}

}  // namespace

SpecialTokenMatch find_special_token(std::string_view text, size_t start) {
  for (size_t at = text.find('[', start); at != std::string_view::npos; at = text.find('[', at + 1)) {
    for (size_t i = 0; i < kSpecialTokens.size(); ++i) {
      if (text.substr(at, kSpecialTokens[i].size()) == kSpecialTokens[i]) return {.begin = at, .special = i};
    }
  }
  return {.begin = text.size(), .special = kSpecialTokens.size()};
}

std::unique_ptr<Tokenizer> make_sentencepiece_tokenizer(std::string model, const std::string& where) {
  return std::make_unique<SentencePieceTokenizer>(std::move(model), where);
}

std::unique_ptr<Tokenizer> load_tokenizer(const fs::path& folder) {
  const fs::path model = folder / kModelFile;
  std::error_code code;
  if (!fs::is_directory(folder, code))
    throw CheckpointError(fmt::format("{}: no such folder, expected one with {}", folder.string(), kModelFile));
  if (!fs::exists(model, code)) {
    throw CheckpointError(
        fmt::format("{}: the file is missing; a DeBERTa folder holds its SentencePiece vocabulary under that name", model.string()));
  }
  if (fs::exists(folder / kConfigFile, code)) check_config(folder / kConfigFile);
  return make_sentencepiece_tokenizer(read_checkpoint_file(model), model.string());
}

}  // namespace infig
