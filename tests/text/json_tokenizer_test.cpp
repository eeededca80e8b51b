// tokenizer.json read whole, against golden files of the library `tokenizers` (tools/golden/make_json_tokenizers.py), and what it may say
// wrong.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/files.h"
#include "core/random.h"
#include "text/tokenizer.h"
#include "text/tokenizer_folders.h"

namespace infig {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using Offsets = std::vector<std::pair<int64_t, int64_t>>;
using Ids = std::vector<int64_t>;
using testing::AllOf;
using testing::HasSubstr;

const fs::path kJson = kGolden / "json";

std::vector<std::string> json_kinds() {
  std::vector<std::string> kinds;
  for (const auto& entry : fs::directory_iterator(kJson)) {
    if (entry.is_directory()) kinds.push_back(entry.path().filename().string());
  }
  std::sort(kinds.begin(), kinds.end());
  return kinds;
}

void expect_json_golden(const Tokenizer& tokenizer, const std::string& kind) {
  const Json cases = Json::parse(read_file(kJson / (kind + ".json")));
  ASSERT_GE(cases.size(), 70U);
  for (const Json& one : cases) {
    const std::string text = one["text"];
    const Encoding encoding = tokenizer.encode(text, 0);
    EXPECT_EQ(encoding.ids, one["ids"].get<Ids>()) << kind << ": " << text;
    EXPECT_EQ(encoding.offsets, one["offsets"].get<Offsets>()) << kind << ": " << text;
    for (const int64_t id : encoding.ids) EXPECT_LT(id, tokenizer.vocab_size());
  }
}

class JsonKinds : public testing::TestWithParam<std::string> {};

TEST_P(JsonKinds, EncodesAsTheLibraryDoes) {
  const auto tokenizer = load_tokenizer(kJson / GetParam());
  expect_json_golden(*tokenizer, GetParam());
  expect_json_golden(*tokenizer, GetParam());  // by now words come out of the memory of words
  EXPECT_THAT(tokenizer->rule(), HasSubstr("tokenizer.json"));
}

TEST_P(JsonKinds, SavesWhatItReads) {
  const Folder folder;
  const auto tokenizer = load_tokenizer(kJson / GetParam());
  tokenizer->save(folder);
  write_file_atomic(folder / "config.json", R"({"model_type": "infig"})");  // as beside a run's tokenizer
  EXPECT_EQ(read_file(folder / "tokenizer.json"), read_file(kJson / GetParam() / "tokenizer.json"));
  const auto again = load_tokenizer(folder);
  EXPECT_EQ(again->pad_id(), tokenizer->pad_id());
  EXPECT_EQ(again->vocab_size(), tokenizer->vocab_size());
  expect_json_golden(*again, GetParam());
}

TEST_P(JsonKinds, CutsLongTextsBetweenTheSpecialTokens) {
  const auto tokenizer = load_tokenizer(kJson / GetParam());
  const std::string text = "Just saw the old harbour #happy a sad cat \U0001F600";
  const Encoding whole = tokenizer->encode(text, 0), none = tokenizer->encode("", 0);
  const auto around = static_cast<int64_t>(none.ids.size());
  ASSERT_GT(static_cast<int64_t>(whole.ids.size()), around + 2);
  for (int64_t limit = std::max<int64_t>(around, 2); limit <= static_cast<int64_t>(whole.ids.size()) + 2; ++limit) {
    const Encoding cut = tokenizer->encode(text, limit);
    EXPECT_EQ(static_cast<int64_t>(cut.ids.size()), std::min(limit, static_cast<int64_t>(whole.ids.size())));
    if (!none.ids.empty()) {
      EXPECT_EQ(cut.ids.front(), whole.ids.front());
      EXPECT_EQ(cut.ids.back(), whole.ids.back());
    }
  }
}

TEST_P(JsonKinds, SurvivesAnyBytes) {
  const auto tokenizer = load_tokenizer(kJson / GetParam());
  EXPECT_EQ(tokenizer->encode("a\xff z", 0).ids, tokenizer->encode("a\uFFFD z", 0).ids);
  RandomStream random(3, "json-bytes");
  for (int round = 0; round < 200; ++round) {
    std::string text;
    for (uint64_t i = random.below(40); i > 0; --i) text += static_cast<char>(random.below(256));
    for (const auto& [begin, end] : tokenizer->encode(text, 0).offsets) {
      EXPECT_LE(begin, end);
      EXPECT_LE(end, static_cast<int64_t>(text.size()));
    }
  }
  for (const std::string unit : {"a", "ab ", "\u00e9", "\u0301", " ", "!"}) {
    std::string huge;
    while (huge.size() < 20'000) huge += unit;
    EXPECT_LE(tokenizer->encode(huge, 128).ids.size(), 128U);
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, JsonKinds, testing::ValuesIn(json_kinds()), [](const auto& instance) {
  std::string name = instance.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

// A word-level file: ids by hand. "[SEP]" is a word of the vocabulary, parted by white space alone.
Json by_hand() {
  Json file = Json::parse(R"({"version": "1.0", "truncation": null, "padding": {"pad_id": 3, "strategy": "BatchLongest"},
    "added_tokens": [{"id": 0, "content": "[CLS]", "special": true, "normalized": false, "lstrip": false, "rstrip": false, "single_word": false},
                     {"id": 1, "content": "[SEP]", "special": true, "normalized": false, "lstrip": false, "rstrip": false, "single_word": false},
                     {"id": 6, "content": "<user>", "special": false, "normalized": false, "lstrip": false, "rstrip": false, "single_word": false}],
    "normalizer": null, "pre_tokenizer": {"type": "WhitespaceSplit"}, "decoder": null,
    "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 1], "cls": ["[CLS]", 0]},
    "model": {"type": "WordLevel", "unk_token": "[UNK]"}})");
  file["model"]["vocab"] = {{"[CLS]", 0}, {"[SEP]", 1}, {"[UNK]", 2}, {"[PAD]", 3}, {"hello", 4}, {"world", 5}};
  return file;
}

std::string error_of(const Json& file) {
  const Folder folder;
  write_file_atomic(folder / "tokenizer.json", file.dump());
  const std::string error = load_error(folder);
  if (!error.empty()) {
    EXPECT_THAT(error, HasSubstr((folder / "tokenizer.json").string()));
  }
  return error;
}

TEST(JsonTokenizer, ByHand) {
  const Folder folder;
  write_file_atomic(folder / "tokenizer.json", by_hand().dump());
  const auto tokenizer = load_tokenizer(folder);
  const Encoding encoding = tokenizer->encode("hello <user> [SEP] you [UNK]", 0);
  EXPECT_EQ(encoding.ids, (Ids{0, 4, 6, 1, 2, 2, 1}));
  EXPECT_EQ(encoding.offsets, (Offsets{{0, 0}, {0, 5}, {6, 12}, {13, 18}, {19, 22}, {23, 28}, {0, 0}}));
  EXPECT_EQ(encoding.tokens, (std::vector<std::string>{"[CLS]", "hello", "<user>", "[SEP]", "[UNK]", "[UNK]", "[SEP]"}));
  EXPECT_EQ(tokenizer->pad_id(), 3);
  EXPECT_EQ(tokenizer->vocab_size(), 7);
}

TEST(JsonTokenizer, SplitSpecialTokensNeverComeOutOfAText) {
  const Folder folder;
  write_file_atomic(folder / "tokenizer.json", by_hand().dump());
  const auto tokenizer = load_tokenizer(folder, SpecialInText::kSplit);
  EXPECT_EQ(tokenizer->encode("hello <user> [SEP] you [CLS]world [PAD]", 0).ids,
            (Ids{0, 4, 6, 2, 2, 2, 3, 1}));  // [PAD] is no special token here
  for (const std::string& kind : json_kinds()) {
    const auto split = load_tokenizer(kJson / kind, SpecialInText::kSplit);
    const Ids none = split->encode("", 0).ids;
    const Json file = Json::parse(read_file(kJson / kind / "tokenizer.json"));
    for (const Json& token : file["added_tokens"]) {
      const std::string content = token["content"];
      if (!token["special"].get<bool>() || content.find("unk") != std::string::npos || content.find("UNK") != std::string::npos) continue;
      if (content.starts_with("<0x")) continue;                        // what unknown characters fall back to
      if (kind == "bpe-clip" && content == "<|endoftext|>") continue;  // its unknown token
      const Ids ids = split->encode(fmt::format("{0} x {0}{0}", content), 0).ids;
      EXPECT_EQ(std::count(ids.begin(), ids.end(), token["id"].get<int64_t>()),
                std::count(none.begin(), none.end(), token["id"].get<int64_t>()))
          << kind << ": " << content;
    }
  }
}

// Tokens that the post-processor alone puts around a text; of a prompt of several ids each is an ordinary piece.
TEST(JsonTokenizer, SplitHidesWhatOnlyTheTemplateNames) {
  const Folder folder;
  Json file = by_hand();
  file["added_tokens"] = Json::array();
  for (const bool bert : {true, false}) {
    if (!bert) {
      file["post_processor"] = Json::parse(R"({"type": "TemplateProcessing", "pair": [],
        "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"SpecialToken": {"id": "say", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                   {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
        "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [0], "tokens": ["[CLS]"]}, "[SEP]": {"id": "[SEP]", "ids": [1], "tokens": ["[SEP]"]},
                           "say": {"id": "say", "ids": [4, 5], "tokens": ["hello", "world"]}}})");
    }
    write_file_atomic(folder / "tokenizer.json", file.dump());
    const std::string text = "hello [SEP] world [CLS]";
    const Ids kept = load_tokenizer(folder, SpecialInText::kKeep)->encode(text, 0).ids;
    const Ids split = load_tokenizer(folder, SpecialInText::kSplit)->encode(text, 0).ids;
    EXPECT_EQ(kept, bert ? (Ids{0, 4, 1, 5, 0, 1}) : (Ids{0, 4, 5, 4, 1, 5, 0, 1}));
    EXPECT_EQ(split, bert ? (Ids{0, 4, 2, 5, 2, 1}) : (Ids{0, 4, 5, 4, 2, 5, 2, 1}));
  }
}

TEST(JsonTokenizer, SplitHoldsForEveryOtherTokenizer) {
  for (const std::string kind : {"bert", "mpnet", "roberta", "roberta_prefix", "clip"}) {
    const auto tokenizer = load_tokenizer(kGolden / kind, SpecialInText::kSplit);
    const SpecialIds& special = tokenizer->special_ids();
    const Ids ids = tokenizer->encode("[SEP] </s> <|endoftext|> [CLS] <s> <|startoftext|> <mask> [MASK] x", 0).ids;
    for (const int32_t id : {special.cls, special.sep, special.mask}) {
      if (id < 0 || id == special.unk) continue;
      EXPECT_EQ(std::count(ids.begin() + 1, ids.end() - 1, id), 0) << kind << ": " << id;
    }
    EXPECT_GT(ids.size(), 10U);
  }
  const auto pieces = load_tokenizer(kGolden, SpecialInText::kSplit);
  const Ids ids = pieces->encode("happy [SEP] days [MASK] [CLS]x[PAD]", 0).ids,
            keep = load_tokenizer(kGolden)->encode("happy [SEP] days", 0).ids;
  for (const int64_t id : {0, 1, 2}) EXPECT_EQ(std::count(ids.begin() + 1, ids.end() - 1, id), 0);
  EXPECT_EQ(std::count(ids.begin(), ids.end(), pieces->special_ids().mask), 0);
  EXPECT_EQ(std::count(keep.begin() + 1, keep.end() - 1, 2), 1);
  EXPECT_EQ(pieces->encode("happy days", 0).ids, load_tokenizer(kGolden)->encode("happy days", 0).ids);
}

TEST(JsonTokenizer, UnknownTypesAndKeysAreRefusedByName) {
  for (const char* part : {"normalizer", "pre_tokenizer", "post_processor"}) {
    Json file = by_hand();
    file[part] = {{"type", "Shuffle"}};
    EXPECT_THAT(error_of(file), AllOf(HasSubstr(part), HasSubstr("Shuffle")));
  }
  Json file = by_hand();
  file["model"]["type"] = "Neural";
  EXPECT_THAT(error_of(file), AllOf(HasSubstr("model.type"), HasSubstr("Neural"), HasSubstr("WordPiece")));
  file = by_hand();
  file["normalizer"] = {
      {"type", "Sequence"},
      {"normalizers", {{{"type", "NFC"}}, {{"type", "Strip"}, {"strip_left", true}, {"strip_right", true}, {"middle", 1}}}}};
  EXPECT_THAT(error_of(file), AllOf(HasSubstr("normalizer.normalizers[1]"), HasSubstr("middle")));
  file = by_hand();
  file["pre_tokenizer"] = {{"type", "Split"}, {"pattern", {{"Regex", "(a"}}}, {"behavior", "Isolated"}, {"invert", false}};
  EXPECT_THAT(error_of(file), AllOf(HasSubstr("pre_tokenizer.pattern"), HasSubstr("(a")));
  file = by_hand();
  file["rescue"] = 1;
  EXPECT_THAT(error_of(file), HasSubstr("rescue"));
  file = by_hand();
  file["version"] = "2.0";
  EXPECT_THAT(error_of(file), HasSubstr("version"));
}

TEST(JsonTokenizer, FaultsOfModelsAreNamed) {
  const auto model_error = [](const char* key, const Json& value, Json model = by_hand()["model"]) {
    model[key] = value;
    Json file = by_hand();
    file["model"] = model;
    return error_of(file);
  };
  EXPECT_THAT(model_error("unk_token", "[NONE]"), AllOf(HasSubstr("unk_token"), HasSubstr("[NONE]")));
  EXPECT_THAT(model_error("vocab", {{"a", 0}, {"b", 0}}), AllOf(HasSubstr("model.vocab"), HasSubstr("same id")));
  EXPECT_THAT(model_error("vocab", {{"a", -1}}), HasSubstr("model.vocab"));
  EXPECT_THAT(model_error("vocab", {{"a", 100'000'000}}), HasSubstr("model.vocab"));
  const Json pairs = {{"type", "BPE"}, {"vocab", {{"[CLS]", 0}, {"[SEP]", 1}, {"a", 2}, {"b", 3}}}, {"merges", Json::array()}};
  EXPECT_THAT(model_error("merges", Json::array({Json::array({"a", "absent"})}), pairs),
              AllOf(HasSubstr("model.merges"), HasSubstr("absent")));
  EXPECT_THAT(model_error("merges", Json::array({Json::array({"a", "b"})}), pairs), AllOf(HasSubstr("model.merges"), HasSubstr("ab")));
  EXPECT_THAT(model_error("merges", Json::array({"a b c"}), pairs), HasSubstr("model.merges[0]"));
  EXPECT_THAT(model_error("dropout", 0.1, pairs), AllOf(HasSubstr("dropout"), HasSubstr("0.1")));
  EXPECT_THAT(model_error("unk_token", "<unk>", pairs), HasSubstr("unk_token"));
  const Json pieces = {{"type", "Unigram"}, {"unk_id", 0}, {"vocab", Json::array({Json::array({"<unk>", 0.0}), Json::array({"a", -1.0})})}};
  EXPECT_THAT(model_error("unk_id", nullptr, pieces), HasSubstr("unk_id"));
  EXPECT_THAT(model_error("unk_id", 2, pieces), HasSubstr("unk_id"));
  EXPECT_THAT(model_error("vocab", Json::array({Json::array({"a"})}), pieces), HasSubstr("model.vocab[0]"));
}

TEST(JsonTokenizer, IdsOfAddedTokensAreTheLibrarys) {
  Json file = by_hand();
  file["added_tokens"][2]["id"] = 9;  // the library would give it 6
  EXPECT_THAT(error_of(file), AllOf(HasSubstr("added_tokens"), HasSubstr("<user>"), HasSubstr("9"), HasSubstr("6")));
}

TEST(JsonTokenizer, HugeAndDeepFilesAreNamed) {
  const Folder folder;
  write_file_atomic(folder / "tokenizer.json", R"({"model": )" + std::string(10'000, '[') + std::string(10'000, ']') + "}");
  EXPECT_THAT(load_error(folder), AllOf(HasSubstr("tokenizer.json"), HasSubstr("deeper")));
  fs::resize_file(folder / "tokenizer.json", uintmax_t{100} << 20);
  EXPECT_THAT(load_error(folder), AllOf(HasSubstr("tokenizer.json"), HasSubstr("64 MiB")));
}

TEST(JsonTokenizer, ATextMayNotGrowBeyondBounds) {
  Json file = by_hand();
  Json steps = Json::array();
  for (int i = 0; i < 40; ++i) steps.push_back({{"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", "aa"}});
  file["normalizer"] = {{"type", "Sequence"}, {"normalizers", steps}};
  const Folder folder;
  write_file_atomic(folder / "tokenizer.json", file.dump());
  EXPECT_THROW(load_tokenizer(folder)->encode("a", 0), DataError);
}

// Which rules win (the table of docs/tokenizers.md); conformance tests run AutoTokenizer on more of them.
TEST(JsonTokenizer, TheClassWinsOrTheFile) {
  const Folder folder;
  Json file = by_hand();
  file["model"] = {
      {"type", "WordPiece"},
      {"unk_token", "[UNK]"},
      {"continuing_subword_prefix", "##"},
      {"max_input_chars_per_word", 100},
      {"vocab", {{"[CLS]", 0}, {"[SEP]", 1}, {"[UNK]", 2}, {"[PAD]", 3}, {"hello", 4}, {"Hello", 5}, {"[MASK]", 7}, {"!", 8}}}};
  file["added_tokens"].erase(2);
  write_file_atomic(folder / "tokenizer.json", file.dump());
  const auto ids = [&](const char* config, const char* type) {
    write_file_atomic(folder / "tokenizer_config.json", config);
    write_file_atomic(folder / "config.json", std::string(R"({"model_type": ")") + type + R"("})");
    return load_tokenizer(folder)->encode("Hello!", 0).ids;
  };
  const Ids by_class = {0, 4, 8, 1}, by_file = {0, 2, 1}, cased = {0, 5, 8, 1};
  EXPECT_EQ(ids(R"({"tokenizer_class": "BertTokenizer"})", "bert"), by_class);
  EXPECT_EQ(ids(R"({"tokenizer_class": "BertTokenizerFast", "do_lower_case": false})", "bert"), cased);
  EXPECT_EQ(ids("{}", "bert"), by_class);
  EXPECT_EQ(ids("{}", "something"), by_file);
  EXPECT_EQ(ids(R"({"tokenizer_class": "PreTrainedTokenizerFast"})", "bert"), by_file);
  EXPECT_EQ(ids(R"({"tokenizer_class": "TokenizersBackend"})", "bert"), by_file);
  EXPECT_EQ(ids(R"({"tokenizer_class": "MyOwnTokenizer"})", "bert"), by_file);
  write_file_atomic(folder / "tokenizer_config.json", R"({"tokenizer_class": "GPT2Tokenizer"})");
  EXPECT_THAT(load_error(folder), AllOf(HasSubstr("GPT2Tokenizer"), HasSubstr("TokenizersBackend")));
}

TEST(JsonTokenizer, DamagedFilesAreHarmlessOrNamed) {
  for (const std::string& kind : json_kinds()) {
    const Folder folder;
    const std::string whole = read_file(kJson / kind / "tokenizer.json");
    RandomStream random(9, "damage-" + kind);
    for (int round = 0; round < 25; ++round) {
      std::string bytes = whole;
      for (uint64_t i = random.below(3) + 1; i > 0; --i)
        bytes[random.below(std::min<size_t>(bytes.size(), 3000))] = static_cast<char>(random.below(256));
      write_file_atomic(folder / "tokenizer.json", bytes);
      try {
        load_tokenizer(folder)->encode("caf\u00e9 <user> hello 1999!! \U0001F600 #SAD", 0);
      } catch (const Error& error) {  // nothing else may come out
        EXPECT_THAT(error.what(), HasSubstr("infig-published"));
      }
    }
  }
}

}  // namespace
}  // namespace infig
