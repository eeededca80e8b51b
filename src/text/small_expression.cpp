#include "text/small_expression.h"

#include <unicode/uchar.h>

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "text/unicode.h"

namespace infig {
namespace {

// The three characters beyond ASCII whose case leads to one of ASCII's letters.
char32_t without_case(char32_t code) {
  if (code == 0x130) return U'i';
  if (code == 0x17F) return U's';
  if (code == 0x212A) return U'k';
  return code;
}

bool is_decimal_digit(char32_t code) {
  if (code < 0x80) return code >= U'0' && code <= U'9';
  if (is_assigned_by(code, 15)) return u_charType(static_cast<UChar32>(code)) == U_DECIMAL_DIGIT_NUMBER;
  return (char_flags(code) & kNumber) != 0;  // the later ones that are known are decimal digits, all of them
}

bool is_word(char32_t code) { return is_word_character(code); }

}  // namespace

bool SmallExpression::CharacterSet::holds(char32_t code) const {
  code = without_case(code);
  bool found = code < 0x80 ? ascii[code] : others.find(code) != std::u32string::npos;
  found = found || (words && is_word(code)) || (no_words && !is_word(code)) || (digits && is_decimal_digit(code)) ||
          (spaces && (char_flags(code) & kSpace) != 0);
  return found != negated;
}

void SmallExpression::CharacterSet::add(char32_t code) {
  if (code >= 0x80) {
    others += code;
    return;
  }
  ascii[code] = true;
  const char32_t lower = code | 0x20;
  if (lower >= U'a' && lower <= U'z') ascii[lower] = ascii[lower - 0x20] = true;
}

// Writes the nodes of what it reads, one part behind another. A part that is repeated is read as often as it has copies.
class SmallExpressionParser {
 public:
  SmallExpressionParser(SmallExpression& to, std::string_view pattern) : to_(to), pattern_(pattern) {}

  void parse() {
    alternatives();
    if (at_ != pattern_.size()) fail();
    node({.kind = Kind::kEnd});
  }

 private:
  using Kind = SmallExpression::Kind;
  using Node = SmallExpression::Node;
  using CharacterSet = SmallExpression::CharacterSet;

  struct Repeat {
    size_t least = 1, most = 1;
    bool lazy = false;
  };
  static constexpr size_t kEndless = std::numeric_limits<size_t>::max();

  [[noreturn]] void fail() const { throw std::logic_error("no expression: " + std::string(pattern_) + " at " + std::to_string(at_)); }

  bool ahead(std::string_view text) const { return pattern_.substr(at_, text.size()) == text; }
  bool take(std::string_view text) {
    if (!ahead(text)) return false;
    at_ += text.size();
    return true;
  }
  char32_t character() {
    if (at_ >= pattern_.size()) fail();
    const Utf8Character one = utf8_at(pattern_, at_);
    at_ += one.length;
    return one.code;
  }

  size_t node(Node one) {
    if (one.kind == Kind::kChoice) one.number = to_.choices_++;
    to_.nodes_.push_back(one);
    return to_.nodes_.size() - 1;
  }
  size_t here() const { return to_.nodes_.size(); }

  // A | B: choice(A, B) A jump(end) B
  void alternatives() {
    std::vector<size_t> ends;
    for (;;) {
      const size_t start = at_;
      const size_t choice = node({.kind = Kind::kChoice});
      to_.nodes_[choice].first = here();
      sequence();
      if (!take("|")) {
        drop_choice(choice, start);
        break;
      }
      ends.push_back(node({.kind = Kind::kJump}));
      to_.nodes_[choice].second = here();
    }
    for (const size_t end : ends) to_.nodes_[end].first = here();
  }
  // The last alternative has none behind it: it is read again, without the choice.
  void drop_choice(size_t choice, size_t start) {
    cut_back(choice);
    at_ = start;
    sequence();
  }
  void cut_back(size_t to) {
    to_.nodes_.resize(to);
    to_.choices_ = 0;
    for (const Node& one : to_.nodes_) to_.choices_ += one.kind == Kind::kChoice ? 1 : 0;
  }

  void sequence() {
    while (at_ < pattern_.size() && !ahead("|") && !ahead(")")) piece();
  }

  void piece() {
    const size_t begin = at_, first_node = here();
    atom();
    const size_t behind = at_;
    const Repeat repeat = quantifier();
    if (repeat.least == 1 && repeat.most == 1) return;
    const size_t end = at_;
    cut_back(first_node);
    const auto copy = [&] {
      at_ = begin;
      atom();
      if (at_ != behind) fail();
    };
    for (size_t i = 0; i < repeat.least; ++i) copy();
    if (repeat.most == kEndless) {
      const size_t choice = node({.kind = Kind::kChoice});
      copy();
      node({.kind = Kind::kJump, .first = choice});
      branch(choice, repeat.lazy, choice + 1, here());
    } else {
      std::vector<size_t> choices;
      for (size_t i = repeat.least; i < repeat.most; ++i) {
        choices.push_back(node({.kind = Kind::kChoice}));
        copy();
      }
      for (const size_t choice : choices) branch(choice, repeat.lazy, choice + 1, here());
    }
    at_ = end;
  }
  void branch(size_t choice, bool lazy, size_t more, size_t out) {
    to_.nodes_[choice].first = lazy ? out : more;
    to_.nodes_[choice].second = lazy ? more : out;
  }

  Repeat quantifier() {
    Repeat repeat;
    if (take("*")) {
      repeat = {.least = 0, .most = kEndless};
    } else if (take("+")) {
      repeat = {.least = 1, .most = kEndless};
    } else if (take("?")) {
      repeat = {.least = 0, .most = 1};
    } else if (take("{")) {
      repeat.least = repeat.most = number();
      if (take(",")) repeat.most = ahead("}") ? kEndless : number();
      if (!take("}")) fail();
    } else {
      return repeat;
    }
    repeat.lazy = take("?");
    return repeat;
  }
  size_t number() {
    size_t value = 0;
    const size_t begin = at_;
    for (; at_ < pattern_.size() && pattern_[at_] >= '0' && pattern_[at_] <= '9'; ++at_)
      value = value * 10 + static_cast<size_t>(pattern_[at_] - '0');
    if (at_ == begin || value > 100) fail();
    return value;
  }

  void atom() {
    if (take("(?:")) {
      alternatives();
      if (!take(")")) fail();
      return;
    }
    const bool behind = take("(?<!");
    if (behind || take("(?!")) {
      node({.kind = behind ? Kind::kNotBehind : Kind::kNotBefore, .code = character()});
      if (!take(")")) fail();
      return;
    }
    if (take("\\b")) {
      node({.kind = Kind::kBoundary});
      return;
    }
    CharacterSet set;
    if (take("[")) {
      set.negated = take("^");
      while (!take("]")) member(set);
    } else {
      if (ahead("(") || ahead("*") || ahead("+") || ahead("?") || ahead("{")) fail();
      add_one(set);
    }
    to_.sets_.push_back(set);
    node({.kind = Kind::kSet, .first = to_.sets_.size() - 1});
  }

  void member(CharacterSet& set) {
    const bool escaped = ahead("\\");
    const char32_t first = add_one(set);
    if (escaped || !ahead("-") || pattern_.substr(at_ + 1, 1) == "]") return;
    take("-");
    for (char32_t code = first, last = character(); code <= last; ++code) set.add(code);
  }
  // A character or an escape; returns the character.
  char32_t add_one(CharacterSet& set) {
    const char32_t code = character();
    if (code != U'\\') {
      set.add(code);
      return code;
    }
    const char32_t escape = character();
    switch (escape) {
      case U'w':
        set.words = true;
        break;
      case U'W':
        set.no_words = true;
        break;
      case U'd':
        set.digits = true;
        break;
      case U's':
        set.spaces = true;
        break;
      case U'S':
        set.spaces = set.negated = true;
        break;
      default:
        set.add(escape);
    }
    return escape;
  }

  SmallExpression& to_;
  std::string_view pattern_;
  size_t at_ = 0;
};

SmallExpression::SmallExpression(std::string_view pattern) { SmallExpressionParser(*this, pattern).parse(); }

SmallExpression::Search::Search(const SmallExpression& expression, std::string_view text)
    : expression_(expression), text_(text), failed_(expression.choices_ * (text.size() + 1)) {}

size_t SmallExpression::Search::length_at(size_t at) const { return utf8_at(text_, at).length; }

// Goes one node on; false where the way ends.
bool SmallExpression::Search::step(size_t& node, size_t& at) {
  const Node& one = expression_.nodes_[node];
  const auto code_at = [this](size_t place) { return utf8_at(text_, place).code; };
  switch (one.kind) {
    case Kind::kSet: {
      if (at >= text_.size()) return false;
      const Utf8Character character = utf8_at(text_, at);
      if (!expression_.sets_[one.first].holds(character.code)) return false;
      at += character.length;
      break;
    }
    case Kind::kChoice: {
      const size_t place = one.number * (text_.size() + 1) + at;
      if (failed_[place]) return false;
      failed_[place] = true;
      path_.push_back(place);
      open_.push_back({.node = one.second, .at = at, .path = path_.size()});
      node = one.first;
      return true;
    }
    case Kind::kJump:
      node = one.first;
      return true;
    case Kind::kBoundary: {
      const bool before = at > 0 && is_word(code_at(previous_character(text_, at)));
      if (before == (at < text_.size() && is_word(code_at(at)))) return false;
      break;
    }
    case Kind::kNotBehind:
      if (at > 0 && code_at(previous_character(text_, at)) == one.code) return false;
      break;
    case Kind::kNotBefore:
      if (at < text_.size() && code_at(at) == one.code) return false;
      break;
    case Kind::kEnd:
      return true;
  }
  ++node;
  return true;
}

size_t SmallExpression::Search::match(size_t begin) {
  path_.clear();
  open_.clear();
  size_t node = 0, at = begin;
  while (expression_.nodes_[node].kind != Kind::kEnd) {
    if (step(node, at)) continue;
    if (open_.empty()) return kNone;
    node = open_.back().node;
    at = open_.back().at;
    path_.resize(open_.back().path);  // what lies behind has failed for good
    open_.pop_back();
  }
  for (const size_t place : path_) failed_[place] = false;
  return at;
}

}  // namespace infig
