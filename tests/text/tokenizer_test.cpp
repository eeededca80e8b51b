#include "text/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "core/error.h"
#include "core/files.h"
#include "core/random.h"
#include "text/sentencepiece.h"
#include "text/tokenizer_folders.h"

namespace infig {
namespace {

using Json = nlohmann::json;
using Offsets = std::vector<std::pair<int64_t, int64_t>>;
using testing::HasSubstr;

Json golden() { return Json::parse(read_file(kGolden / "encodings.json")); }

std::vector<std::string> small_corpus() {
  std::vector<std::string> texts;
  for (int i = 0; i < 40; ++i) {
    texts.push_back("the happy dog number " + std::to_string(i) + " ran home");
    texts.emplace_back("a sad cat sat … on the mat");
    texts.emplace_back("happy days at the beach!!! [SEP] x[MASK]x");
  }
  return texts;
}

TEST(Tokenizer, EncodesAsTransformersDoes) {
  const auto tokenizer = load_tokenizer(kGolden);
  const Json file = golden();
  const auto pieces = file["pieces"].get<std::vector<std::string>>();
  ASSERT_GT(pieces.size(), 100U);
  EXPECT_EQ(tokenizer->vocab_size(), static_cast<int64_t>(pieces.size()));
  EXPECT_EQ(tokenizer->pad_id(), 0);
  ASSERT_GE(file["cases"].size(), 30U);
  for (const Json& one : file["cases"]) {
    const std::string text = one["text"];
    const Encoding encoding = tokenizer->encode(text, 0);
    EXPECT_EQ(encoding.ids, one["ids"].get<std::vector<int64_t>>()) << text;
    EXPECT_EQ(encoding.offsets, one["offsets"].get<Offsets>()) << text;
    ASSERT_EQ(encoding.tokens.size(), encoding.ids.size());
    for (size_t i = 0; i < encoding.ids.size(); ++i) EXPECT_EQ(encoding.tokens[i], pieces.at(static_cast<size_t>(encoding.ids[i]))) << text;
  }
}

// The documented deviation: letter and combining mark are covered both.
TEST(Tokenizer, CoversCombiningMarks) {
  const auto tokenizer = load_tokenizer(kGolden);
  const std::vector<Offsets> expected = {{{0, 0}, {0, 1}, {1, 2}, {2, 3}, {3, 5}, {5, 6}, {6, 9}, {0, 0}},
                                         {{0, 0}, {0, 1}, {0, 2}, {0, 0}},
                                         {{0, 0}, {0, 1}, {0, 3}, {3, 4}, {4, 5}, {0, 0}}};
  const Json cases = golden()["combined"];
  ASSERT_EQ(cases.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    const Encoding encoding = tokenizer->encode(cases[i]["text"].get<std::string>(), 0);
    EXPECT_EQ(encoding.ids, cases[i]["ids"].get<std::vector<int64_t>>());
    EXPECT_EQ(encoding.offsets, expected[i]);
  }
}

TEST(Tokenizer, CutsLongTextsAndKeepsSep) {
  const auto tokenizer = load_tokenizer(kGolden);
  const std::string text = "Just saw the old harbour #happy";
  const Encoding whole = tokenizer->encode(text, 0);
  const int64_t length = static_cast<int64_t>(whole.ids.size());
  ASSERT_GT(length, 8);
  EXPECT_EQ(tokenizer->encode(text, length).ids, whole.ids);
  for (const int64_t limit : {int64_t{2}, int64_t{5}, length - 1}) {
    const Encoding cut = tokenizer->encode(text, limit);
    std::vector<int64_t> ids(whole.ids.begin(), whole.ids.begin() + limit - 1);
    ids.push_back(2);
    Offsets offsets(whole.offsets.begin(), whole.offsets.begin() + limit - 1);
    offsets.emplace_back(0, 0);
    EXPECT_EQ(cut.ids, ids);
    EXPECT_EQ(cut.offsets, offsets);
    EXPECT_EQ(cut.tokens.size(), ids.size());
    EXPECT_EQ(cut.tokens.back(), "[SEP]");
  }
  EXPECT_EQ(tokenizer->encode("", 2).ids, (std::vector<int64_t>{1, 2}));
  EXPECT_THROW(tokenizer->encode(text, 1), ConfigError);
  EXPECT_THROW(tokenizer->encode(text, -1), ConfigError);
}

TEST(Tokenizer, SurvivesAnyBytes) {
  const auto tokenizer = load_tokenizer(kGolden);
  const std::vector<std::string> texts = {"\xff\xfe",       "a\x80z", "caf\xc3", "\xe2\x80", "\xf0\x9f\x98", std::string("\0\0", 2),
                                          "\xe2\x80\x0a x", "["};
  for (const std::string& text : texts) {
    const Encoding encoding = tokenizer->encode(text, 0);
    ASSERT_GE(encoding.ids.size(), 2U);
    EXPECT_EQ(encoding.tokens.size(), encoding.ids.size());
    for (const auto& [begin, end] : encoding.offsets) {
      EXPECT_LE(begin, end);
      EXPECT_LE(end, static_cast<int64_t>(text.size()));
    }
  }
  const std::string word = "the market in winter ";
  std::string huge;
  while (huge.size() < 100'000) huge += word;
  const Encoding encoding = tokenizer->encode(huge, 0);
  EXPECT_EQ(encoding.offsets[encoding.offsets.size() - 2].second, static_cast<int64_t>(huge.size()) - 1);
  EXPECT_EQ(tokenizer->encode(huge, 128).ids.size(), 128U);
  EXPECT_GT(tokenizer->encode(std::string(100'000, 'a'), 0).ids.size(), 1000U);
}

TEST(Tokenizer, EncodesFromSeveralThreads) {
  const auto tokenizer = load_tokenizer(kGolden);
  const Json file = golden();
  std::vector<std::vector<std::vector<int64_t>>> results(4);
  {
    std::vector<std::jthread> threads;
    for (auto& result : results) {
      threads.emplace_back([&] {
        for (int round = 0; round < 20; ++round) {
          result.clear();
          for (const Json& one : file["cases"]) result.push_back(tokenizer->encode(one["text"].get<std::string>(), 0).ids);
        }
      });
    }
  }
  for (const auto& result : results) {
    ASSERT_EQ(result.size(), file["cases"].size());
    for (size_t i = 0; i < result.size(); ++i) EXPECT_EQ(result[i], file["cases"][i]["ids"].get<std::vector<int64_t>>());
  }
}

TEST(Tokenizer, SavesWhatItLoaded) {
  const Folder folder;
  load_tokenizer(kGolden)->save(folder);
  EXPECT_EQ(read_file(folder / "spm.model"), read_file(kGolden / "spm.model"));
  const Json config = Json::parse(read_file(folder / "tokenizer_config.json"));
  EXPECT_EQ(config["tokenizer_class"], "DebertaV2Tokenizer");
  EXPECT_EQ(config["do_lower_case"], false);
  EXPECT_EQ(config["mask_token"], "[MASK]");
  EXPECT_EQ(load_tokenizer(folder)->encode("the night train", 0).ids, load_tokenizer(kGolden)->encode("the night train", 0).ids);
  EXPECT_THROW(load_tokenizer(kGolden)->save(folder / "absent"), ResourceError);
}

TEST(Tokenizer, NamesWhatIsWrongWithAFolder) {
  const Folder folder;
  EXPECT_THAT(load_error(folder / "absent"), HasSubstr("absent"));
  EXPECT_THAT(load_error(folder), HasSubstr("spm.model"));
  const std::string model = read_file(kGolden / "spm.model");
  for (const std::string& bytes : {std::string(), std::string("no model"), model.substr(0, 1500), std::string(3000, '\xff')}) {
    write_file_atomic(folder / "spm.model", bytes);
    EXPECT_THAT(load_error(folder), HasSubstr("spm.model"));
  }
  for (const std::string name : {"[PAD]", "[CLS]", "[SEP]", "[UNK]"}) {
    std::string other = model;
    for (size_t at = other.find(name); at != std::string::npos; at = other.find(name)) other[at + 1] = 'X';
    write_file_atomic(folder / "spm.model", other);
    EXPECT_THAT(load_error(folder), HasSubstr(name));
  }
  // The settings name a piece that is not the unknown one.
  std::string other = model;
  other.replace(model.find("\xea\x02\x05[UNK]") + 3, 5, "[PAD]");
  write_file_atomic(folder / "spm.model", other);
  EXPECT_THAT(load_error(folder), HasSubstr("the unknown piece"));
  write_file_atomic(folder / "spm.model", model);
  EXPECT_EQ(load_error(folder), "");
  for (const std::string config :
       {R"({"do_lower_case": 1})", R"({"split_by_punct": "no"})", R"({"tokenizer_class": "T5Tokenizer"})", "[1]", "{"}) {
    write_file_atomic(folder / "tokenizer_config.json", config);
    EXPECT_THAT(load_error(folder), HasSubstr("tokenizer_config.json")) << config;
  }
  write_file_atomic(folder / "tokenizer_config.json", R"({"do_lower_case": false, "vocab_type": "spm"})");
  EXPECT_EQ(load_error(folder), "");
}

// Lower-casing comes first, and each punctuation character is encoded by itself with what lies between, as the original code does it.
TEST(Tokenizer, HonoursLowerCaseAndPunctuation) {
  const Folder folder;
  write_file_atomic(folder / "spm.model", read_file(kGolden / "spm.model"));
  const auto plain = load_tokenizer(folder);
  write_file_atomic(folder / "tokenizer_config.json", R"({"do_lower_case": true})");
  const auto lower = load_tokenizer(folder);
  EXPECT_EQ(lower->encode("Just SAW The Harbour [SEP]", 0).ids, plain->encode("just saw the harbour [SEP]", 0).ids);
  EXPECT_EQ(lower->encode("Just SAW The Harbour [SEP]", 0).offsets, plain->encode("just saw the harbour [SEP]", 0).offsets);
  const Encoding dotted = lower->encode("\u0130 saw", 0);  // one character that two come of
  EXPECT_EQ(dotted.offsets[dotted.offsets.size() - 2].second, 5);
  write_file_atomic(folder / "tokenizer_config.json", R"({"split_by_punct": true})");
  const auto split = load_tokenizer(folder);
  std::vector<int64_t> expected = {1};
  for (const std::string part : {"so", "!", "!", " happy", "?"}) {
    const std::vector<int64_t> ids = plain->encode(part, 0).ids;
    expected.insert(expected.end(), ids.begin() + 1, ids.end() - 1);
  }
  expected.push_back(2);
  EXPECT_EQ(split->encode("so!! happy?", 0).ids, expected);
  const Folder saved;
  split->save(saved);
  EXPECT_EQ(load_tokenizer(saved)->encode("so!! happy?", 0).ids, expected);
}

// Damage anywhere in the file is either harmless or named; it never ends the process, and the sanitizers watch the rest.
TEST(Tokenizer, SurvivesDamagedModels) {
  const std::string model = read_file(kGolden / "spm.model");
  RandomStream random(9, "damage");
  int named = 0;
  for (int round = 0; round < 1000; ++round) {
    std::string damaged = model;
    for (uint64_t i = random.below(3) + 1; i > 0; --i) damaged[random.below(damaged.size())] = static_cast<char>(random.below(256));
    try {
      make_sentencepiece_tokenizer(damaged, "spm.model")->encode("caf\u00e9 \u2026 \uff21 x \t hello 1999!!", 0);
    } catch (const CheckpointError& error) {
      ++named;
      EXPECT_THAT(error.what(), HasSubstr("spm.model"));
    }
  }
  EXPECT_GT(named, 300);
}

TEST(TrainSentencePiece, HasDebertaLayoutAndIsDeterministic) {
  const auto tokenizer = train_sentencepiece(small_corpus(), {.vocab_size = 60});
  EXPECT_LE(tokenizer->vocab_size(), 60);
  EXPECT_GT(tokenizer->vocab_size(), 30);
  const int64_t mask = tokenizer->vocab_size() - 1;
  EXPECT_EQ(tokenizer->encode("[PAD][CLS][SEP][UNK][MASK]", 0).ids, (std::vector<int64_t>{1, 0, 1, 2, 3, mask, 2}));
  EXPECT_EQ(tokenizer->pad_id(), 0);
  const Folder first, second;
  tokenizer->save(first);
  train_sentencepiece(small_corpus(), {.vocab_size = 60})->save(second);
  EXPECT_EQ(read_file(first / "spm.model"), read_file(second / "spm.model"));
}

// Words in random order: the only pieces worth having are the words themselves.
TEST(TrainSentencePiece, LearnsWordsAndNormalises) {
  std::vector<std::string> words = {"harbour", "lantern", "quickly", "the", "winter", "market", "smiling", "broken", "…", "dog"};
  std::vector<std::string> texts;
  RandomStream random(5, "corpus");
  for (int i = 0; i < 300; ++i) {
    random.shuffle(std::span(words));
    texts.push_back(words[0] + " " + words[1] + " " + words[2] + " " + words[3]);
  }
  const auto tokenizer = train_sentencepiece(texts, {.vocab_size = 60});
  EXPECT_THAT(tokenizer->encode("the lantern smiling", 0).tokens, testing::ElementsAre("[CLS]", "▁the", "▁lantern", "▁smiling", "[SEP]"));
  EXPECT_EQ(tokenizer->encode("ｔｈｅ …", 0).ids, tokenizer->encode("the ...", 0).ids);  // NFKC
  EXPECT_EQ(tokenizer->encode("the\n\tdog", 0).ids, tokenizer->encode("the dog", 0).ids);
  EXPECT_THAT(tokenizer->encode("Ж", 0).ids, testing::Contains(3));  // unknown
  EXPECT_THAT(tokenizer->encode("the … dog", 0).ids, testing::Not(testing::Contains(3)));
}

TEST(TrainSentencePiece, TakesTextsOfAnyLengthAndContent) {
  std::string longest;
  while (longest.size() < 20'000) longest += "zebra ";
  const auto tokenizer =
      train_sentencepiece({longest, std::string("a\0b", 3), "\xff\xfe", "x\u2585y", "[SEP]"}, {.character_coverage = 1.0});
  EXPECT_THAT(tokenizer->encode("zebra", 0).ids, testing::Not(testing::Contains(3)));  // the long text was not dropped
  EXPECT_THAT(tokenizer->encode("y", 0).ids, testing::Not(testing::Contains(3)));      // nor the one with the trainer's own mark
}

TEST(TrainSentencePiece, SaysWhyItCannotTrain) {
  const std::vector<std::vector<std::string>> empty = {
      {}, {""}, {"  ", "\n\t"}, {"\x01\x02"}, {"\u200b\u3000"}, {std::string("\0\0", 2)}, {"[CLS] [SEP]"}, {"\u2581"}, {"\u2585"}};
  for (const auto& texts : empty) EXPECT_THROW(train_sentencepiece(texts, {}), DataError) << texts.size();
  EXPECT_THROW(train_sentencepiece({"abcdefghijklmnopqrstuvwxyz"}, {.vocab_size = 20}), ConfigError);
  EXPECT_THROW(train_sentencepiece(small_corpus(), {.vocab_size = 5}), ConfigError);
  EXPECT_THROW(train_sentencepiece(small_corpus(), {.vocab_size = int64_t{1} << 40}), ConfigError);
  for (const double coverage : {0.0, 0.97, 1.01, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_THROW(train_sentencepiece(small_corpus(), {.character_coverage = coverage}), ConfigError) << coverage;
  }
}

TEST(TrainSentencePiece, CaseFoldingMakesUpperAndLowerCaseOne) {
  std::vector<std::string> texts;
  for (int i = 0; i < 40; ++i) {
    texts.push_back("The HAPPY dog number " + std::to_string(i) + " ran home");
    texts.emplace_back("a Sad cat sat on the mat, happy days at the Beach");
  }
  const auto folded = train_sentencepiece(texts, {.vocab_size = 80, .case_fold = true});
  const auto plain = train_sentencepiece(texts, {.vocab_size = 80});
  EXPECT_EQ(folded->encode("HAPPY Beach", 0).ids, folded->encode("happy beach", 0).ids);
  EXPECT_NE(plain->encode("HAPPY Beach", 0).ids, plain->encode("happy beach", 0).ids);
  const Encoding encoding = folded->encode("HAPPY Beach", 0);  // offsets are those of the text as it was typed
  ASSERT_GE(encoding.offsets.size(), 3U);
  EXPECT_EQ(encoding.offsets[encoding.offsets.size() - 2].second, 11);
}

}  // namespace
}  // namespace infig
