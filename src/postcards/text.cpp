#include "postcards/text.h"

#include <algorithm>
#include <cctype>

namespace infig::postcards {
namespace {

bool draw(RandomStream& stream, uint64_t in_twenty) { return stream.below(20) < in_twenty; }

std::string expand(std::string_view pattern, std::string_view thing, RandomStream& stream) {
  std::string text;
  while (!pattern.empty()) {
    const size_t open = pattern.find('{');
    text.append(pattern.substr(0, open));
    if (open == std::string_view::npos) break;
    const size_t close = pattern.find('}', open);
    const std::string_view name = pattern.substr(open + 1, close - open - 1);
    if (name == "thing") {
      text.append(thing);
    } else {
      const auto entries = word_list(name);
      text.append(expand(entries[stream.below(entries.size())], thing, stream));
    }
    pattern.remove_prefix(close + 1);
  }
  return text;
}

// "a awful day" -> "an awful day"; the first letter of each sentence in capitals.
std::string polish(const std::string& text) {
  constexpr std::string_view kVowels = "aeiou";
  std::string polished;
  bool starts = true;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool word_start = i == 0 || text[i - 1] == ' ';
    polished.push_back(starts ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c);
    if (word_start && (c == 'a' || c == 'A') && i + 2 < text.size() && text[i + 1] == ' ' && kVowels.find(text[i + 2]) != kVowels.npos) {
      polished.push_back('n');
    }
    if (c != ' ') starts = (c == '.' || c == '!' || c == '?') && i + 1 < text.size() && text[i + 1] == ' ';
  }
  return polished;
}

// Some people never reach for the shift key, some lean on it. Shouting "GDAńSK" looks broken, so only plain ASCII is shouted.
std::string as_typed(std::string text, RandomStream& stream) {
  const uint64_t habit = stream.below(40);
  const bool plain_ascii = std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  for (char& c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (habit < 6 && c >= 'A' && c <= 'Z') c = static_cast<char>(std::tolower(byte));
    if (habit == 6 && plain_ascii && c >= 'a' && c <= 'z') c = static_cast<char>(std::toupper(byte));
  }
  return text;
}

struct KindLists {
  std::string_view sentences, second_sentences, hashtags, emoji;
};

KindLists lists_of(TextKind kind) {
  switch (kind) {
    case TextKind::kPraise:
      return {"praise", "praise_more", "praise_tag", "praise_emoji"};
    case TextKind::kComplaint:
      return {"complaint", "complaint_more", "complaint_tag", "complaint_emoji"};
    case TextKind::kReport:
      break;
  }
  return {"report", "report_more", "report_tag", "report_emoji"};
}

void append_word(std::string& text, const std::string& word) {
  if (word.empty()) return;
  if (!text.empty()) text.push_back(' ');
  text.append(word);
}

}  // namespace

PostcardText write_postcard_text(TextKind kind, std::string_view thing, RandomStream& stream) {
  const KindLists lists = lists_of(kind);
  const auto from = [&](std::string_view list) { return expand("{" + std::string(list) + "}", thing, stream); };
  PostcardText text;
  std::string about_thing = thing.empty() ? "" : from("about_thing");
  const bool thing_first = draw(stream, 6);
  if (thing_first) text.sentence = about_thing;
  append_word(text.sentence, from(lists.sentences));
  if (draw(stream, 7)) append_word(text.sentence, from(lists.second_sentences));
  if (!thing_first) append_word(text.sentence, about_thing);
  text.sentence = polish(text.sentence);

  std::string body = draw(stream, 6) ? polish(from("greeting")) : "";
  append_word(body, text.sentence);
  body = as_typed(body, stream);
  if (draw(stream, 2)) text.post = from("retweet");
  append_word(text.post, body);
  if (draw(stream, 5)) append_word(text.post, from(lists.emoji));
  if (draw(stream, 9)) append_word(text.post, from(lists.hashtags));
  if (draw(stream, 8)) append_word(text.post, from("shared_tag"));
  if (draw(stream, 2)) append_word(text.post, from("user"));
  if (draw(stream, 2)) append_word(text.post, from("link"));
  return text;
}

const std::vector<std::string>& thing_names() {
  static const std::vector<std::string> kNames = {"ball", "umbrella", "bicycle", "suitcase", "chair", "bucket"};
  return kNames;
}

const std::vector<std::string>& thing_colours() {
  static const std::vector<std::string> kNames = {"red", "blue", "green", "yellow", "purple", "white"};
  return kNames;
}

}  // namespace infig::postcards
