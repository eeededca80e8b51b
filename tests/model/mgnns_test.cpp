// The parts of MGNNS by hand and by loops; the whole of it is in baselines_test.cpp.
#include "model/baselines/mgnns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "model/baseline_recipe.h"
#include "model/baselines/mgnns_model.h"
#include "reference/temporary_folder.h"

namespace infig {
namespace {

using reference::close;
using testing::ElementsAre;
using testing::HasSubstr;

at::Tensor keys(const std::vector<int64_t>& values) { return at::tensor(values, at::kLong); }

// Words 2, 3, 4 with vectors (1, -2), (3, 1), (-1, 5); the text 2 3 2 4, neighbours one position away. Only 2 -> 3 has a weight of its own,
// 2; all others share 1.
//   node 2 receives (1, -2) of itself, (3, 1) of 3, (-1, 5) of 4: (3, 5)
//   node 3 receives (3, 1) of itself, 2 (1, -2) of 2: (3, 1);   node 4 receives (-1, 5) of itself, (1, -2) of 2: (1, 5)
// and their sum is (7, 11). The gradient goes to what was the largest: of weight 2 -> 3 nothing.
TEST(TextGraphTest, FollowsTheHandWorkedExample) {
  TextGraph graph(5, 2, 1, 1);
  graph->set_pairs(keys({2 * 5 + 3}));
  {
    const at::NoGradGuard no_grad;
    auto parameters = graph->named_parameters();
    parameters["nodes.weight"].copy_(at::tensor({0.0, 0.0, 9.0, 9.0, 1.0, -2.0, 3.0, 1.0, -1.0, 5.0}).view({5, 2}));
    parameters["pair_weight"].copy_(at::tensor({1.0, 2.0}).view({2, 1}));
  }
  const at::Tensor text = at::tensor({2, 3, 2, 4, 0, 0, 0, 0, 0, 0, 0, 0}, at::kLong).view({2, 6});
  const at::Tensor sums = graph->forward(text);
  EXPECT_TRUE(close(sums, at::tensor({7.0, 11.0, 0.0, 0.0}).view({2, 2}), 1e-7));
  sums.sum().backward();
  const auto parameters = graph->named_parameters();
  // x of node 2: from word 3; y of node 2: from word 4; node 3: itself twice; node 4: x from word 2, y itself.
  EXPECT_TRUE(close(parameters["nodes.weight"].grad(), at::tensor({0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 2.0, 1.0, 0.0, 2.0}).view({5, 2}), 1e-7));
  // The shared weight: 3 + 5 + 3 + 1 + 1 + 5, the messages that were largest.
  EXPECT_TRUE(close(parameters["pair_weight"].grad(), at::tensor({18.0, 0.0}).view({2, 1}), 1e-6));
  EXPECT_TRUE(graph->pair_rows(keys({2, 3, 4}), keys({3, 2, 4})).equal(keys({1, 0, 0})));
}

TEST(TextGraphTest, KeysThatAreNoneAreRefused) {
  TextGraph graph(5, 2, 1, 2);
  EXPECT_THROW(graph->set_pairs(keys({7})), ShapeError);
  EXPECT_THROW(graph->set_pairs(keys({9, 7})), ShapeError);
  EXPECT_THROW(graph->set_pairs(keys({7, 25})), ShapeError);
  EXPECT_NO_THROW(graph->set_pairs(keys({7, 24})));
}

// At its own size: 5 heads of 60 dimensions, over which the softmax runs.
TEST(LabelAttentionTest, EqualsNaiveLoopsOverTheDimensions) {
  constexpr int64_t kSize = 300, kHeads = 5, kHead = 60, kClasses = 7, kLabels = 3, kPosts = 2;
  const MgnnsOptions options;
  LabelAttention attention(kSize, kClasses, kSize, kLabels, options);
  initialize_baseline(*attention, StartRule::kTorch, 3);
  attention->to(at::kDouble);
  const at::Tensor labels = reference::random({kLabels, kSize}, 1), scores = reference::random({kPosts, kClasses}, 2) * 5;
  const auto weights = attention->named_parameters();
  const auto layer = [&](const char* name, const at::Tensor& x) {
    return at::linear(x, weights[std::string(name) + ".weight"], weights[std::string(name) + ".bias"]).detach();
  };
  const at::Tensor q = layer("query", labels), k = layer("key", scores), v = layer("value", scores);
  at::Tensor expected = at::zeros({kPosts, kLabels, kSize}, at::kDouble);
  for (int64_t post = 0; post < kPosts; ++post) {
    for (int64_t label = 0; label < kLabels; ++label) {
      for (int64_t head = 0; head < kHeads; ++head) {
        double sum = 0;
        for (int64_t i = head * kHead; i < (head + 1) * kHead; ++i)
          sum += std::exp(q[label][i].item<double>() * k[post][i].item<double>() / std::sqrt(60.0));
        for (int64_t i = head * kHead; i < (head + 1) * kHead; ++i)
          expected[post][label][i] =
              std::exp(q[label][i].item<double>() * k[post][i].item<double>() / std::sqrt(60.0)) / sum * v[post][i].item<double>();
      }
    }
  }
  EXPECT_TRUE(close(attention->attend(labels, scores, nullptr), expected, 1e-12));
}

DataSet four_posts() {
  DataSet data;
  data.name = "four";
  data.labels = {"negative", "very positive"};
  const std::vector<std::string> texts = {"a good day", "a good dog", "a bad day", "the good dog"};
  for (size_t i = 0; i < texts.size(); ++i) {
    Post post;
    post.id = std::to_string(i);
    post.text = texts[i];
    post.label_id = static_cast<int64_t>(i % 2);
    post.split = i < 3 ? Split::kTrain : Split::kDev;
    data.posts.push_back(post);
  }
  return data;
}

class MgnnsFiles : public testing::Test {
 protected:
  std::string message(const std::string& bytes) const {
    write_file_atomic(folder_ / "objects.tsv", bytes);
    try {
      classes_from_file(four_posts(), folder_ / "objects.tsv", {.classes = 3});
    } catch (const DataError& problem) {
      return problem.what();
    }
    return "read";
  }
  reference::TemporaryFolder folder_{"mgnns"};
};

// Train shows dog twice (once a post), cat and tree once; dev's post does not count. Equal ones stand by name.
TEST_F(MgnnsFiles, ClassesAreTheMostFrequentOnesOfTraining) {
  write_file_atomic(folder_ / "objects.tsv", "0\tDog, cat,dog\n1\tdog\n2\ttree\n3\thouse\thouse, sun\n");
  const PictureClasses classes = classes_from_file(four_posts(), folder_ / "objects.tsv", {.classes = 3, .threshold = 0.5, .gamma = 0.2});
  EXPECT_THAT(classes.names, ElementsAre("dog", "cat", "tree"));
  ASSERT_EQ(classes.graph.size(), 9U);
  // P(cat | dog) = 1/2, P(dog | cat) = 1: joined both ways; tree stands alone.
  EXPECT_GT(classes.graph[1], 0);
  EXPECT_GT(classes.graph[3], 0);
  EXPECT_DOUBLE_EQ(classes.graph[8], 1);
  EXPECT_EQ(classes.graph[2] + classes.graph[5] + classes.graph[6] + classes.graph[7], 0);
  EXPECT_THAT(message("0\tdog\n9\tcat\n"), testing::AllOf(HasSubstr("objects.tsv"), HasSubstr("line 2"), HasSubstr("id 9")));
  EXPECT_THAT(message("0\tdog\n0\tcat\n"), HasSubstr("id 0 is there twice"));
  EXPECT_THAT(message("3\tdog\n"), HasSubstr("names nothing"));
}

TEST_F(MgnnsFiles, ARunsGraphsAreMadeOfItsDataOnce) {
  MgnnsModelOptions options;
  write_file_atomic(folder_ / "objects.tsv", "0\tgood dog\n1\tgood dog\n");
  options.words.size = 8;
  options.net.lstm_size = 4;
  options.net.attention_heads = 2;
  options.net.min_pair_count = 2;
  options.objects = options.scenes = folder_ / "objects.tsv";
  options.image.scratch = {.bottleneck = false, .layers = {1, 1, 1, 1}, .widths = {8, 8, 8, 8}, .stem_kernel = 3, .stem_width = 8};
  options.image.pixels.size = options.image.pixels.resize = 32;
  const auto tokenizer = options.make_tokenizer(four_posts());
  options.adopt_tokenizer(*tokenizer, false);
  options.finish();
  // a and good: 2 of the 9 words each times 9 > 3 * 2, twice together; a day 2 (window 5): 2 * 9 > 3 * 2; good .. day, dog and bad once.
  const auto& words = *options.vocabulary;
  const auto key = [&](const char* u, const char* v) { return words.id_of(u) * words.vocab_size() + words.id_of(v); };
  EXPECT_THAT(options.data->pairs, testing::UnorderedElementsAre(key("a", "good"), key("good", "a"), key("a", "day"), key("day", "a")));
  EXPECT_EQ(options.graphs.objects, 80);
  const auto net = options.make_net(options.sizes(2));
  net->initialize(3);
  auto& own = dynamic_cast<MgnnsNet&>(*net);
  const at::Tensor drawn = own.graphs().label_vectors;
  {
    const at::NoGradGuard no_grad;
    at::Tensor(net->named_parameters()["words.weight"]).copy_(test::recipe("table", {words.vocab_size(), 8}, 1.0));
  }
  options.complete_net(*net);
  const MgnnsGraphs graphs = own.graphs();
  const at::Tensor table = test::recipe("table", {words.vocab_size(), 8}, 1.0);
  EXPECT_TRUE(close(graphs.object_vectors[0], (table[words.id_of("good")] + table[words.id_of("dog")]) / 2, 1e-6));
  EXPECT_TRUE(close(graphs.label_vectors[0], table[words.id_of("negative")], 1e-6));  // no text has it: it is kept
  EXPECT_TRUE(close(graphs.label_vectors[1], (table[words.id_of("very")] + table[words.id_of("positive")]) / 2, 1e-6));
  EXPECT_FALSE(graphs.label_vectors.equal(drawn));
  EXPECT_GT(graphs.object_vectors[79].norm().item<double>(), 0);  // a class that is not there keeps its draw
  EXPECT_EQ(graphs.pair_keys.numel(), 4);
  EXPECT_EQ(options.net_facts().at("graphs").at("pairs"), 4);
}

TEST(MgnnsKeys, WhatIsMissingIsNamed) {
  const auto message = [](const std::function<void(MgnnsModelOptions&)>& change) -> std::string {
    MgnnsModelOptions options;
    change(options);
    try {
      options.validate_net();
    } catch (const ConfigError& problem) {
      return problem.what();
    }
    return "accepted";
  };
  EXPECT_THAT(message([](MgnnsModelOptions&) {}), HasSubstr("mgnns.objects: is empty"));
  EXPECT_THAT(message([](MgnnsModelOptions& o) { o.classes = ClassSource::kClassifier; }), HasSubstr("needs image.model"));
  EXPECT_THAT(message([](MgnnsModelOptions& o) {
                o.classes = ClassSource::kNone;
                o.scenes = "s.tsv";
              }),
              HasSubstr("mgnns.scenes=s.tsv"));
  EXPECT_EQ(message([](MgnnsModelOptions& o) { o.classes = ClassSource::kNone; }), "accepted");
}

}  // namespace
}  // namespace infig
