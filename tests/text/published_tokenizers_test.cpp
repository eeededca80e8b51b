// WordPiece and byte pairs against golden files of transformers (tools/golden/make_tokenizers.py), and what their files may lack.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdlib>
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
using testing::HasSubstr;

void expect_golden(const Tokenizer& tokenizer, const std::string& kind) {
  const Json cases = Json::parse(read_file(kGolden / (kind + ".json")));
  ASSERT_GE(cases.size(), 70U);
  for (const Json& one : cases) {
    const std::string text = one["text"];
    const Encoding encoding = tokenizer.encode(text, 0);
    EXPECT_EQ(encoding.ids, one["ids"].get<std::vector<int64_t>>()) << kind << ": " << text;
    EXPECT_EQ(encoding.offsets, one["offsets"].get<Offsets>()) << kind << ": " << text;
    ASSERT_EQ(encoding.tokens.size(), encoding.ids.size());
  }
}

class Published : public testing::TestWithParam<std::string> {};

TEST_P(Published, EncodesAsTransformersDoes) { expect_golden(*load_tokenizer(kGolden / GetParam()), GetParam()); }

TEST_P(Published, SavesWhatItReads) {
  const Folder folder;
  const auto tokenizer = load_tokenizer(kGolden / GetParam());
  tokenizer->save(folder);
  const auto again = load_tokenizer(folder);
  EXPECT_EQ(again->vocab_size(), tokenizer->vocab_size());
  EXPECT_EQ(again->pad_id(), tokenizer->pad_id());
  expect_golden(*again, GetParam());
  for (const char* name : {"vocab.txt", "vocab.json", "merges.txt"}) {
    if (fs::exists(kGolden / GetParam() / name)) {
      EXPECT_EQ(read_file(folder / name), read_file(kGolden / GetParam() / name));
    }
  }
}

TEST_P(Published, CutsLongTextsAndKeepsTheLastToken) {
  const auto tokenizer = load_tokenizer(kGolden / GetParam());
  const std::string text = "Just saw the old harbour #happy <mask> [MASK] a sad cat \U0001F600";
  const Encoding whole = tokenizer->encode(text, 0);
  const auto length = static_cast<int64_t>(whole.ids.size());
  ASSERT_GT(length, 12);
  EXPECT_EQ(tokenizer->encode(text, length).ids, whole.ids);
  for (int64_t limit = 2; limit < length; ++limit) {
    const Encoding cut = tokenizer->encode(text, limit);
    std::vector<int64_t> ids(whole.ids.begin(), whole.ids.begin() + limit - 1);
    ids.push_back(tokenizer->special_ids().sep);
    Offsets offsets(whole.offsets.begin(), whole.offsets.begin() + limit - 1);
    offsets.emplace_back(0, 0);
    EXPECT_EQ(cut.ids, ids);
    EXPECT_EQ(cut.offsets, offsets);
  }
  EXPECT_EQ(tokenizer->encode("", 0).ids.size(), 2U);
  EXPECT_THROW(tokenizer->encode(text, 1), ConfigError);
}

TEST_P(Published, SurvivesAnyBytes) {
  const auto tokenizer = load_tokenizer(kGolden / GetParam());
  EXPECT_EQ(tokenizer->encode("a\xff z", 0).ids, tokenizer->encode("a\uFFFD z", 0).ids);
  EXPECT_EQ(tokenizer->encode("caf\xc3", 0).ids, tokenizer->encode("caf\uFFFD", 0).ids);
  EXPECT_EQ(tokenizer->encode("\xed\xa0\x80", 0).ids, tokenizer->encode("\uFFFD\uFFFD\uFFFD", 0).ids);  // a surrogate
  RandomStream random(3, "bytes");
  for (int round = 0; round < 300; ++round) {
    std::string text;
    for (uint64_t i = random.below(40); i > 0; --i) text += static_cast<char>(random.below(256));
    for (const auto& [begin, end] : tokenizer->encode(text, 0).offsets) {
      EXPECT_LE(begin, end);
      EXPECT_LE(end, static_cast<int64_t>(text.size()));
    }
  }
  for (const std::string unit : {"a", "ab ", "\u00e9", "\u0301", " ", "!", "\U0001F600"}) {
    std::string huge;
    while (huge.size() < 100'000) huge += unit;
    EXPECT_GE(tokenizer->encode(huge, 0).ids.size(), 2U);
    EXPECT_LE(tokenizer->encode(huge, 128).ids.size(), 128U);
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, Published,
                         testing::Values("bert", "bert_cased", "bert_accents", "mpnet", "roberta", "roberta_prefix", "clip"),
                         [](const auto& instance) { return instance.param; });

TEST(PublishedFiles, TokenizerJsonAloneIsEnough) { expect_golden(*load_tokenizer(kGolden / "bert_json"), "bert"); }

TEST(PublishedFiles, KindIsFoundWithoutItsName) {
  for (const std::string kind : {"bert", "mpnet", "roberta", "clip"}) {
    const Folder folder(kGolden / kind);
    Json config = Json::parse(read_file(folder / "tokenizer_config.json"));
    config.erase("tokenizer_class");
    write_file_atomic(folder / "tokenizer_config.json", config.dump());
    expect_golden(*load_tokenizer(folder), kind);
    config["tokenizer_class"] = "PreTrainedTokenizerFast";
    write_file_atomic(folder / "tokenizer_config.json", config.dump());
    write_file_atomic(folder / "config.json", R"({"model_type": ")" + kind + R"("})");
    expect_golden(*load_tokenizer(folder), kind);
  }
}

TEST(PublishedFiles, FaultsOfAWordPieceFolderAreNamed) {
  const Folder folder(kGolden / "bert");
  const std::string vocabulary = read_file(folder / "vocab.txt"), config = read_file(folder / "tokenizer_config.json");
  for (const std::string token : {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}) {
    std::string other = vocabulary;
    other.replace(other.find(token), token.size(), "other");
    write_file_atomic(folder / "vocab.txt", other);
    EXPECT_THAT(load_error(folder), HasSubstr(token));
  }
  for (const std::string& bytes : {std::string(), std::string("\xff\xfe\n")}) {
    write_file_atomic(folder / "vocab.txt", bytes);
    EXPECT_THAT(load_error(folder), HasSubstr("vocab.txt"));
  }
  write_file_atomic(folder / "vocab.txt", vocabulary);
  for (const std::string bytes :
       {"[1]", "{", R"({"tokenizer_class": "BertweetTokenizer"})", R"({"do_lower_case": "yes"})", R"({"cls_token": null})",
        R"({"added_tokens_decoder": {"-3": {"content": "x"}}})", R"({"added_tokens_decoder": {"7": {"content": "[SEP]"}}})"}) {
    write_file_atomic(folder / "tokenizer_config.json", bytes);
    EXPECT_NE(load_error(folder), "") << bytes;
  }
  write_file_atomic(folder / "tokenizer_config.json", config);
  EXPECT_EQ(load_error(folder), "");
  fs::remove(folder / "tokenizer_config.json");
  write_file_atomic(folder / "config.json", R"({"model_type": "t5"})");
  EXPECT_THAT(load_error(folder), HasSubstr("t5"));
}

TEST(PublishedFiles, FaultsOfABytePairFolderAreNamed) {
  const Folder folder(kGolden / "roberta_prefix");
  const std::string vocabulary = read_file(folder / "vocab.json"), merges = read_file(folder / "merges.txt");
  write_file_atomic(folder / "merges.txt", merges + "only-one-part\n");
  EXPECT_THAT(load_error(folder), HasSubstr("only-one-part"));
  write_file_atomic(folder / "merges.txt", merges + "a b c\n");
  EXPECT_THAT(load_error(folder), HasSubstr("a b c"));
  write_file_atomic(folder / "merges.txt", merges + "absent1 absent2\n");
  EXPECT_THAT(load_error(folder), HasSubstr("absent1"));
  write_file_atomic(folder / "merges.txt", merges);
  for (const std::string bytes : {"", "[]", "{}", R"({"a": -1})", R"({"a": 1000000000000})", R"({"a": 1, "b": 1})", R"({"a": 0})"}) {
    write_file_atomic(folder / "vocab.json", bytes);
    EXPECT_NE(load_error(folder), "") << bytes;
  }
  // A damaged id must not make a list of half a gigabyte, and brackets must not overflow the stack.
  write_file_atomic(folder / "vocab.json", R"({"a": 16777215})");
  EXPECT_THAT(load_error(folder), HasSubstr("16777215"));
  write_file_atomic(folder / "vocab.json", R"({"a": )" + std::string(200'000, '[') + std::string(200'000, ']') + "}");
  EXPECT_THAT(load_error(folder), HasSubstr("vocab.json"));
  write_file_atomic(folder / "vocab.json", vocabulary);
  EXPECT_EQ(load_error(folder), "");
  fs::remove(folder / "merges.txt");
  EXPECT_THAT(load_error(folder), HasSubstr("merges.txt"));
}

TEST(PublishedFiles, WhatCannotBeReadIsRefused) {
  const Folder folder;
  EXPECT_THAT(load_error(folder), HasSubstr("vocab.txt"));
  write_file_atomic(folder / "tokenizer.json", R"({"model": {"type": "Unigram", "vocab": []}})");
  EXPECT_THAT(load_error(folder), HasSubstr("model.vocab"));
  write_file_atomic(folder / "tokenizer.json", R"({"model": {"type": "BPE", "vocab": {"a": 0}, "merges": [3]}})");
  EXPECT_THAT(load_error(folder), HasSubstr("merges"));
  write_file_atomic(folder / "tokenizer.json", R"({"model": 3})");
  EXPECT_NE(load_error(folder), "");
  fs::remove(folder / "tokenizer.json");
  for (const std::string& bytes : {std::string(), std::string("no gzip"), std::string("\x1f\x8b\x08\0\0\0\0\0", 8)}) {
    write_file_atomic(folder / "bpe_simple_vocab_16e6.txt.gz", bytes);
    EXPECT_THAT(load_error(folder), HasSubstr("gz"));
    EXPECT_THAT(load_error(folder / "bpe_simple_vocab_16e6.txt.gz"), HasSubstr("gz"));
  }
  // CLIP's number of lines, one of which is a second header and no merge.
  std::string lines = "header\n#version\n";
  for (int line = 0; line < 49152 - 256 - 2 - 1; ++line) lines += "! !\n";
  const fs::path packed = folder / "bpe_simple_vocab_16e6.txt.gz";
  const gzFile file = ::gzopen(packed.c_str(), "wb1");
  ASSERT_EQ(::gzwrite(file, lines.data(), static_cast<unsigned>(lines.size())), static_cast<int>(lines.size()));
  ASSERT_EQ(::gzclose(file), Z_OK);
  EXPECT_THAT(load_error(packed), testing::AllOf(HasSubstr("gz"), HasSubstr("48893 merges")));
  write_file_atomic(folder / "x.txt", "x");
  EXPECT_THAT(load_error(folder / "x.txt"), HasSubstr("x.txt"));
}

// Damage in the files a model ships is harmless or named; the sanitizers watch the rest.
TEST(PublishedFiles, DamagedFilesAreHarmlessOrNamed) {
  for (const std::string kind : {"bert_accents", "roberta", "clip", "bert_json"}) {
    const Folder folder(kGolden / kind);
    RandomStream random(9, "damage-" + kind);
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(kGolden / kind)) files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    for (int round = 0; round < 60; ++round) {
      const fs::path& file = files[random.below(files.size())];
      std::string bytes = read_file(file);
      for (uint64_t i = random.below(3) + 1; i > 0; --i) bytes[random.below(bytes.size())] = static_cast<char>(random.below(256));
      if (random.chance(0.2)) bytes.resize(random.below(bytes.size()));
      write_file_atomic(folder / file.filename().c_str(), bytes);
      try {
        load_tokenizer(folder)->encode("caf\u00e9 <user> hello 1999!! \U0001F600 #SAD", 0);
      } catch (const CheckpointError& error) {  // nothing else may come out
        EXPECT_THAT(error.what(), HasSubstr("infig-published"));
      }
      write_file_atomic(folder / file.filename().c_str(), read_file(file));
    }
  }
}

// Ids as open_clip's tokenizer gives them (transformers' openai/clip-vit-base-patch32 has the same).
TEST(PublishedFiles, ClipsOwnVocabulary) {
  const char* named = std::getenv("INFIG_DATA");
  const fs::path data = named != nullptr ? fs::path(named) : fs::path(INFIG_SOURCE_DIR) / "../shared/data";
  const fs::path file = data / "clip-bpe/bpe_simple_vocab_16e6.txt.gz";
  if (!fs::exists(file)) GTEST_SKIP() << "real data is absent: " << file;
  for (const fs::path& path : {file, file.parent_path()}) {
    const auto tokenizer = load_tokenizer(path);
    EXPECT_EQ(tokenizer->vocab_size(), 49408);
    EXPECT_EQ(tokenizer->encode("a photo of a cat", 77).ids, (std::vector<int64_t>{49406, 320, 1125, 539, 320, 2368, 49407}));
    EXPECT_EQ(tokenizer->pad_id(), 49407);
    const Folder folder;
    tokenizer->save(folder);
    EXPECT_EQ(load_tokenizer(folder)->encode("It's 2016!! \U0001F600", 0).ids, tokenizer->encode("It's 2016!! \U0001F600", 0).ids);
  }
}

}  // namespace
}  // namespace infig
