#include "text/siglip_text.h"

#include <fmt/format.h>
#include <sentencepiece_processor.h>

#include <algorithm>

#include "core/error.h"
#include "core/files.h"
#include "text/aligned_text.h"
#include "text/model_pieces.h"
#include "text/python_text.h"
#include "text/sentencepiece.h"
#include "text/unicode.h"
#include "text/word_model.h"

namespace infig {
namespace {

constexpr const char* kSiglipFile = "spiece.model";
constexpr std::string_view kSpaceSign = "\u2581";

const std::vector<SpecialDefault>& siglip_special() {
  static const std::vector<SpecialDefault> kSpecial = {{"eos_token", "</s>"}, {"unk_token", "<unk>"}, {"pad_token", "</s>"}};
  return kSpecial;
}

// The model's vocabulary, to look added tokens up in.
class SiglipVocabulary final : public WordModel {
 public:
  explicit SiglipVocabulary(const sentencepiece::SentencePieceProcessor& pieces) : pieces_(pieces) {}
  void cut(std::string_view /*word*/, std::vector<WordPart>& parts) const override { parts.clear(); }
  int32_t find(std::string_view token) const override {
    const int id = pieces_.PieceToId(token);
    return pieces_.IdToPiece(id) == token ? id : -1;
  }
  std::string_view token(int64_t id) const override {
    return id >= 0 && id < size() ? std::string_view(pieces_.IdToPiece(static_cast<int>(id))) : std::string_view();
  }
  int64_t size() const override { return pieces_.GetPieceSize(); }
  void hide(const std::vector<int32_t>& /*ids*/) override {}

 private:
  const sentencepiece::SentencePieceProcessor& pieces_;
};

void remove_ascii_punctuation(AlignedText& text) {
  AlignedText::Replacer replacer(text);
  const std::string_view bytes = text.bytes;
  for (size_t at = 0; at < bytes.size(); ++at) {
    const char byte = bytes[at];
    const bool kept =
        byte <= ' ' || byte == 0x7F || (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
    if (!kept && static_cast<unsigned char>(byte) < 0x80) replacer.replace(at, at + 1, "");
  }
  replacer.finish();
}

// The text's own signs become spaces.
void spaces_for_signs(AlignedText& text) {
  const std::string_view bytes = text.bytes;
  AlignedText::Replacer replacer(text);
  for (size_t at = bytes.find(kSpaceSign); at != std::string_view::npos; at = bytes.find(kSpaceSign, at + kSpaceSign.size()))
    replacer.replace(at, at + kSpaceSign.size(), " ");
  replacer.finish();
}

class SiglipTokenizer final : public Tokenizer {
 public:
  explicit SiglipTokenizer(const TokenizerFolder& folder)
      : model_(folder.read(kSiglipFile)), where_(folder.file(kSiglipFile).string()), lower_case_(folder.flag("do_lower_case", true)) {
    load_pieces(pieces_, model_, where_);
    added_ = folder.library_added_tokens(siglip_special(), SiglipVocabulary(pieces_), pieces_.GetPieceSize());
    for (AddedToken& token : added_) token.normalized = false;  // they are found before the text is changed
    ids_ = folder.stated_special_ids(siglip_special(), added_, pieces_.unk_id());
    if (ids_.sep < 0) throw CheckpointError(fmt::format("{}: eos_token names no token; SigLIP needs one", folder.where()));
    unknown_text_ = folder.special(siglip_special()[1]);
    set_found(/*with_special=*/true);
    unknown_pieces_ = pieces_.EncodeAsIds(unknown_text_).size();
    files_ = folder.stated_files("SiglipTokenizer", ids_.pad);
  }

  void encode_spans(std::string_view text, int64_t max_length, std::vector<TokenSpan>& spans) const override {
    check_length(text, max_length);
    std::string repaired;
    text = repaired_utf8(text, repaired);
    const std::vector<int32_t> before = code_points_before(text);
    AlignedText spaced;
    spaced.assign(text, 0);
    spaces_for_signs(spaced);
    std::vector<AddedTokens::Split> parts;
    found_.split(spaced.bytes, parts);
    // The sign that stands for the beginning is a text of its own where an added token comes first.
    if (parts.empty() || parts.front().token != nullptr) parts.insert(parts.begin(), AddedTokens::Split());
    spans.clear();
    bool dangling = false;  // only that sign, and a special token behind it: then it is left out
    for (size_t i = 0; i < parts.size(); ++i) {
      const AddedTokens::Split& part = parts[i];
      if (part.token != nullptr) {
        const SourceRange range = slice_range(spaced.source, part.begin, part.end);
        if (i == 1 && dangling && part.token->special) spans.clear();
        spans.push_back({.id = part.token->id, .begin = before[range.begin], .end = before[range.end]});
        continue;
      }
      AlignedText plain;
      plain.assign(spaced, part.begin, part.end);
      encode_plain(std::move(plain), /*first=*/i == 0, before, spans);
      dangling = i == 0 && spans.size() == 1 && token(spans[0].id) == kSpaceSign;
    }
    if (max_length > 0 && static_cast<int64_t>(spans.size()) > max_length - 1) spans.resize(static_cast<size_t>(max_length) - 1);
    if (spans.empty() || spans.back().id != ids_.sep) spans.push_back({.id = ids_.sep});  // one that the text ends with will do
  }

  std::string_view token(int64_t id) const override {
    const auto added = std::find_if(added_.rbegin(), added_.rend(), [id](const AddedToken& one) { return one.id == id; });
    return added != added_.rend() ? std::string_view(added->text) : SiglipVocabulary(pieces_).token(id);
  }
  int64_t vocab_size() const override {
    int64_t size = pieces_.GetPieceSize();
    for (const AddedToken& token : added_) size = std::max<int64_t>(size, token.id + 1);
    return size;
  }
  const SpecialIds& special_ids() const override { return ids_; }
  std::string rule() const override { return "spiece.model, by the rules of SiglipTokenizer"; }
  void split_special_tokens() override {
    set_found(/*with_special=*/false);
    std::vector<std::string_view> hidden;
    for (const int32_t id : hidden_ids(added_, ids_.unk)) hidden.push_back(token(id));
    load_pieces(pieces_, with_control_pieces(model_, hidden), where_);
    unknown_pieces_ = pieces_.EncodeAsIds(unknown_text_).size();
  }
  void save(const std::filesystem::path& folder) const override {
    write_file_atomic(folder / kSiglipFile, model_);
    for (const auto& [name, bytes] : files_) write_file_atomic(folder / name, bytes);
  }

 private:
  void set_found(bool with_special) {
    std::vector<AddedToken> found;
    for (const AddedToken& token : added_) {
      if (with_special || !token.special) found.push_back(token);
    }
    found_ = AddedTokens(std::move(found));
  }

  // What lies between added tokens. The library drops a space at the beginning of what it is given: the unknown token's text is put before,
  // and as many pieces as that has alone are taken off again.
  void encode_plain(AlignedText text, bool first, const std::vector<int32_t>& before, std::vector<TokenSpan>& spans) const {
    if (lower_case_) python_lower(text);
    if (first) {
      text.bytes.insert(0, kSpaceSign);
      text.source.insert(text.source.begin(), kSpaceSign.size(), SourceRange{.begin = text.shift, .end = text.shift});
    }
    remove_ascii_punctuation(text);
    collapse_spaces(text);
    const auto pieces = pieces_.EncodeAsImmutableProto(unknown_text_ + text.bytes);
    size_t skipped = pieces.pieces_size() >= unknown_pieces_ ? unknown_pieces_ : 0;
    for (const auto& piece : pieces.pieces()) {
      if (skipped > 0) {
        --skipped;
        continue;
      }
      const auto place = [&](uint32_t at) {
        return std::clamp<size_t>(at, unknown_text_.size(), unknown_text_.size() + text.bytes.size()) - unknown_text_.size();
      };
      const SourceRange range = slice_range(text.source, place(piece.begin()), place(piece.end()));
      spans.push_back({.id = static_cast<int32_t>(piece.id()), .begin = before[range.begin], .end = before[range.end]});
    }
  }

  std::string model_, where_;
  bool lower_case_;
  sentencepiece::SentencePieceProcessor pieces_;
  std::vector<AddedToken> added_;
  AddedTokens found_;
  SpecialIds ids_;
  std::string unknown_text_;
  size_t unknown_pieces_ = 0;  // of its text
  std::vector<std::pair<std::string, std::string>> files_;
};

}  // namespace

bool is_siglip_tokenizer(const TokenizerFolder& folder) {
  const std::string name = folder.tokenizer_class();
  if (!name.empty()) return name == "SiglipTokenizer";
  return !folder.generic_class() && folder.model_type() == "siglip";
}

std::unique_ptr<Tokenizer> load_siglip_pieces(const TokenizerFolder& folder) {
  if (!folder.has(kSiglipFile)) {
    throw CheckpointError(
        fmt::format("{}: the file is missing; SiglipTokenizer is made of it, not of tokenizer.json. Copy it from the same source",
                    folder.file(kSiglipFile).string()));
  }
  folder.refuse_unless("sp_model_kwargs", nlohmann::json::object());  // they draw pieces by chance
  folder.refuse_unless("legacy", true);
  return std::make_unique<SiglipTokenizer>(folder);
}

}  // namespace infig
