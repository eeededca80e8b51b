// SigLIP's spiece.model against SiglipTokenizer of transformers (tools/golden/make_siglip_text.py).
#include "text/siglip_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
using Offsets = std::vector<std::pair<int64_t, int64_t>>;
using testing::AllOf;
using testing::HasSubstr;

// A folder with the golden model and this tokenizer_config.json.
void say(const Folder& folder, const nlohmann::json& config) { write_file_atomic(folder / "tokenizer_config.json", config.dump()); }

TEST(SiglipText, AsTheOriginal) {
  const auto golden = nlohmann::json::parse(read_file(kGolden / "siglip.json"));
  ASSERT_EQ(golden.size(), 3u);
  for (const auto& [name, made] : golden.items()) {
    const Folder folder(kGolden / "siglip");
    say(folder, made["config"]);
    const auto tokenizer = load_tokenizer(folder);
    EXPECT_EQ(tokenizer->pad_id(), made["pad"].get<int64_t>());
    for (const auto& one : made["cases"])
      EXPECT_EQ(tokenizer->encode(one[0].get<std::string>(), 0).ids, one[1].get<Ids>()) << name << one[0];
    for (const auto& one : made["cut"]) EXPECT_EQ(tokenizer->encode(one[0].get<std::string>(), 4).ids, one[1].get<Ids>()) << name << one[0];
    const Folder saved;
    tokenizer->save(saved);
    const auto again = load_tokenizer(saved);
    for (const auto& one : made["cases"]) EXPECT_EQ(again->encode(one[0].get<std::string>(), 0).ids, one[1].get<Ids>()) << name;
  }
}

// "The Cat's" is "the cats" to the model: "▁the" 0..3, "▁cat" with its space 3..7, "s" 8..9 behind the apostrophe.
TEST(SiglipText, OffsetsPointIntoTheText) {
  const Folder folder(kGolden / "siglip");
  say(folder, {{"tokenizer_class", "SiglipTokenizer"}});
  const Encoding encoding = load_tokenizer(folder)->encode("The Cat's", 0);
  EXPECT_EQ(encoding.tokens, (std::vector<std::string>{"\u2581the", "\u2581cat", "s", "</s>"}));
  EXPECT_EQ(encoding.offsets, (Offsets{{0, 3}, {3, 7}, {8, 9}, {0, 0}}));
}

TEST(SiglipText, SplitSpecialTokens) {
  const Folder folder(kGolden / "siglip");
  say(folder, {{"tokenizer_class", "SiglipTokenizer"}});
  const auto split = load_tokenizer(folder, SpecialInText::kSplit);
  EXPECT_EQ(split->encode("a </s> cat", 0).ids, split->encode("a s cat", 0).ids);
}

TEST(SiglipText, TheFolderSaysThatItIsOne) {
  const Folder folder(kGolden / "siglip");
  EXPECT_THAT(load_error(folder), AllOf(HasSubstr("spiece.model"), HasSubstr("tokenizer_class")));
  write_file_atomic(folder / "config.json", R"({"model_type": "siglip"})");
  EXPECT_EQ(load_tokenizer(folder)->rule(), "spiece.model, by the rules of SiglipTokenizer");
  // AutoTokenizer makes the class of spiece.model although the other file is there.
  write_file_atomic(folder / "tokenizer.json", "{}");
  EXPECT_EQ(load_tokenizer(folder)->rule(), "spiece.model, by the rules of SiglipTokenizer");
  std::filesystem::remove(folder / "spiece.model");
  EXPECT_THAT(load_error(folder), AllOf(HasSubstr("spiece.model"), HasSubstr("missing")));
}

TEST(SiglipText, WhatIsNotHonouredIsRefused) {
  const Folder folder(kGolden / "siglip");
  say(folder, {{"tokenizer_class", "SiglipTokenizer"}, {"sp_model_kwargs", {{"enable_sampling", true}}}});
  EXPECT_THAT(load_error(folder), HasSubstr("sp_model_kwargs"));
  say(folder, {{"tokenizer_class", "SiglipTokenizer"}, {"legacy", false}});
  EXPECT_THAT(load_error(folder), HasSubstr("legacy"));
  say(folder, {{"tokenizer_class", "SiglipTokenizer"}});
  write_file_atomic(folder / "spiece.model", "no model");
  EXPECT_THAT(load_error(folder), HasSubstr("SentencePiece"));
}

}  // namespace
}  // namespace infig
