#include "text/json_normalizers.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "text/byte_pairs.h"
#include "text/decompose.h"
#include "text/pattern.h"
#include "text/precompiled.h"
#include "text/unicode.h"

namespace infig {
namespace {

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char byte) { return static_cast<unsigned char>(byte) < 0x80; });
}

// A whole change would keep leading bytes that came of nothing where they are, so that a change of single characters does not do.
bool whole_is_reached(const AlignedText& text) {
  return text.length > 0 && (text.source.empty() || text.source[0].begin != text.source[0].end);
}

template <typename Visit>
void each_character(std::string_view text, Visit&& visit) {
  for (size_t at = 0; at < text.size();) {
    const auto byte = static_cast<unsigned char>(text[at]);
    const Utf8Character character = byte < 0x80 ? Utf8Character{.code = byte, .length = 1} : utf8_at(text, at);
    visit(character.code);
    at += character.length;
  }
}

// Characters that go are counted to the one before them.
template <typename Keep>
void filter(AlignedText& text, Keep&& keep) {
  std::vector<TextChange> changes;
  size_t removed_first = 0;
  bool removed = false;
  each_character(text.bytes, [&](char32_t code) {
    if (keep(code)) {
      changes.push_back({.code = code, .change = 0});
    } else {
      removed = true;
      if (changes.empty()) {
        ++removed_first;
      } else {
        --changes.back().change;
      }
    }
  });
  if (removed || !whole_is_reached(text)) text.transform(changes, removed_first);
}

template <typename Map>
void map_characters(AlignedText& text, Map&& map) {
  std::vector<TextChange> changes;
  bool changed = false;
  each_character(text.bytes, [&](char32_t code) {
    const char32_t mapped = map(code);
    changed |= mapped != code;
    changes.push_back({.code = mapped, .change = 0});
  });
  if (changed || !whole_is_reached(text)) text.transform(changes);
}

void to_form(AlignedText& text, UnicodeForm form) {
  if (whole_is_reached(text) && is_ascii(text.bytes)) return;
  std::vector<char32_t> codes;
  each_character(text.bytes, [&](char32_t code) { codes.push_back(code); });
  std::vector<TextChange> changes;
  changes.reserve(codes.size());
  for (const ChangedCharacter& one : normal_form_of(codes, form)) changes.push_back({.code = one.code, .change = one.change});
  text.transform(changes);
}

void to_lower(AlignedText& text) {
  if (whole_is_reached(text) && is_ascii(text.bytes)) {
    for (char& byte : text.bytes) byte = byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte + 32) : byte;
    return;
  }
  std::vector<TextChange> changes;
  each_character(text.bytes, [&](char32_t code) {
    if ((char_flags(code) & kUpper) == 0) {
      changes.push_back({.code = code, .change = 0});
      return;
    }
    const std::array<char32_t, 2> lower = lower_case(code);
    changes.push_back({.code = lower[0], .change = 0});
    if (lower[1] != 0) changes.push_back({.code = lower[1], .change = 1});
  });
  text.transform(changes);
}

class FunctionNormalizer final : public JsonNormalizer {
 public:
  explicit FunctionNormalizer(std::function<void(AlignedText&)> apply) : apply_(std::move(apply)) {}
  void apply(AlignedText& text) const override { apply_(text); }

 private:
  std::function<void(AlignedText&)> apply_;
};

class BertJsonNormalizer final : public JsonNormalizer {
 public:
  explicit BertJsonNormalizer(const JsonPart& part) {
    part.allow({"type", "clean_text", "handle_chinese_chars", "strip_accents", "lowercase"});
    clean_ = part.flag("clean_text");
    ideographs_ = part.flag("handle_chinese_chars");
    lower_ = part.flag("lowercase");
    accents_ = part.flag("strip_accents", lower_);
  }
  void apply(AlignedText& text) const override {
    if (clean_) {
      filter(text, [](char32_t code) { return (char_flags(code) & kRemoved) == 0; });
      map_characters(text, [](char32_t code) { return (char_flags(code) & kSpace) != 0 ? U' ' : code; });
    }
    if (ideographs_) set_apart(text);
    if (accents_) {
      to_form(text, UnicodeForm::kNfd);
      filter(text, [](char32_t code) { return (char_flags(code) & kAccent) == 0; });
    }
    if (lower_) to_lower(text);
  }

 private:
  static void set_apart(AlignedText& text) {
    std::vector<TextChange> changes;
    bool changed = false;
    each_character(text.bytes, [&](char32_t code) {
      if ((char_flags(code) & kIdeograph) == 0) {
        changes.push_back({.code = code, .change = 0});
        return;
      }
      changed = true;
      changes.insert(changes.end(), {{.code = U' ', .change = 0}, {.code = code, .change = 1}, {.code = U' ', .change = 1}});
    });
    if (changed || !whole_is_reached(text)) text.transform(changes);
  }
  bool clean_, ideographs_, accents_, lower_;
};

// White space at the ends; what goes at the end is counted to the last character that stays.
void strip(AlignedText& text, bool left, bool right) {
  std::vector<char32_t> codes;
  each_character(text.bytes, [&](char32_t code) { codes.push_back(code); });
  const auto is_space = [](char32_t code) { return (char_flags(code) & kSpace) != 0; };
  size_t begin = 0, end = codes.size();
  while (left && begin < end && is_space(codes[begin])) ++begin;
  while (right && end > begin && is_space(codes[end - 1])) --end;
  if (begin == 0 && end == codes.size()) return;
  std::vector<TextChange> changes;
  for (size_t i = begin; i < end; ++i) changes.push_back({.code = codes[i], .change = 0});
  if (!changes.empty()) changes.back().change = -static_cast<int32_t>(codes.size() - end);
  text.transform(changes, begin);
}

void nmt(AlignedText& text) {
  filter(text, [](char32_t code) {
    return !((code >= 1 && code <= 8) || code == 0xB || (code >= 0xE && code <= 0x1F) || code == 0x7F || code == 0x8F || code == 0x9F);
  });
  map_characters(text, [](char32_t code) {
    const bool space = code == 9 || code == 0xA || code == 0xC || code == 0xD || code == 0x1680 || (code >= 0x200B && code <= 0x200F) ||
                       code == 0x2028 || code == 0x2029 || code == 0x2581 || code == 0xFEFF || code == 0xFFFD;
    return space ? U' ' : code;
  });
}

void to_byte_symbols(AlignedText& text) {
  std::vector<TextChange> changes;
  for (const char byte : text.bytes) {
    const std::string& symbol = byte_symbol(static_cast<unsigned char>(byte));
    changes.push_back({.code = utf8_at(symbol, 0).code, .change = continues_character(byte) ? 1 : 0});
  }
  text.transform(changes);
}

class ReplaceNormalizer final : public JsonNormalizer {
 public:
  explicit ReplaceNormalizer(const JsonPart& part) : pattern_(pattern_of(part.at("pattern"))), content_(part.text("content")) {
    part.allow({"type", "pattern", "content"});
    if (content_.size() > kLongestContent) part.refuse_value("content", fmt::format("a text of at most {} bytes", kLongestContent));
  }
  void apply(AlignedText& text) const override {
    std::vector<PatternPart> parts;
    pattern_.cut(text.bytes, parts);
    AlignedText::Replacer replacer(text);
    for (const PatternPart& one : parts) {
      if (one.match) replacer.replace(one.begin, one.end, content_);
    }
    replacer.finish();
  }

 private:
  static constexpr size_t kLongestContent = 4096;
  Pattern pattern_;
  std::string content_;
};

class PrecompiledNormalizer final : public JsonNormalizer {
 public:
  explicit PrecompiledNormalizer(const JsonPart& part) : map_(part.text("precompiled_charsmap"), part.place() + ".precompiled_charsmap") {
    part.allow({"type", "precompiled_charsmap"});
  }
  void apply(AlignedText& text) const override {
    std::vector<TextChange> changes;
    bool modified = false;
    for (size_t at = 0; at < text.bytes.size();) {
      const size_t end = grapheme_end(text.bytes, at);
      const std::string_view cluster = std::string_view(text.bytes).substr(at, end - at);
      modified |= take(cluster, changes);
      at = end;
    }
    if (modified) text.transform(changes);
  }

 private:
  bool take(std::string_view cluster, std::vector<TextChange>& changes) const {
    if (cluster.size() < 6 && replace(cluster, changes)) return true;
    bool modified = false;
    for (size_t at = 0; at < cluster.size();) {
      const Utf8Character character = utf8_at(cluster, at);
      if (replace(cluster.substr(at, character.length), changes)) {
        modified = true;
      } else {
        changes.push_back({.code = character.code, .change = 0});
      }
      at += character.length;
    }
    return modified;
  }

  // Characters in addition are the last ones; where some go, the last character before counts them, whichever it is.
  bool replace(std::string_view part, std::vector<TextChange>& changes) const {
    const std::optional<std::string_view> found = map_.find(part);
    if (!found) return false;
    const auto before = static_cast<int32_t>(count_characters(part)), after = static_cast<int32_t>(count_characters(*found));
    each_character(*found, [&](char32_t code) { changes.push_back({.code = code, .change = 0}); });
    for (int32_t i = 0; i < after - before; ++i) changes[changes.size() - 1 - static_cast<size_t>(i)].change = 1;
    if (after < before && !changes.empty()) changes.back().change += after - before;
    return true;
  }

  PrecompiledMap map_;
};

class NormalizerSequence final : public JsonNormalizer {
 public:
  explicit NormalizerSequence(const JsonPart& part) {
    part.allow({"type", "normalizers"});
    for (const JsonPart& one : part.items("normalizers")) steps_.push_back(make_json_normalizer(one));
  }
  void apply(AlignedText& text) const override {
    for (const auto& step : steps_) step->apply(text);
  }

 private:
  std::vector<std::unique_ptr<JsonNormalizer>> steps_;
};

std::unique_ptr<JsonNormalizer> plain(const JsonPart& part, std::function<void(AlignedText&)> apply) {
  part.allow({"type"});
  return std::make_unique<FunctionNormalizer>(std::move(apply));
}

}  // namespace

std::unique_ptr<JsonNormalizer> make_json_normalizer(const JsonPart& part) {
  const std::string type = part.type();
  if (type == "Sequence") return std::make_unique<NormalizerSequence>(part);
  if (type == "BertNormalizer") return std::make_unique<BertJsonNormalizer>(part);
  if (type == "Replace") return std::make_unique<ReplaceNormalizer>(part);
  if (type == "Precompiled") return std::make_unique<PrecompiledNormalizer>(part);
  if (type == "Lowercase") return plain(part, to_lower);
  if (type == "Nmt") return plain(part, nmt);
  if (type == "ByteLevel") return plain(part, to_byte_symbols);
  if (type == "NFC") return plain(part, [](AlignedText& text) { to_form(text, UnicodeForm::kNfc); });
  if (type == "NFD") return plain(part, [](AlignedText& text) { to_form(text, UnicodeForm::kNfd); });
  if (type == "NFKC") return plain(part, [](AlignedText& text) { to_form(text, UnicodeForm::kNfkc); });
  if (type == "NFKD") return plain(part, [](AlignedText& text) { to_form(text, UnicodeForm::kNfkd); });
  if (type == "StripAccents") {
    return plain(part, [](AlignedText& text) { filter(text, [](char32_t code) { return !is_combining_mark(code); }); });
  }
  if (type == "Strip") {
    part.allow({"type", "strip_left", "strip_right"});
    const bool left = part.flag("strip_left"), right = part.flag("strip_right");
    return std::make_unique<FunctionNormalizer>([left, right](AlignedText& text) { strip(text, left, right); });
  }
  if (type == "Prepend") {
    part.allow({"type", "prepend"});
    return std::make_unique<FunctionNormalizer>([prefix = part.text("prepend")](AlignedText& text) { text.prepend(prefix); });
  }
  part.refuse_value(
      "type",
      "one of BertNormalizer, ByteLevel, Lowercase, NFC, NFD, NFKC, NFKD, Nmt, Precompiled, Prepend, Replace, Sequence, Strip, "
      "StripAccents");
}

}  // namespace infig
