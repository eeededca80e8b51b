#include "text/json_pretokenizers.h"

#include <fmt/format.h>

#include <functional>

#include "text/byte_pairs.h"
#include "text/pattern.h"
#include "text/piece_split.h"
#include "text/script.h"
#include "text/unicode.h"
#include "text/words.h"

namespace infig {
namespace {

// A function of characters decides where to split.
class CharacterSplit final : public JsonPreTokenizer {
 public:
  CharacterSplit(std::function<bool(char32_t)> matches, SplitBehavior behavior) : matches_(std::move(matches)), behavior_(behavior) {}
  void apply(AlignedPieces& text) const override {
    Parts parts;
    split_pieces(text, [&](std::string_view piece, auto&& add) {
      character_parts(piece, parts, matches_);
      apply_behavior(parts, behavior_, add);
    });
  }

 private:
  std::function<bool(char32_t)> matches_;
  SplitBehavior behavior_;
};

bool is_space_character(char32_t code) { return (char_flags(code) & kSpace) != 0; }
bool is_punctuation_character(char32_t code) { return (char_flags(code) & kPunctuation) != 0; }

class BertSplit final : public JsonPreTokenizer {
 public:
  void apply(AlignedPieces& text) const override {
    split_pieces(text, [](std::string_view piece, auto&& add) {
      bert_words(piece, [&](size_t begin, size_t end) {
        add(begin, end);
        return true;
      });
    });
  }
};

// \w+|[^\w\s]+
class WhitespaceWords final : public JsonPreTokenizer {
 public:
  void apply(AlignedPieces& text) const override {
    split_pieces(text, [](std::string_view piece, auto&& add) {
      size_t begin = 0;
      int before = 0;  // 0: white space, 1: word, 2: the rest
      for (size_t at = 0; at < piece.size();) {
        const Utf8Character character = utf8_at(piece, at);
        const int kind = is_space_character(character.code) ? 0 : is_word_character(character.code) ? 1 : 2;
        if (kind != before) {
          if (before != 0) add(begin, at);
          begin = at;
          before = kind;
        }
        at += character.length;
      }
      if (before != 0) add(begin, piece.size());
    });
  }
};

class PatternSplit final : public JsonPreTokenizer {
 public:
  explicit PatternSplit(const JsonPart& part)
      : pattern_(pattern_of(part.at("pattern"))), behavior_(behavior_of(part, "behavior")), invert_(part.flag("invert")) {
    part.allow({"type", "pattern", "behavior", "invert"});
  }
  void apply(AlignedPieces& text) const override {
    Parts parts;
    split_pieces(text, [&](std::string_view piece, auto&& add) {
      pattern_.cut(piece, parts);
      if (invert_) {
        for (PatternPart& one : parts) one.match = !one.match;
      }
      apply_behavior(parts, behavior_, add);
    });
  }

 private:
  Pattern pattern_;
  SplitBehavior behavior_;
  bool invert_;
};

class ByteLevelSplit final : public JsonPreTokenizer {
 public:
  explicit ByteLevelSplit(const JsonPart& part) : prefix_(part.flag("add_prefix_space")), words_(part.flag("use_regex", true)) {
    part.allow({"type", "add_prefix_space", "trim_offsets", "use_regex"});
    (void)part.flag("trim_offsets", true);
  }
  void apply(AlignedPieces& text) const override {
    if (prefix_ || words_) split(text);
    rewrite_pieces(text, [](AlignedText& one) { to_symbols(one); }, [](std::string_view, auto&&) { return false; });
  }

 private:
  void split(AlignedPieces& text) const {
    const auto cut = [this](std::string_view piece, auto&& add) {
      if (!words_) return false;
      byte_level_words(piece, [&](size_t begin, size_t end) {
        add(begin, end);
        return true;
      });
      return true;
    };
    if (!prefix_) {
      split_pieces(text, cut);
      return;
    }
    rewrite_pieces(
        text,
        [](AlignedText& one) {
          if (!one.bytes.starts_with(' ')) one.prepend(" ");
        },
        cut);
  }

  static void to_symbols(AlignedText& text) {
    // Each byte becomes a symbol that has the place of its character.
    const bool whole = text.length > 0 && !text.source.empty() && text.source[0].begin != text.source[0].end;
    if (!whole) {
      std::vector<TextChange> changes;
      for (const char byte : text.bytes) {
        changes.push_back({.code = utf8_at(byte_symbol(static_cast<unsigned char>(byte)), 0).code, .change = continues_character(byte)});
      }
      text.transform(changes);
      return;
    }
    std::string bytes;
    std::vector<SourceRange> source;
    bytes.reserve(text.bytes.size() * 2);
    source.reserve(text.bytes.size() * 2);
    for (size_t i = 0; i < text.bytes.size(); ++i) {
      bytes += byte_symbol(static_cast<unsigned char>(text.bytes[i]));
      source.resize(bytes.size(), text.source[i]);
    }
    text.bytes = std::move(bytes);
    text.source = std::move(source);
  }

  bool prefix_, words_;
};

class MetaspaceSplit final : public JsonPreTokenizer {
 public:
  explicit MetaspaceSplit(const JsonPart& part) : mark_(part.text("replacement")), split_(part.flag("split", true)) {
    part.allow({"type", "replacement", "prepend_scheme", "split", "add_prefix_space", "str_rep"});
    if (count_characters(mark_) != 1) part.refuse_value("replacement", "one character");
    scheme_ = part.text("prepend_scheme", "always");
    if (scheme_ != "always" && scheme_ != "first" && scheme_ != "never") part.refuse_value("prepend_scheme", "always, first or never");
    if (!part.flag("add_prefix_space", true)) {
      if (part.has("prepend_scheme") && scheme_ != "never") part.refuse_value("add_prefix_space", "true, as prepend_scheme says");
      scheme_ = "never";
    }
  }
  void apply(AlignedPieces& text) const override {
    Parts parts;
    const Utf8Character mark = utf8_at(mark_, 0);
    rewrite_pieces(
        text,
        [this](AlignedText& one) {
          AlignedText::Replacer replacer(one);
          for (size_t at = one.bytes.find(' '); at != std::string::npos; at = one.bytes.find(' ', at + 1))
            replacer.replace(at, at + 1, mark_);
          replacer.finish();
          const bool wanted = scheme_ == "always" || (scheme_ == "first" && one.shift == 0);
          if (wanted && !one.bytes.starts_with(mark_)) one.prepend(mark_);
        },
        [&](std::string_view piece, auto&& add) {
          if (!split_) return false;
          character_parts(piece, parts, [&mark](char32_t code) { return code == mark.code; });
          apply_behavior(parts, SplitBehavior::kMergedWithNext, add);
          return true;
        });
  }

 private:
  std::string mark_, scheme_;
  bool split_;
};

class ScriptSplit final : public JsonPreTokenizer {
 public:
  void apply(AlignedPieces& text) const override {
    split_pieces(text, [](std::string_view piece, auto&& add) {
      int before = kNoScript;
      size_t begin = 0;
      bool begun = false;
      for (size_t at = 0; at < piece.size();) {
        const Utf8Character character = utf8_at(piece, at);
        const int script = sentence_script(character.code);
        // A space belongs to every script; what stands before the first character of one is left out.
        if (script != kAnyScript && before != script) {
          if (begun) add(begin, at);
          begin = at;
          begun = true;
        }
        if (script != kAnyScript) before = script;
        at += character.length;
      }
      if (begun) add(begin, piece.size());
    });
  }

 private:
  static constexpr int kNoScript = -2;
};

class FixedLengthSplit final : public JsonPreTokenizer {
 public:
  explicit FixedLengthSplit(const JsonPart& part) : length_(part.has("length") ? part.integer("length", 1, int64_t{1} << 31) : 5) {
    part.allow({"type", "length"});
  }
  void apply(AlignedPieces& text) const override {
    split_pieces(text, [this](std::string_view piece, auto&& add) {
      size_t begin = 0;
      int64_t count = 0;
      for (size_t at = 0; at < piece.size();) {
        at += utf8_at(piece, at).length;
        if (++count < length_ && at < piece.size()) continue;
        add(begin, at);
        begin = at;
        count = 0;
      }
    });
  }

 private:
  int64_t length_;
};

class PreTokenizerSequence final : public JsonPreTokenizer {
 public:
  explicit PreTokenizerSequence(const JsonPart& part) {
    part.allow({"type", "pretokenizers"});
    for (const JsonPart& one : part.items("pretokenizers")) steps_.push_back(make_json_pre_tokenizer(one));
  }
  void apply(AlignedPieces& text) const override {
    for (const auto& step : steps_) step->apply(text);
  }

 private:
  std::vector<std::unique_ptr<JsonPreTokenizer>> steps_;
};

std::unique_ptr<JsonPreTokenizer> characters(std::function<bool(char32_t)> matches, SplitBehavior behavior) {
  return std::make_unique<CharacterSplit>(std::move(matches), behavior);
}

std::unique_ptr<JsonPreTokenizer> make_character_split(const JsonPart& part, const std::string& type) {
  if (type == "WhitespaceSplit") {
    part.allow({"type"});
    return characters(is_space_character, SplitBehavior::kRemoved);
  }
  if (type == "Punctuation") {
    part.allow({"type", "behavior"});
    return characters(is_punctuation_character, part.has("behavior") ? behavior_of(part, "behavior") : SplitBehavior::kIsolated);
  }
  if (type == "Digits") {
    part.allow({"type", "individual_digits"});
    return characters(is_numeric_character, part.flag("individual_digits") ? SplitBehavior::kIsolated : SplitBehavior::kContiguous);
  }
  part.allow({"type", "delimiter"});
  const std::string delimiter = part.text("delimiter");
  if (count_characters(delimiter) != 1) part.refuse_value("delimiter", "one character");
  return characters([code = utf8_at(delimiter, 0).code](char32_t one) { return one == code; }, SplitBehavior::kRemoved);
}

}  // namespace

std::unique_ptr<JsonPreTokenizer> make_json_pre_tokenizer(const JsonPart& part) {
  const std::string type = part.type();
  if (type == "Sequence") return std::make_unique<PreTokenizerSequence>(part);
  if (type == "Split") return std::make_unique<PatternSplit>(part);
  if (type == "ByteLevel") return std::make_unique<ByteLevelSplit>(part);
  if (type == "Metaspace") return std::make_unique<MetaspaceSplit>(part);
  if (type == "FixedLength") return std::make_unique<FixedLengthSplit>(part);
  if (type == "WhitespaceSplit" || type == "Punctuation" || type == "Digits" || type == "CharDelimiterSplit")
    return make_character_split(part, type);
  if (type == "BertPreTokenizer" || type == "Whitespace" || type == "UnicodeScripts") {
    part.allow({"type"});
    if (type == "Whitespace") return std::make_unique<WhitespaceWords>();
    if (type == "BertPreTokenizer") return std::make_unique<BertSplit>();
    return std::make_unique<ScriptSplit>();
  }
  part.refuse_value("type",
                    "one of BertPreTokenizer, ByteLevel, CharDelimiterSplit, Digits, FixedLength, Metaspace, Punctuation, Sequence, Split, "
                    "UnicodeScripts, Whitespace, WhitespaceSplit");
}

}  // namespace infig
