#include "data/clean_text.h"

#include <algorithm>
#include <set>

#include "data/utf8.h"

namespace infig {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_word_character(char c) { return is_letter(c) || is_digit(c); }
bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string lower_case(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

bool begins_with(std::string_view text, size_t at, std::string_view lower_word) {
  if (text.size() - at < lower_word.size()) return false;
  for (size_t i = 0; i < lower_word.size(); ++i) {
    if (lower(text[at + i]) != lower_word[i]) return false;
  }
  return true;
}

// How many characters from `at` on satisfy `wanted`, at most `most`.
template <typename Wanted>
size_t run(std::string_view text, size_t at, Wanted&& wanted, size_t most = std::string_view::npos) {
  size_t length = 0;
  while (length < most && at + length < text.size() && wanted(text[at + length])) ++length;
  return length;
}

std::string drop_tagged(std::string_view text, char mark) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t length = text[at] == mark ? run(text, at + 1, is_word_character) : 0;
    if (length > 0) {
      at += 1 + length;
    } else {
      out += text[at++];
    }
  }
  return out;
}

// Length of a host name that ends in a dot and 2 to 6 letters, the longest; 0 where there is none.
size_t host_length(std::string_view text, size_t at) {
  const size_t longest = run(text, at, [](char c) { return is_word_character(c) || c == '.' || c == '_' || c == '-'; });
  for (size_t dot = longest; dot-- > 1;) {
    if (text[at + dot] != '.') continue;
    const size_t letters = run(text, at + dot + 1, is_letter, 6);
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
    const size_t digits = run(text, at + length, is_digit, 3);
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
    const size_t digits = run(text, at + length + 1, is_digit, 4);
    if (digits == 0) break;
    length += 1 + digits;
  }
  if (at + length >= text.size() || text[at + length] != '/') return length;
  // Its class of path characters holds a range from / to ~, nearly all of ASCII.
  return length + run(text, at + length, [](char c) { return (c >= '/' && c <= '~') || c == '&' || c == '%' || c == '.' || c == '-'; });
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

template <typename Keep>
std::string join_words(std::string_view text, Keep&& keep) {
  std::string out;
  for (const auto word : split_words(text)) {
    if (!keep(word)) continue;
    if (!out.empty()) out += ' ';
    out += word;
  }
  return out;
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
  }
  return std::string(text);
}

std::string remove_urls(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const bool at_word = out.empty() || !is_word_character(out.back());
    const bool url = begins_with(text, at, "http://") || begins_with(text, at, "https://") || (at_word && begins_with(text, at, "www."));
    if (!url) {
      out += text[at++];
      continue;
    }
    at += run(text, at, [](char c) { return !is_space(c); });
    if (out.empty() || is_space(out.back())) at += run(text, at, is_space);
  }
  return std::string(strip_ascii_space(out));
}

std::string clean_multisentinet(std::string_view text) {
  const std::string plain = drop_tagged(drop_tagged(strip_ascii_space(text), '#'), '@');
  std::string out;
  for (size_t at = 0; at < plain.size();) {
    const size_t length = url_length(plain, at);
    if (length == 0) out += plain[at];
    at += std::max<size_t>(length, 1);
  }
  return out;
}

std::string clean_mgnns(std::string_view text) {
  std::string plain = lower_case(remove_urls(text));
  std::replace_if(plain.begin(), plain.end(), [](char c) { return !is_word_character(c); }, ' ');
  return join_words(plain, [](std::string_view word) { return word.size() > 2 && !stop_words().contains(word); });
}

}  // namespace infig
