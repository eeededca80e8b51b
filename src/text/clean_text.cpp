#include "text/clean_text.h"

#include <unicode/uchar.h>

#include <algorithm>
#include <set>

#include "text/unicode.h"

namespace infig {
namespace {

bool ascii_digit(char c) { return c >= '0' && c <= '9'; }
bool ascii_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool ascii_word(char c) { return ascii_letter(c) || ascii_digit(c); }
bool ascii_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
char ascii_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool begins_with(std::string_view text, size_t at, std::string_view lower_word) {
  if (text.size() - at < lower_word.size()) return false;
  for (size_t i = 0; i < lower_word.size(); ++i) {
    if (ascii_lower(text[at + i]) != lower_word[i]) return false;
  }
  return true;
}

// How many characters from `at` on satisfy `wanted`, at most `most`.
template <typename Wanted>
size_t run_of(std::string_view text, size_t at, Wanted&& wanted, size_t most = std::string_view::npos) {
  size_t length = 0;
  while (length < most && at + length < text.size() && wanted(text[at + length])) ++length;
  return length;
}

// Bytes begin .. end - 1 of `text`, behind what `out` holds.
void append_part(SourcedText& out, const SourcedText& text, size_t begin, size_t end) {
  out.bytes.append(text.bytes, begin, end - begin);
  out.from.insert(out.from.end(), text.from.begin() + static_cast<std::ptrdiff_t>(begin),
                  text.from.begin() + static_cast<std::ptrdiff_t>(end));
}

SourcedText stripped(const SourcedText& text) {
  constexpr std::string_view kSpace = " \t\n\v\f\r";
  SourcedText out;
  const size_t first = text.bytes.find_first_not_of(kSpace);
  if (first != std::string::npos) append_part(out, text, first, text.bytes.find_last_not_of(kSpace) + 1);
  return out;
}

SourcedText drop_tagged(const SourcedText& text, char mark) {
  SourcedText out;
  for (size_t at = 0; at < text.bytes.size();) {
    const size_t length = text.bytes[at] == mark ? run_of(text.bytes, at + 1, ascii_word) : 0;
    if (length == 0) append_part(out, text, at, at + 1);
    at += 1 + length;
  }
  return out;
}

// Length of a host name that ends in a dot and 2 to 6 letters, the longest; 0 where there is none.
size_t host_length(std::string_view text, size_t at) {
  const size_t longest = run_of(text, at, [](char c) { return ascii_word(c) || c == '.' || c == '_' || c == '-'; });
  for (size_t dot = longest; dot-- > 1;) {
    if (text[at + dot] != '.') continue;
    const size_t letters = run_of(text, at + dot + 1, ascii_letter, 6);
    if (letters >= 2) return dot + 1 + letters;
  }
  return 0;
}

size_t ipv4_length(std::string_view text, size_t at) {
  size_t length = 0;
  for (int part = 0; part < 4; ++part) {
    if (part > 0) {
      if (at + length >= text.size() || text[at + length] != '.') return 0;
      ++length;
    }
    const size_t digits = run_of(text, at + length, ascii_digit, 3);
    if (digits == 0) return 0;
    length += digits;
  }
  return length;
}

// Length of what MultiSentiNet takes for a URL at `at`; 0 where none begins.
size_t url_length(std::string_view text, size_t at) {
  size_t length = 0;
  for (const std::string_view scheme : {"http://", "ftp://", "https://"}) {
    if (text.substr(at).starts_with(scheme)) length = scheme.size();
  }
  if (length == 0) return 0;
  size_t host = host_length(text, at + length);
  if (host == 0) host = ipv4_length(text, at + length);
  if (host == 0) return 0;
  length += host;
  while (at + length < text.size() && text[at + length] == ':') {
    const size_t digits = run_of(text, at + length + 1, ascii_digit, 4);
    if (digits == 0) break;
    length += 1 + digits;
  }
  if (at + length >= text.size() || text[at + length] != '/') return length;
  // Its class of path characters holds a range from / to ~, nearly all of ASCII.
  return length + run_of(text, at + length, [](char c) { return (c >= '/' && c <= '~') || c == '&' || c == '%' || c == '.' || c == '-'; });
}

// English words that carry little meaning, of three letters and more (shorter words are dropped anyway). Contractions stand without their
// apostrophe.
const std::set<std::string, std::less<>>& stop_words() {
  static const std::set<std::string, std::less<>> words{
      "our",   "ours", "ourselves", "you",    "your",    "yours",   "yourself", "yourselves", "him",     "his",        "himself", "she",
      "her",   "hers", "herself",   "its",    "itself",  "they",    "them",     "their",      "theirs",  "themselves", "myself",  "what",
      "which", "who",  "whom",      "this",   "that",    "these",   "those",    "are",        "was",     "were",       "been",    "being",
      "have",  "has",  "had",       "having", "does",    "did",     "doing",    "the",        "and",     "but",        "because", "until",
      "while", "for",  "with",      "about",  "against", "between", "into",     "through",    "during",  "before",     "after",   "above",
      "below", "from", "down",      "out",    "off",     "over",    "under",    "again",      "further", "then",       "once",    "here",
      "there", "when", "where",     "why",    "how",     "all",     "any",      "both",       "each",    "few",        "more",    "most",
      "other", "some", "such",      "nor",    "not",     "only",    "own",      "same",       "than",    "too",        "very",    "can",
      "will",  "just", "don",       "should", "now",     "ain",     "aren",     "couldn",     "didn",    "doesn",      "hadn",    "hasn",
      "haven", "isn",  "mightn",    "mustn",  "needn",   "shan",    "shouldn",  "wasn",       "weren",   "won",        "wouldn"};
  return words;
}

SourcedText without_urls(const SourcedText& text) {
  const std::string_view bytes = text.bytes;
  SourcedText out;
  for (size_t at = 0; at < bytes.size();) {
    const bool at_word = out.bytes.empty() || !ascii_word(out.bytes.back());
    const bool url = begins_with(bytes, at, "http://") || begins_with(bytes, at, "https://") || (at_word && begins_with(bytes, at, "www."));
    if (!url) {
      append_part(out, text, at, at + 1);
      ++at;
      continue;
    }
    at += run_of(bytes, at, [](char c) { return !ascii_space(c); });
    if (out.bytes.empty() || ascii_space(out.bytes.back())) at += run_of(bytes, at, ascii_space);
  }
  return stripped(out);
}

constexpr uint32_t kJoiner = 0x200D;

// What Unicode calls an emoji, but for digits and the signs of text, and what only occurs in emoji. (Its wider class of pictographs
// changes from version to version.)
bool is_emoji(uint32_t code) {
  if (code < 0x80 || code == 0xA9 || code == 0xAE || code == 0x2122) return false;
  const auto property = [code](UProperty which) { return u_hasBinaryProperty(static_cast<UChar32>(code), which) != 0; };
  return property(UCHAR_EMOJI) || property(UCHAR_EMOJI_MODIFIER) || property(UCHAR_REGIONAL_INDICATOR) || code == 0xFE0F ||
         code == 0x20E3 || (code >= 0xE0020 && code <= 0xE007F);
}

// Length of "emoji_" and the digits behind it, which no letter or digit may follow; 0 where none begins at `at`.
size_t emoji_word_length(std::string_view text, size_t at) {
  constexpr std::string_view kWord = "emoji_";
  if (!text.substr(at).starts_with(kWord)) return 0;
  const size_t digits = run_of(text, at + kWord.size(), ascii_digit), end = at + kWord.size() + digits;
  return digits > 0 && (end == text.size() || !ascii_word(text[end])) ? kWord.size() + digits : 0;
}

}  // namespace

const char* text_cleaning_name(TextCleaning cleaning) {
  switch (cleaning) {
    case TextCleaning::kNone:
      return "none";
    case TextCleaning::kUrls:
      return "URLs removed";
    case TextCleaning::kMultiSentiNet:
      return "as MultiSentiNet: hashtags, names and URLs removed";
    case TextCleaning::kMgnns:
      return "as MGNNS: lower case, ASCII, without URLs, punctuation, stop-words and words under three characters";
    case TextCleaning::kHfmCues:
      return "without cues: every # and every emoji removed";
  }
  return "";
}

std::string clean_text(std::string_view text, TextCleaning cleaning) {
  switch (cleaning) {
    case TextCleaning::kNone:
      break;
    case TextCleaning::kUrls:
      return remove_urls(text);
    case TextCleaning::kMultiSentiNet:
      return clean_multisentinet(text);
    case TextCleaning::kMgnns:
      return clean_mgnns(text);
    case TextCleaning::kHfmCues:
      return without_cues(text);
  }
  return std::string(text);
}

SourcedText sourced(std::string_view text) {
  SourcedText all;
  for (size_t at = 0; at < text.size(); ++at) all.add(text[at], at);
  return all;
}

std::string remove_urls(std::string_view text) { return without_urls(sourced(text)).bytes; }

SourcedText clean_multisentinet(const SourcedText& text) {
  const SourcedText plain = drop_tagged(drop_tagged(stripped(text), '#'), '@');
  SourcedText out;
  for (size_t at = 0; at < plain.bytes.size();) {
    const size_t length = url_length(plain.bytes, at);
    if (length == 0) append_part(out, plain, at, at + 1);
    at += std::max<size_t>(length, 1);
  }
  return out;
}

std::string clean_multisentinet(std::string_view text) { return clean_multisentinet(sourced(text)).bytes; }

SourcedText clean_mgnns(const SourcedText& text) {
  SourcedText plain = without_urls(text);
  std::transform(plain.bytes.begin(), plain.bytes.end(), plain.bytes.begin(), [](char c) { return ascii_word(c) ? ascii_lower(c) : ' '; });
  SourcedText out;
  for (size_t at = 0; at < plain.bytes.size();) {
    const size_t length = run_of(plain.bytes, at, ascii_word);
    if (length > 2 && !stop_words().contains(std::string_view(plain.bytes).substr(at, length))) {
      if (!out.bytes.empty()) out.add(' ', plain.from[at - 1]);
      append_part(out, plain, at, at + length);
    }
    at += std::max<size_t>(length, 1);
  }
  return out;
}

std::string clean_mgnns(std::string_view text) { return clean_mgnns(sourced(text)).bytes; }

std::string without_cues(std::string_view text) {
  std::string out;
  bool after_cue = false, blank = false;
  for (size_t at = 0; at < text.size();) {
    const Utf8Character character = utf8_at(text, at);
    const size_t word = at == 0 || !ascii_word(text[at - 1]) ? emoji_word_length(text, at) : 0;
    const bool cue = word > 0 || character.code == '#' || is_emoji(character.code) || (after_cue && character.code == kJoiner);
    const bool space = character.length == 1 && ascii_space(text[at]);
    blank = blank || space;
    if (!cue && !space) {
      if (blank && !out.empty()) out += ' ';
      blank = false;
      out += text.substr(at, character.length);
    }
    at += word > 0 ? word : character.length;
    after_cue = cue;
  }
  return out;
}

}  // namespace infig
