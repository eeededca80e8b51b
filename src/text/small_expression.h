// Regular expressions of the kind that reads tweets, matched as a backtracking engine would, in linear time: no input makes them slow.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace infig {

// Understands: characters; \ before one that has a meaning; classes [...], [^...] with ranges; \w \W \d \s \S and \b; (?:...) and |; * + ?
// {n} {n,} {n,m}, each also with ? behind it; (?<!c) and (?!c) for one character c. Letters of ASCII match in either case, as
// Python's package regex has it: U+0130 is an i, U+017F an s, U+212A a k. A loop's content must not be empty.
class SmallExpression {
 public:
  static constexpr size_t kNone = static_cast<size_t>(-1);

  explicit SmallExpression(std::string_view pattern);  // one of our own: std::logic_error where it is none of the above

  // Matches in one text, which must outlive it. What cannot match is remembered from one place to the next.
  class Search {
   public:
    Search(const SmallExpression& expression, std::string_view text);
    size_t match(size_t begin);         // where the match that begins there ends (in bytes), or kNone
    size_t length_at(size_t at) const;  // bytes of the character there
   private:
    struct Choice {
      size_t node, at, path;
    };
    bool step(size_t& node, size_t& at);
    const SmallExpression& expression_;
    std::string_view text_;
    std::vector<bool> failed_;  // choices from which nothing matches, or which are on the way
    std::vector<size_t> path_;
    std::vector<Choice> open_;
  };

 private:
  friend class SmallExpressionParser;
  struct CharacterSet {
    std::array<bool, 128> ascii{};
    std::u32string others;  // beyond ASCII
    bool words = false, no_words = false, digits = false, spaces = false, negated = false;
    bool holds(char32_t code) const;
    void add(char32_t code);
  };
  enum class Kind : uint8_t { kSet, kChoice, kJump, kBoundary, kNotBehind, kNotBefore, kEnd };
  struct Node {
    Kind kind = Kind::kEnd;
    size_t first = 0, second = 0;  // kSet: the set; kChoice: what is tried first, and then; kJump: where to
    char32_t code = 0;             // kNotBehind, kNotBefore
    size_t number = 0;             // of a choice
  };
  std::vector<CharacterSet> sets_;
  std::vector<Node> nodes_;
  size_t choices_ = 0;
};

}  // namespace infig
