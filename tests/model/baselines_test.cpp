// The networks of Table 2 against plain PyTorch (tools/golden/make_baselines.py), and what holds for all of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/optim/adam.h>

#include <functional>
#include <memory>

#include "core/config.h"
#include "core/error.h"
#include "losses/info_nce.h"
#include "model/baseline_recipe.h"
#include "model/baselines/co_memory.h"
#include "model/baselines/concat.h"
#include "model/baselines/dr_net.h"
#include "model/baselines/hsan.h"
#include "model/baselines/mgnns.h"
#include "model/baselines/mmsd.h"
#include "model/baselines/multisentinet.h"
#include "model/baselines/mvan.h"

namespace infig {
namespace {

using reference::close;
using reference::close_to_norm;
using reference::Golden;
using reference::load_golden;
using test::recipe;
using test::recipe_inputs;

BaselineSizes sizes_of(const nlohmann::json& sizes) {
  return {.words = sizes.at("words"),
          .word_size = sizes.at("word_size"),
          .object_channels = sizes.at("object_channels"),
          .scene_channels = sizes.at("scene_channels"),
          .labels = sizes.at("labels")};
}

// Options from the golden file's settings, by their keys.
template <typename Options>
Options options_of(const nlohmann::json& settings) {
  Options options;
  ConfigBinder binder;
  bind_options(binder, options);
  for (const auto& field : binder.fields()) {
    const auto found = settings.find(field.key.substr(field.key.find('.') + 1));
    if (found != settings.end()) field.set(found->dump());
  }
  return options;
}

template <typename Net, typename Options>
std::shared_ptr<BaselineNet> make_net(const BaselineSizes& sizes, const nlohmann::json& options) {
  return std::make_shared<Net>(sizes, options_of<Options>(options));
}

std::shared_ptr<BaselineNet> make_mgnns(const BaselineSizes& sizes, const nlohmann::json& options) {
  const auto pairs = options.at("pairs").get<std::vector<std::vector<int64_t>>>();
  const MgnnsSizes graphs = {.pairs = static_cast<int64_t>(pairs.size()), .objects = options.at("objects"), .scenes = options.at("scenes")};
  auto net = std::make_shared<MgnnsNet>(sizes, options_of<MgnnsOptions>(options), graphs);
  std::vector<int64_t> keys;
  for (const auto& pair : pairs) keys.push_back(pair[0] * sizes.words + pair[1]);
  const int64_t w = sizes.word_size, n = graphs.objects, m = graphs.scenes;
  net->set_graphs({.pair_keys = at::tensor(keys),
                   .object_vectors = recipe("object_vectors", {n, w}, 1.0),
                   .object_adjacency = recipe("object_adjacency", {n, n}, 0.5, 0.5),
                   .scene_vectors = recipe("scene_vectors", {m, w}, 1.0),
                   .scene_adjacency = recipe("scene_adjacency", {m, m}, 0.5, 0.5),
                   .label_vectors = recipe("label_vectors", {sizes.labels, w}, 1.0)});
  return net;
}

struct NetCase {
  const char* golden;
  std::shared_ptr<BaselineNet> (*make)(const BaselineSizes& sizes, const nlohmann::json& options);
  // Parameters whose gradient is rounding whatever the upstream one is.
  std::vector<std::string> zero = {};
  bool dropout = true;  // whether the network has any
};

class EveryBaseline : public testing::TestWithParam<NetCase> {
 protected:
  void SetUp() override {
    at::set_num_threads(1);
    golden_ = load_golden(std::string("model/baseline_") + GetParam().golden);
    sizes_ = sizes_of(golden_.settings.at("sizes"));
    net_ = GetParam().make(sizes_, golden_.settings.at("options"));
    test::fill_by_recipe(*net_);
    net_->to(at::kDouble);
    inputs_ = recipe_inputs(golden_);
  }
  static BaselineInputs rows_of(const BaselineInputs& all, const at::Tensor& rows) {
    BaselineInputs some = all;
    for (at::Tensor* tensor : {&some.words, &some.captions, &some.attributes, &some.object_grid, &some.object, &some.scene_grid,
                               &some.scene, &some.has_text, &some.has_image, &some.labels}) {
      if (tensor->defined()) *tensor = tensor->index_select(0, rows);
    }
    return some;
  }
  at::Tensor upstream() const { return recipe("upstream", golden_["logits"].sizes(), 1.0).to(at::kDouble); }

  Golden golden_;
  BaselineSizes sizes_;
  std::shared_ptr<BaselineNet> net_;
  BaselineInputs inputs_;
};

INSTANTIATE_TEST_SUITE_P(
    Nets, EveryBaseline,
    testing::Values(NetCase{"multisentinet", make_net<MultiSentiNet, MultiSentiNetOptions>, {}, false},
                    NetCase{"hsan", make_net<Hsan, HsanOptions>, {}, false}, NetCase{"co_memory", make_net<CoMemoryNet, CoMemoryOptions>},
                    NetCase{"mvan", make_net<MvanNet, MvanOptions>},
                    NetCase{"dr_net", make_net<DrNet, DrNetOptions>, {"relation.key.bias"}},
                    NetCase{"concat2", make_net<ConcatNet, ConcatOptions>}, NetCase{"concat3", make_net<ConcatNet, Concat3Options>},
                    NetCase{"mmsd", make_net<MmsdNet, MmsdOptions>}, NetCase{"mmsd_masked", make_net<MmsdNet, MmsdOptions>},
                    NetCase{"mgnns", make_mgnns, {".0.key.bias", ".1.key.bias"}}),
    [](const auto& tried) { return std::string(tried.param.golden); });

TEST_P(EveryBaseline, EqualsPlainPyTorch) {
  EXPECT_TRUE(close(net_->logits(inputs_, nullptr), golden_["logits"], 1e-6));
  const at::Tensor penalty = net_->penalty();
  ASSERT_EQ(penalty.defined(), golden_.tensors.contains("penalty"));
  if (penalty.defined()) {
    EXPECT_TRUE(close(penalty, golden_["penalty"], 1e-6));
  }
}

TEST_P(EveryBaseline, HasThePlainGradients) {
  const auto scalar = [&] {
    const at::Tensor sum = (net_->logits(inputs_, nullptr) * upstream()).sum(), penalty = net_->penalty();
    return penalty.defined() ? sum + penalty : sum;
  };
  reference::expect_gradients(*net_, golden_, scalar, 1e-5, GetParam().zero);
  test::print_differences(GetParam().golden, *net_, golden_, net_->logits(inputs_, nullptr), GetParam().zero);
}

TEST_P(EveryBaseline, PaddingChangesNothing) {
  BaselineInputs wider = inputs_;
  wider.words = at::constant_pad_nd(inputs_.words, {0, 1});
  wider.attributes = at::constant_pad_nd(inputs_.attributes, {0, 3});
  if (inputs_.captions.defined()) wider.captions = at::constant_pad_nd(inputs_.captions, {0, 2});
  EXPECT_TRUE(close(net_->logits(wider, nullptr), net_->logits(inputs_, nullptr), 1e-7));
}

TEST_P(EveryBaseline, AMissingPicturesFeaturesAreNotRead) {
  BaselineInputs other = inputs_;
  const at::Tensor missing = inputs_.has_image.logical_not();
  for (at::Tensor* tensor : {&other.object_grid, &other.scene_grid, &other.object, &other.scene}) {
    at::Tensor rows = missing;
    while (rows.dim() < tensor->dim()) rows = rows.unsqueeze(-1);
    *tensor = tensor->masked_fill(rows, 3.5);
  }
  EXPECT_TRUE(close(net_->logits(other, nullptr), net_->logits(inputs_, nullptr), 1e-7));
}

TEST_P(EveryBaseline, APostsLogitsDoNotDependOnItsBatch) {
  const at::Tensor together = net_->logits(inputs_, nullptr);
  for (int64_t row = 0; row < inputs_.size(); ++row) {
    const at::Tensor alone = net_->logits(rows_of(inputs_, at::tensor({row})), nullptr);
    EXPECT_TRUE(close(alone, together.narrow(0, row, 1), 1e-7)) << "row " << row;
  }
}

// A batch of padding alone, in the precision of training.
TEST_P(EveryBaseline, NothingAtAllGivesFiniteLogitsAndGradients) {
  const auto net = GetParam().make(sizes_, golden_.settings.at("options"));
  net->initialize(3);
  const int64_t last = inputs_.size() - 1;  // the post without text and picture
  BaselineInputs nothing = rows_of(inputs_, at::tensor({last, last}));
  for (at::Tensor* tensor : {&nothing.object_grid, &nothing.object, &nothing.scene_grid, &nothing.scene}) *tensor = tensor->to(at::kFloat);
  DropoutSource source(5);
  const at::Tensor logits = net->logits(nothing, &source);
  EXPECT_TRUE(logits.isfinite().all().item<bool>());
  (logits * recipe("other", logits.sizes(), 1.0)).sum().backward();
  for (const auto& item : net->named_parameters()) {
    const at::Tensor gradient = item.value().grad();
    EXPECT_TRUE(!gradient.defined() || gradient.isfinite().all().item<bool>()) << item.key();
  }
}

TEST_P(EveryBaseline, StartsFromTheSeedAlone) {
  const auto values = [&](uint64_t seed) {
    const auto net = GetParam().make(sizes_, golden_.settings.at("options"));
    net->initialize(seed);
    std::vector<at::Tensor> flat;
    for (const auto& item : net->named_parameters()) {
      EXPECT_TRUE(item.value().isfinite().all().item<bool>()) << item.key();
      flat.push_back(item.value().detach().flatten());
    }
    return at::cat(flat);
  };
  EXPECT_TRUE(values(1).equal(values(1)));
  EXPECT_FALSE(values(1).equal(values(2)));
}

TEST_P(EveryBaseline, DropoutFollowsTheStep) {
  const auto at_step = [&](int64_t step) {
    DropoutSource source(7);
    source.begin_step(step);
    return net_->logits(inputs_, &source).detach();
  };
  EXPECT_TRUE(at_step(4).equal(at_step(4)));
  if (!GetParam().dropout) {
    EXPECT_TRUE(at_step(4).equal(net_->logits(inputs_, nullptr)));
    return;
  }
  // MMSD's only dropout is that of its words.
  EXPECT_FALSE(at_step(4).equal(at_step(5)));
  EXPECT_FALSE(at_step(4).equal(net_->logits(inputs_, nullptr)));
}

// Eight posts that differ in their words and pictures, with labels that follow neither.
TEST_P(EveryBaseline, OverfitsEightPosts) {
  const auto net = GetParam().make(sizes_, golden_.settings.at("options"));
  net->initialize(11);
  {
    const at::NoGradGuard no_grad;
    for (const auto& item : net->named_parameters()) {
      if (item.key().ends_with("words.weight") || item.key().ends_with("nodes.weight"))
        at::Tensor(item.value()).copy_(recipe("table", item.value().sizes(), 1.0));
    }
  }
  BaselineInputs posts;
  posts.words = (recipe("words", {8, 6}, 3.5, 5.5)).to(at::kLong).clamp(1, sizes_.words - 1);
  posts.attributes = (recipe("attributes", {8, 3}, 3.5, 5.5)).to(at::kLong).clamp(1, sizes_.words - 1);
  posts.captions = (recipe("captions", {8, 4}, 3.5, 5.5)).to(at::kLong).clamp(1, sizes_.words - 1);
  posts.has_text = posts.has_image = at::ones({8}, at::kBool);
  posts.object_grid = recipe("objects", {8, 4, sizes_.object_channels}, 2.0);
  posts.scene_grid = recipe("scenes", {8, 4, sizes_.scene_channels}, 2.0);
  posts.object = posts.object_grid.mean(1);
  posts.scene = posts.scene_grid.mean(1);
  const at::Tensor labels = at::arange(8).remainder(sizes_.labels);
  torch::optim::Adam optimizer(net->parameters(), torch::optim::AdamOptions(2e-2));
  double loss = 0;
  for (int step = 0; step < 600 && (step < 10 || loss > 5e-3); ++step) {
    optimizer.zero_grad();
    const at::Tensor mean = cross_entropy(net->logits(posts, nullptr), labels).mean();
    mean.backward();
    optimizer.step();
    loss = mean.item<double>();
  }
  EXPECT_LT(loss, 0.01);
}

TEST(BaselineOptions, ASingleSigmoidIsRefusedOnThreeClasses) {
  const BaselineSizes three = {.words = 5, .word_size = 3, .object_channels = 4, .scene_channels = 4, .labels = 3};
  const auto expect_refused = [](const std::function<void()>& make, const std::string& name) {
    try {
      make();
      FAIL() << name << " took three classes";
    } catch (const ConfigError& problem) {
      EXPECT_THAT(problem.what(), testing::AllOf(testing::HasSubstr("model.name=" + name), testing::HasSubstr("has 3")));
    }
  };
  expect_refused([&] { DrNet(three, {}); }, "dr-net");
  expect_refused([&] { ConcatNet(three, {}); }, "concat2");
  expect_refused([&] { ConcatNet(three, Concat3Options()); }, "concat3");
  expect_refused([&] { MmsdNet(three, {}); }, "mmsd");
}

TEST(BaselineOptions, SizesThatDoNotFitAreNamed) {
  const auto message = [](const std::function<void()>& make) -> std::string {
    try {
      make();
    } catch (const ConfigError& problem) {
      return problem.what();
    }
    return "nothing was thrown";
  };
  using testing::HasSubstr;
  EXPECT_THAT(message([] { CoMemoryOptions{.hops = 0}.validate(); }), HasSubstr("co_memory.hops: is 0"));
  EXPECT_THAT(message([] { MvanOptions{.dropout = 1}.validate(); }), HasSubstr("mvan.dropout: is 1"));
  EXPECT_THAT(message([] { DrNetOptions{.heads = 3}.validate(); }), HasSubstr("dr_net.heads: is 3"));
  MmsdOptions mmsd;
  mmsd.l2 = -1;
  EXPECT_THAT(message([&mmsd] { mmsd.validate(); }), HasSubstr("mmsd.l2: is -1"));
  EXPECT_THAT(message([] { MgnnsOptions{.attention_heads = 7}.validate(); }), HasSubstr("mgnns.attention_heads: is 7"));
  EXPECT_THAT(message([] { MgnnsNet({.words = 5, .word_size = 200}, {}, {}); }), HasSubstr("words.size: is 200"));
  EXPECT_THAT(message([] { MgnnsNet({.words = 5, .word_size = 300, .scene_channels = 512}, {}, {}); }), HasSubstr("512 channels"));
}

}  // namespace
}  // namespace infig
