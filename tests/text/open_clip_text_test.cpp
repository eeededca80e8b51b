// CLIP's texts as open_clip cleans them.
#include "text/open_clip_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "core/files.h"
#include "text/tokenizer.h"
#include "text/tokenizer_folders.h"

namespace infig {
namespace {

using Ids = std::vector<int64_t>;
using testing::HasSubstr;

// What ftfy 6.3.1 (without its guess at encodings), html.unescape twice, split, join and lower of Python 3.11 make of the texts.
TEST(OpenClipText, CleansAsThePythonPackagesDo) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"it\u2019s", "it's"},
      {"\u201cHI\u201d &amp;amp; &lt;3", "\"hi\" & <3"},
      {"a <b> &amp; c", "a <b> & c"},
      {"&EACUTE;t\u00e9 cafe\u0301", "\u00e9t\u00e9 caf\u00e9"},
      {"&copyx &copy; &notit; &AMP", "\u00a9x \u00a9 \u00acit; &"},
      {"&#39;&#x1F600;&#150;&#0;&#xD800;&#7;", "'\U0001f600\u2013\ufffd\ufffd"},
      {"\ufb01ne \uff28\uff25\uff39\u3000x", "fine hey x"},
      {"  a\u00a0\t b\u2028c \r\n", "a b c"},
      {"\033[31mred\033[0m\007!", "red!"},
      {"x\ufeffy\302\205z \302\223q\302\224", "xy\u2026z \"q\""},
      {"\u03a3\u0391\u03a3 \u0130\u1e9e \u0149", "\u03c3\u03b1\u03c2 i\u0307\u00df 'n"},
      {"&nosuch; && &", "&nosuch; && &"},
      {"one\n<two> &amp;\n&amp;three", "one <two> & &three"},
      {"", ""},
  };
  const auto normalizer = make_open_clip_normalizer();
  for (const auto& [text, expected] : cases) {
    AlignedText aligned;
    aligned.assign(text, 0);
    normalizer->apply(aligned);
    EXPECT_EQ(aligned.bytes, expected) << text;
    ASSERT_EQ(aligned.source.size(), aligned.bytes.size());
    for (const SourceRange& range : aligned.source) EXPECT_LE(range.end, text.size());
  }
}

TEST(OpenClipText, AnEscapeHasItsWholePlace) {
  AlignedText aligned;
  aligned.assign("a &amp; b", 0);
  make_open_clip_normalizer()->apply(aligned);
  ASSERT_EQ(aligned.bytes, "a & b");
  EXPECT_EQ(aligned.source[2], (SourceRange{.begin = 2, .end = 7}));
  EXPECT_EQ(aligned.source[4], (SourceRange{.begin = 8, .end = 9}));
}

TEST(OpenClipText, TheWeightsSayWhoseRulesHold) {
  const Folder folder(kGolden / "clip");
  const std::string text = "it\u2019s &lt;";
  const Ids plain = load_tokenizer(folder)->encode(text, 0).ids;
  const auto open = load_tokenizer(folder, SpecialInText::kKeep, ClipText::kOpenClip);
  EXPECT_EQ(open->encode(text, 0).ids, load_tokenizer(folder)->encode("it's <", 0).ids);
  EXPECT_NE(open->encode(text, 0).ids, plain);
  EXPECT_THAT(open->rule(), HasSubstr("open_clip"));
  EXPECT_EQ(open->pad_id(), load_tokenizer(folder)->pad_id());
  write_file_atomic(folder / "open_clip_config.json", "{}");
  EXPECT_EQ(clip_text_of(folder), ClipText::kOpenClip);
  EXPECT_EQ(load_tokenizer(folder)->encode(text, 0).ids, open->encode(text, 0).ids);
  EXPECT_EQ(load_tokenizer(folder, SpecialInText::kKeep, ClipText::kTransformers)->encode(text, 0).ids, plain);
  write_file_atomic(folder / "config.json", R"({"model_type": "clip"})");
  EXPECT_EQ(clip_text_of(folder), ClipText::kTransformers);
  EXPECT_EQ(load_tokenizer(folder)->encode(text, 0).ids, plain);
  const Folder saved;
  open->save(saved);
  EXPECT_EQ(load_tokenizer(saved)->encode(text, 0).ids, open->encode(text, 0).ids);
}

TEST(OpenClipText, SplitAndKeptSpecialTokens) {
  const Folder folder(kGolden / "clip");
  const auto keep = load_tokenizer(folder, SpecialInText::kKeep, ClipText::kOpenClip);
  const auto split = load_tokenizer(folder, SpecialInText::kSplit, ClipText::kOpenClip);
  const SpecialIds& special = keep->special_ids();
  const Ids kept = keep->encode("a <end_of_text> b", 0).ids, cut = split->encode("a <end_of_text> <|endoftext|> b", 0).ids;
  EXPECT_EQ(std::count(kept.begin(), kept.end(), special.sep), 2);
  EXPECT_EQ(std::count(cut.begin(), cut.end(), special.sep), 1);
}

}  // namespace
}  // namespace infig
