// A checkpoint's config.json with any one of its entries changed: refused by an Error of the project, or harmless; never a reason to take
// memory, and never another exception.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <tuple>
#include <utility>

#include "core/error.h"
#include "core/files.h"
#include "model/infig.h"
#include "model/pretrained.h"
#include "model/small_keys.h"
#include "model/small_model.h"
#include "reference/temporary_folder.h"
#include "text/word_vocabulary.h"

namespace infig {
namespace {

using nlohmann::json;

// The process's address space may grow by `bytes` while this lives: what asks for more fails at once, instead of filling the machine.
class SmallMemory {
 public:
  explicit SmallMemory(uint64_t bytes) {
    ::getrlimit(RLIMIT_AS, &before_);
    uint64_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const rlimit small{pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE)) + bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_AS, &small);
  }
  ~SmallMemory() { ::setrlimit(RLIMIT_AS, &before_); }
  SmallMemory(const SmallMemory&) = delete;
  SmallMemory& operator=(const SmallMemory&) = delete;

 private:
  rlimit before_{};
};

class HostileFolder : public ::testing::Test {
 protected:
  // "" where the folder loads, the Error's message, or what else came through.
  std::string outcome(const json& config) const {
    write_file_atomic(folder_ / "config.json", config.dump());
    try {
      load_model(folder_.path());
    } catch (const CheckpointError& error) {
      return error.what();
    } catch (const std::exception& other) {
      ADD_FAILURE() << "no CheckpointError: " << other.what();
      return "another";
    }
    return "";
  }
  // Tries every leaf under these parts with other numbers and types; returns how many.
  int change_all(const std::vector<std::string>& parts) const {
    const SmallMemory small(uint64_t{600} << 20);
    int changed = 0;
    for (const std::string& part : parts) {
      const json leaves = config_[json::json_pointer(part)].flatten();
      for (const auto& [leaf, value] : leaves.items()) {
        std::vector<json> others = {"x", nullptr, json::array(), json::object()};
        if (value.is_number()) others.insert(others.end(), {1'000'000'000, 40'000, -1, 1e300, INT64_MIN});
        for (const json& other : others) {
          json config = config_;
          config[json::json_pointer(part + leaf)] = other;
          SCOPED_TRACE(part + leaf + " = " + other.dump());
          outcome(config);
          ++changed;
        }
      }
    }
    return changed;
  }
  reference::TemporaryFolder folder_{"hostile"};
  json config_;
};

auto small_tokenizer() {
  std::vector<std::string> corpus;
  for (int i = 0; i < 30; ++i) corpus.insert(corpus.end(), {"a lovely day at the beach", "the storm took the roof", "hello there rain"});
  return train_sentencepiece(corpus, {.vocab_size = 40});
}

class HostileConfig : public HostileFolder {
 protected:
  void SetUp() override {
    InfigOptions options = test::small_model_options();
    const auto tokenizer = small_tokenizer();
    options.text.encoder.vocab_size = tokenizer->vocab_size();
    options.text.encoder.pad_token_id = tokenizer->pad_id();
    options.finish();
    const InfigModel model(options, 3, 1);
    const std::vector<std::string> labels = {"negative", "neutral", "positive"};
    ModelConfig choice;
    infig_options(choice) = std::move(options);
    save_model({*model, choice, tokenizer.get(), labels, Precision::kFp32}, folder_.path());
    config_ = json::parse(read_file(folder_ / "config.json"));
  }
};

// A network of Table 2, as small as INFIG above.
class HostileBaseline : public HostileFolder, public ::testing::WithParamInterface<std::string> {
 protected:
  void SetUp() override {
    ModelConfig choice;
    choice.choose(GetParam());
    ConfigBinder binder;
    choice->bind(binder);
    std::vector<std::string> keys = {"words.size=4"};
    if (GetParam() == "hsan") {
      keys.emplace_back("captions.from=attributes");  // it reads no picture then, and takes no key of one
    } else {
      for (const std::string& key : test::small_backbone_keys()) keys.push_back(key);
    }
    if (GetParam() == "mgnns") {
      for (const char* key : {"mgnns.lstm_size=2", "mgnns.attention_heads=2", "mgnns.graph_size=8", "mgnns.classes=none"})
        keys.emplace_back(key);
    }
    for (const std::string& key : keys) apply_override(binder, key);
    const WordVocabulary words({"a", "lovely", "day"}, WordCut::kLower);
    choice->adopt_tokenizer(words, false);
    choice->finish();
    const auto model = choice->make_model(3);
    model->initialize(1);
    const std::vector<std::string> labels = {"negative", "neutral", "positive"};
    save_model({*model, choice, &words, labels, Precision::kFp32}, folder_.path());
    config_ = json::parse(read_file(folder_ / "config.json"));
  }
};

INSTANTIATE_TEST_SUITE_P(Models, HostileBaseline, ::testing::Values("multisentinet", "hsan", "mgnns"));

TEST_P(HostileBaseline, AnyNumberAndAnyType) {
  ASSERT_EQ(outcome(config_), "");
  std::vector<std::string> parts = {"/" + GetParam(), "/word_rows"};
  if (config_.contains("image_backbone")) parts.emplace_back("/image_backbone");
  if (config_.contains("graphs")) parts.emplace_back("/graphs");
  EXPECT_GT(change_all(parts), 50);
  json config = config_;
  config["word_rows"] = 1'000'000'000;
  EXPECT_NE(outcome(config).find("key word_rows: is 1000000000, but vectors_found in "), std::string::npos) << outcome(config);
  config.erase("word_rows");
  EXPECT_NE(outcome(config).find("word_rows"), std::string::npos) << outcome(config);
}

TEST_P(HostileBaseline, AVocabularyOfAnotherSizeIsRefused) {
  WordVocabulary({"a", "lovely", "day", "more"}, WordCut::kLower).save(folder_.path());
  EXPECT_NE(outcome(config_).find("words.json"), std::string::npos) << outcome(config_);
}

class HostileClmlf : public HostileFolder {
 protected:
  void SetUp() override {
    ModelConfig choice;
    choice.choose("clmlf");
    ConfigBinder binder;
    choice->bind(binder);
    std::vector<std::string> keys = test::small_backbone_keys();
    for (const char* key : {"text.hidden_size=16", "text.num_hidden_layers=2", "text.num_attention_heads=2", "text.intermediate_size=32",
                            "text.position_buckets=8", "text.max_position_embeddings=32", "text.max_length=16", "image.num_hidden_layers=1",
                            "image.num_attention_heads=2", "image.intermediate_size=32", "clmlf.num_hidden_layers=1",
                            "clmlf.num_attention_heads=2", "clmlf.intermediate_size=32"})
      keys.emplace_back(key);
    for (const std::string& key : keys) apply_override(binder, key);
    const auto tokenizer = small_tokenizer();
    choice->adopt_tokenizer(*tokenizer, false);
    choice->finish();
    const auto model = choice->make_model(3);
    model->initialize(1);
    const std::vector<std::string> labels = {"negative", "neutral", "positive"};
    save_model({*model, choice, tokenizer.get(), labels, Precision::kFp32}, folder_.path());
    config_ = json::parse(read_file(folder_ / "config.json"));
  }
};

TEST_F(HostileClmlf, AnyNumberAndAnyType) {
  ASSERT_EQ(outcome(config_), "");
  EXPECT_GT(change_all({"/clmlf", "/text_encoder", "/image_backbone"}), 300);
}

// Every size that decides how much is allocated, by the tensor that has it.
TEST_F(HostileClmlf, WhatTheWeightsHaveIsNamed) {
  const std::vector<std::tuple<const char*, const char*, const char*>> sizes = {
      {"text", "hidden_size", "text_encoder.embeddings.LayerNorm.weight"},
      {"image", "intermediate_size", "image.layer.0.intermediate.dense.weight"},
      {"image", "num_hidden_layers", "image.layer."},
      {"clmlf", "intermediate_size", "fusion.layer.0.intermediate.dense.weight"},
      {"clmlf", "num_hidden_layers", "fusion.layer."}};
  for (const auto& [section, key, tensor] : sizes) {
    json config = config_;
    config["clmlf"][section][key] = 1'000'000'000;
    const SmallMemory small(uint64_t{600} << 20);
    const std::string message = outcome(config), named = fmt::format("key clmlf.{}.{}: is 1000000000", section, key);
    EXPECT_NE(message.find(named), std::string::npos) << message;
    EXPECT_NE(message.find(tensor), std::string::npos) << message;
  }
}

TEST_F(HostileConfig, AnyNumberAndAnyType) {
  ASSERT_EQ(outcome(config_), "");
  EXPECT_GT(change_all({"/infig", "/text_encoder", "/image_backbone"}), 300);
}

TEST_F(HostileConfig, WhatTheWeightsHaveIsNamed) {
  json config = config_;
  config["infig"]["text"]["hidden_size"] = 1'000'000'000;
  const std::string message = outcome(config);
  EXPECT_NE(message.find("key infig.text.hidden_size: is 1000000000, but text_encoder.embeddings.LayerNorm.weight in "), std::string::npos)
      << message;
  EXPECT_NE(message.find(" has 16"), std::string::npos) << message;
}

}  // namespace
}  // namespace infig
