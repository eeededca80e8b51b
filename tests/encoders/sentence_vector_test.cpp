// Against the modules of sentence-transformers 6.2 (tools/golden/make_sentence.py).
#include "encoders/sentence_vector.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/files.h"
#include "reference/temporary_folder.h"
#include "reference/tensors.h"

namespace infig {
namespace {

namespace fs = std::filesystem;

class SentenceFolder : public ::testing::Test {
 protected:
  void SetUp() override {
    write("modules.json", R"([{"path": "", "type": "sentence_transformers.base.modules.transformer.Transformer"},
                              {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}])");
    write("1_Pooling/config.json", R"({"embedding_dimension": 4, "pooling_mode": "mean", "include_prompt": true})");
  }
  void write(const fs::path& name, const std::string& text) {
    make_folder((path_ / name).parent_path());
    write_file_atomic(path_ / name, text);
  }
  at::Tensor vectors() const { return sentence_vectors(read_sentence_modules(path_), golden_["hidden_states"], golden_["attention_mask"]); }
  // What is refused names this file and key.
  void expect_refused(const std::string& part) {
    try {
      read_sentence_modules(path_);
      ADD_FAILURE() << part << " was accepted";
    } catch (const CheckpointError& error) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  }
  reference::TemporaryFolder folder_;
  const fs::path& path_ = folder_.path();
  const reference::Golden golden_ = reference::load_golden("encoders/sentence");
};

TEST_F(SentenceFolder, EveryPooling) {
  for (const std::string mode : {"cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"}) {
    write("1_Pooling/config.json", R"({"embedding_dimension": 4, "pooling_mode": ")" + mode + "\"}");
    EXPECT_TRUE(reference::close(vectors(), golden_["pooled." + mode], 1e-6)) << mode;
  }
  write("1_Pooling/config.json", R"({"pooling_mode": ["mean", "cls", "max"]})");
  EXPECT_TRUE(reference::close(vectors(), golden_["pooled.joined"], 1e-6));
  // The keys before version 6: in the library's own order.
  write("1_Pooling/config.json", R"({"word_embedding_dimension": 4, "pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false,
                                     "pooling_mode_max_tokens": false})");
  EXPECT_TRUE(reference::close(vectors(), golden_["pooled.cls"], 1e-6));
}

TEST_F(SentenceFolder, DenseAndNormalize) {
  write(
      "modules.json",
      R"([{"path": "", "type": "sentence_transformers.models.Transformer"}, {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
                            {"path": "2_Dense", "type": "sentence_transformers.models.Dense"},
                            {"path": "3_Normalize", "type": "sentence_transformers.models.Normalize"}])");
  write("2_Dense/config.json",
        R"({"in_features": 4, "out_features": 3, "bias": true, "activation_function": "torch.nn.modules.activation.Tanh",
                                   "module_input_name": "sentence_embedding", "module_output_name": "sentence_embedding"})");
  save_tensors(path_ / "2_Dense/model.safetensors", golden_.under("weight.dense."));
  EXPECT_TRUE(reference::close(vectors(), golden_["dense"], 1e-6));
  write(
      "modules.json",
      R"([{"path": "", "type": "sentence_transformers.models.Transformer"}, {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
                            {"path": "2_Dense", "type": "sentence_transformers.models.Dense"}])");
  write("2_Dense/config.json",
        R"({"in_features": 4, "out_features": 3, "activation_function": "torch.nn.modules.linear.Identity", "use_residual": true})");
  save_tensors(path_ / "2_Dense/model.safetensors", golden_.under("weight.residual."));
  EXPECT_TRUE(reference::close(vectors(), golden_["residual"], 1e-6));
  save_tensors(path_ / "2_Dense/model.safetensors", golden_.under("weight.dense."));
  EXPECT_THROW(read_sentence_modules(path_), CheckpointError);  // without residual.weight
}

TEST_F(SentenceFolder, PromptAndLongestText) {
  write("config_sentence_transformers.json", R"({"prompts": {"query": "query: ", "": "x"}, "default_prompt_name": "query"})");
  write("sentence_bert_config.json", R"({"max_seq_length": 12, "do_lower_case": false})");
  write("tokenizer_config.json", R"({"model_max_length": 512})");
  const SentenceModules modules = read_sentence_modules(path_);
  EXPECT_EQ(modules.prompt, "query: ");
  EXPECT_EQ(modules.max_length, 12);
  EXPECT_EQ(modules.encoder, path_);
  write("sentence_bert_config.json", "{}");
  EXPECT_EQ(read_sentence_modules(path_).max_length, 512);
  write("tokenizer_config.json", R"({"model_max_length": 1000000000000000019884624838656})");
  EXPECT_EQ(read_sentence_modules(path_).max_length, 0);
}

// include_prompt=false: the prompt's places are 0 in the mask. Worked by hand: mean of the two middle tokens, (2 x (3, 4) + 3 x (5, 6))
// / 5.
TEST_F(SentenceFolder, APromptMayNotCount) {
  write("1_Pooling/config.json", R"({"pooling_mode": "mean", "include_prompt": false})");
  EXPECT_FALSE(read_sentence_modules(path_).include_prompt);
  const at::Tensor hidden = at::tensor({1., 2., 3., 4., 5., 6., 9., 9.}).view({1, 4, 2}).to(at::kFloat),
                   mask = at::tensor({0, 1, 1, 0}).view({1, 4});
  for (const auto& [pooling, x, y] : std::vector<std::tuple<SentencePooling, double, double>>{{SentencePooling::kMean, 4, 5},
                                                                                              {SentencePooling::kCls, 3, 4},
                                                                                              {SentencePooling::kLastToken, 5, 6},
                                                                                              {SentencePooling::kMax, 5, 6},
                                                                                              {SentencePooling::kWeightedMean, 4.2, 5.2}}) {
    const at::Tensor found = sentence_vectors({.encoder = {}, .pooling = {pooling}, .steps = {}, .prompt = {}}, hidden, mask.to(at::kLong));
    EXPECT_TRUE(reference::close(found, at::tensor({x, y}).view({1, 2}).to(at::kFloat), 1e-6)) << static_cast<int>(pooling) << found;
  }
}

TEST_F(SentenceFolder, RefusesByName) {
  write("1_Pooling/config.json", R"({"pooling_mode": "median"})");
  expect_refused("pooling_mode is \"median\"");
  write("1_Pooling/config.json", R"({"pooling_mode": "mean", "layers": [1, 2]})");
  expect_refused("\"layers\" is [1,2]");
  write("1_Pooling/config.json", R"({"pooling_mode": "mean"})");
  write("sentence_bert_config.json", R"({"do_lower_case": true})");
  expect_refused("do_lower_case");
  fs::remove(path_ / "sentence_bert_config.json");
  write("modules.json", R"([{"path": "", "type": "sentence_transformers.models.Transformer"}])");
  expect_refused("no Pooling");
  write("modules.json", R"([{"path": "", "type": "sentence_transformers.models.BoW"}])");
  expect_refused("BoW");
  write("modules.json", R"([{"path": "", "type": "evil.Transformer"}])");
  expect_refused("evil.Transformer");
  for (const char* bad : {"{}", "[]", R"([{"path": "../x", "type": "sentence_transformers.models.Transformer"}])", R"([3])", "["}) {
    write("modules.json", bad);
    EXPECT_THROW(read_sentence_modules(path_), CheckpointError) << bad;
  }
  EXPECT_THROW(sentence_vectors({.encoder = {}, .pooling = {SentencePooling::kMean}, .steps = {}, .prompt = {}}, at::zeros({2, 3, 4}),
                                at::ones({2, 4}, at::kLong)),
               ShapeError);
}

}  // namespace
}  // namespace infig
