// Regular expressions in the notation of tokenizer.json, which is Oniguruma's.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/json_part.h"

namespace infig {

// What a pattern cuts a text into: stretches that follow each other without a gap, matches and what lies between them.
struct PatternPart {
  size_t begin = 0, end = 0;  // bytes
  bool match = false;
};

// May be used from several threads at once.
class Pattern {
 public:
  // Throws CheckpointError, naming `where`, for what is no expression. Letters, numbers and so on are those of Unicode
  // 16, as in the originals' version of that library; [[:alpha:]], [[:lower:]] and [[:punct:]] those of the version at hand.
  static Pattern expression(const std::string& text, const std::string& where);
  static Pattern literal(std::string_view text, const std::string& where);

  // Replaces `parts` by those of well-formed UTF-8, each match as long as Oniguruma makes it, an empty one never directly behind another
  // match. One part that is no match for an empty text. Throws DataError where looking for one match takes more steps than are allowed.
  void cut(std::string_view text, std::vector<PatternPart>& parts) const;

 private:
  struct Compiled;
  Pattern(const std::string& text, std::string where);
  std::shared_ptr<const Compiled> compiled_;
};

// {"String": ...} or {"Regex": ...}.
Pattern pattern_of(const JsonPart& part);

}  // namespace infig
