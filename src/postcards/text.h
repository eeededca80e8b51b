// The sentences of Postcards: a small grammar of templates and word lists (words.cpp).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/random.h"
#include "postcards/postcards.h"

namespace infig::postcards {

// A template holds names of lists in braces: "What a {good} {span} in {city}!". An entry of a list may hold names again.
// Throws std::logic_error for a name without a list.
std::span<const std::string_view> word_list(std::string_view name);

struct PostcardText {
  std::string sentence;  // what is said, without the trimmings
  std::string post;      // with "RT @name:", greeting, hashtags, emoji, link, @names and the writer's habits
};

// Writes about nothing but `kind`: neither the picture nor the label are known here, so no word can give them away. The parts that are not
// chosen by `kind` (greetings, names, places, times, things, #postcard, links) follow the same distribution for all kinds.
// `thing` ("red umbrella") is named in a sentence of its own; empty: none.
PostcardText write_postcard_text(TextKind kind, std::string_view thing, RandomStream& stream);

// What can stand in the foreground, and in which colours; the text says "<colour> <thing>".
const std::vector<std::string>& thing_names();
const std::vector<std::string>& thing_colours();

}  // namespace infig::postcards
