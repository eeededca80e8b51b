#include "tensor/archive.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/linear.h>

#include <cstring>
#include <fstream>

#include "core/error.h"
#include "core/files.h"
#include "reference/temporary_folder.h"

namespace infig {
namespace {

class TensorArchive : public ::testing::Test {
 protected:
  reference::TemporaryFolder folder_{"tensors"};
};

// The format by hand: 8 bytes of header length, the JSON, the numbers.
std::string file_by_hand() {
  const std::string header =
      R"({"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"__metadata__":{"k":"v"},"b":{"dtype":"I64","shape":[],"data_offsets":[8,16]}})";
  std::string bytes(8, '\0');
  const uint64_t length = header.size();
  std::memcpy(bytes.data(), &length, 8);
  bytes += header;
  const float a[2] = {1.5F, -2.0F};
  const int64_t b = 7;
  bytes.append(reinterpret_cast<const char*>(a), 8);
  bytes.append(reinterpret_cast<const char*>(&b), 8);
  return bytes;
}

TEST_F(TensorArchive, ReadsAFileMadeByHand) {
  write_file_atomic(folder_ / "hand.safetensors", file_by_hand());
  std::map<std::string, std::string> metadata;
  const TensorMap tensors = load_tensors(folder_ / "hand.safetensors", &metadata);
  ASSERT_EQ(tensors.size(), 2U);
  EXPECT_EQ(metadata, (std::map<std::string, std::string>{{"k", "v"}}));
  EXPECT_TRUE(at::equal(tensors.at("a"), at::tensor({1.5F, -2.0F}).view({2, 1})));
  EXPECT_EQ(tensors.at("b").dim(), 0);
  EXPECT_EQ(tensors.at("b").item<int64_t>(), 7);
}

TEST_F(TensorArchive, TensorsOutliveTheFile) {
  write_file_atomic(folder_ / "hand.safetensors", file_by_hand());
  const TensorMap tensors = load_tensors(folder_ / "hand.safetensors");
  std::filesystem::resize_file(folder_ / "hand.safetensors", 0);
  EXPECT_EQ(tensors.at("a")[0][0].item<float>(), 1.5F);
}

// Whatever published weights come in, the tensors are those that PyTorch had (tools/golden/make_archive.py).
TEST_F(TensorArchive, ReadsEveryKindOfArchive) {
  const std::filesystem::path golden = std::filesystem::path(INFIG_SOURCE_DIR) / "tests/golden/archive";
  const TensorMap expected = load_tensors(golden / "torch_expected.safetensors");
  ASSERT_EQ(expected.size(), 23U);
  for (const char* name : {"torch_zip.pth", "torch_legacy.pth", "torch_protocol4.pth", "sharded_safetensors", "sharded_bin"}) {
    std::map<std::string, std::string> metadata;
    const TensorMap tensors = load_tensors(golden / name, &metadata);
    ASSERT_EQ(tensors.size(), expected.size()) << name;
    for (const auto& [key, tensor] : expected) {
      ASSERT_TRUE(tensors.contains(key)) << name << " " << key;
      EXPECT_EQ(tensors.at(key).scalar_type(), tensor.scalar_type()) << name << " " << key;
      EXPECT_TRUE(at::equal(tensors.at(key), tensor)) << name << " " << key;
    }
    EXPECT_EQ(metadata.size(), std::string(name) == "sharded_safetensors" ? 1U : 0U);
  }
  EXPECT_TRUE(at::equal(expected.at("view.transposed"), (at::arange(24, at::kFloat) / 8).view({4, 6}).t()));
  EXPECT_THROW(load_tensors(golden / "module.pt"), CheckpointError);
}

TEST_F(TensorArchive, EveryTypeAndLayoutComesBack) {
  TensorMap tensors;
  for (const auto type :
       {at::kBool, at::kByte, at::kChar, at::kShort, at::kInt, at::kLong, at::kHalf, at::kBFloat16, at::kFloat, at::kDouble}) {
    tensors[c10::toString(type)] = at::arange(6).remainder(2).to(type).view({2, 3});
  }
  tensors["strided"] = at::arange(6, at::kFloat).view({2, 3}).t();
  tensors["gradient"] = at::ones({2}).requires_grad_();
  tensors["empty"] = at::zeros({0, 3});
  save_tensors(folder_ / "all.safetensors", tensors, {{"note", "x"}});
  std::map<std::string, std::string> metadata;
  const TensorMap back = load_tensors(folder_ / "all.safetensors", &metadata);
  ASSERT_EQ(back.size(), tensors.size());
  EXPECT_EQ(metadata.at("note"), "x");
  for (const auto& [name, tensor] : tensors) {
    EXPECT_EQ(back.at(name).scalar_type(), tensor.scalar_type()) << name;
    EXPECT_TRUE(at::equal(back.at(name), tensor.detach())) << name;
  }
  EXPECT_FLOAT_EQ(back.at("strided")[0][1].item<float>(), 3.0F);
  save_tensors(folder_ / "again.safetensors", back, {{"note", "x"}});
  EXPECT_EQ(read_file(folder_ / "all.safetensors"), read_file(folder_ / "again.safetensors"));
}

TEST_F(TensorArchive, RefusesWhatTheFormatDoesNotKnow) {
  EXPECT_THROW(save_tensors(folder_ / "x.safetensors", {{"c", at::zeros({1}, at::kComplexFloat)}}), ShapeError);
  EXPECT_THROW(save_tensors(folder_ / "x.safetensors", {{"c", at::Tensor()}}), ShapeError);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "x.safetensors"));
}

struct Pair : torch::nn::Module {
  Pair() {
    register_module("linear", linear);
    register_module("norm", norm);
  }
  torch::nn::Linear linear{2, 3};
  torch::nn::BatchNorm1d norm{3};
};

TEST(StateDict, HoldsParametersAndBuffers) {
  const Pair module;
  std::vector<std::string> names;
  for (const auto& item : state_dict(module)) names.push_back(item.first);
  EXPECT_EQ(names, (std::vector<std::string>{"linear.bias", "linear.weight", "norm.bias", "norm.num_batches_tracked", "norm.running_mean",
                                             "norm.running_var", "norm.weight"}));
}

TensorMap other_values() {
  return {{"linear.weight", at::full({3, 2}, 2.0, at::kDouble)},
          {"linear.bias", at::full({3}, 3.0)},
          {"norm.weight", at::full({3}, 4.0)},
          {"norm.bias", at::full({3}, 5.0)},
          {"norm.running_mean", at::full({3}, 6.0)},
          {"norm.running_var", at::full({3}, 7.0)},
          {"norm.num_batches_tracked", at::scalar_tensor(8, at::kLong)}};
}

TEST(LoadStateDict, CopiesIntoTheModulesOwnTypes) {
  Pair module;
  const at::Tensor weight = module.linear->weight;
  load_state_dict(module, other_values(), "test");
  EXPECT_TRUE(module.linear->weight.is_same(weight));
  EXPECT_EQ(weight.scalar_type(), at::kFloat);
  EXPECT_TRUE(weight.requires_grad());
  EXPECT_EQ(weight[2][1].item<float>(), 2.0F);
  EXPECT_EQ(module.norm->running_var[0].item<float>(), 7.0F);
  EXPECT_EQ(module.norm->num_batches_tracked.item<int64_t>(), 8);
}

TEST(LoadStateDict, ListsEveryFaultAtOnceAndChangesNothing) {
  Pair module;
  TensorMap values = other_values();
  values.erase("linear.bias");
  values["linear.weight"] = at::zeros({2, 2});
  values["stranger"] = at::zeros({1});
  const at::Tensor before = module.norm->running_mean.clone();
  try {
    load_state_dict(module, values, "file.safetensors");
    FAIL() << "was accepted";
  } catch (const CheckpointError& error) {
    const std::string message = error.what();
    for (const char* part :
         {"file.safetensors", "missing (1): linear.bias", "unexpected (1): stranger", "linear.weight expected [3, 2] found [2, 2]"}) {
      EXPECT_NE(message.find(part), std::string::npos) << part << " is not in " << message;
    }
  }
  EXPECT_TRUE(module.norm->running_mean.equal(before));
}

TEST(LoadStateDict, IgnoredKeysMayMissOrBeExtra) {
  Pair module;
  TensorMap values = other_values();
  values.erase("norm.num_batches_tracked");
  values["old.position_ids"] = at::zeros({1});
  EXPECT_THROW(load_state_dict(module, values, "test"), CheckpointError);
  EXPECT_NO_THROW(load_state_dict(module, values, "test", {"num_batches_tracked", "position_ids"}));
  EXPECT_EQ(module.norm->weight[0].item<float>(), 4.0F);
}

// Straight into the module's memory: no tensor is made anew, other types are converted, other layouts are kept, and it is strict.
TEST_F(TensorArchive, LoadWeightsFillsTheModuleInPlace) {
  torch::nn::Linear layer(3, 2);
  torch::nn::BatchNorm1d norm(2);
  struct Both : torch::nn::Module {};
  Both both;
  both.register_module("layer", layer);
  both.register_module("norm", norm);
  {
    const at::NoGradGuard no_grad;
    layer->weight.set_data(at::empty({3, 2}).t());  // laid out the other way round
  }
  TensorMap stored;
  for (const auto& [name, tensor] : state_dict(both)) stored[name] = at::rand(tensor.sizes()).to(tensor.scalar_type());
  stored["layer.bias"] = at::tensor({0.5, -0.25}, at::kDouble);
  save_tensors(folder_ / "w.safetensors", stored);
  const void* memory = layer->bias.data_ptr();
  load_weights(both, folder_ / "w.safetensors");
  EXPECT_EQ(layer->bias.data_ptr(), memory);
  EXPECT_FALSE(layer->weight.is_contiguous());
  for (const auto& [name, tensor] : state_dict(both)) EXPECT_TRUE(at::equal(tensor, stored.at(name).to(tensor.scalar_type()))) << name;
  stored.erase("norm.bias");
  stored["more"] = at::zeros({1});
  stored["layer.weight"] = at::zeros({3, 2});
  save_tensors(folder_ / "w.safetensors", stored);
  try {
    load_weights(both, folder_ / "w.safetensors");
    FAIL() << "took weights that do not fit";
  } catch (const CheckpointError& problem) {
    for (const char* part : {"norm.bias", "more", "layer.weight expected [2, 3] found [3, 2]"})
      EXPECT_NE(std::string(problem.what()).find(part), std::string::npos) << problem.what();
  }
}

}  // namespace
}  // namespace infig
