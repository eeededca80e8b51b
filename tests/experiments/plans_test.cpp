#include "experiments/plans.h"

#include <gtest/gtest.h>

#include <set>

#include "core/error.h"
#include "model/infig_options.h"

namespace infig {
namespace {

std::vector<std::string> names(const std::vector<Variant>& variants) {
  std::vector<std::string> all;
  for (const auto& one : variants) all.push_back(one.name);
  return all;
}

TEST(Ablation, HasTheRowsOfTableThree) {
  RunConfig config;
  EXPECT_EQ(names(ablation_variants(config)), (std::vector<std::string>{"full", "without-gam", "without-hfam", "without-both"}));
  infig_options(config.model).clip.model = "weights/clip";
  const auto variants = ablation_variants(config);
  EXPECT_EQ(names(variants), (std::vector<std::string>{"full", "without-clip", "without-gam", "without-hfam", "without-both"}));
  EXPECT_TRUE(variants[0].overrides.empty());
  EXPECT_EQ(variants[1].overrides, (std::vector<std::string>{"clip.model="}));
  EXPECT_EQ(variants[4].overrides, (std::vector<std::string>{"loss.lambda_g=0", "loss.lambda_f=0"}));
  infig_options(config.model).loss.lambda_f = 0;
  EXPECT_EQ(names(ablation_variants(config)), (std::vector<std::string>{"full", "without-clip", "without-gam"}));
  infig_options(config.model).loss.lambda_g = 0;
  EXPECT_THROW(ablation_variants(config), ConfigError);
}

TEST(Sweep, AxesAsTyped) {
  const SweepAxis plain = parse_axis("gam.layer=1,2,3");
  EXPECT_EQ(plain.key, "gam.layer");
  EXPECT_EQ(plain.values, (std::vector<std::string>{"1", "2", "3"}));
  EXPECT_EQ(parse_axis("image.stage_widths=[4, 8],[8,16]").values, (std::vector<std::string>{"[4, 8]", "[8,16]"}));
  EXPECT_EQ(parse_axis("loss.class_weights=none,\"1,2\"").values, (std::vector<std::string>{"none", "\"1,2\""}));
  EXPECT_EQ(parse_axis("seed=3").values.size(), 1U);
  for (const char* bad : {"gam.layer", "=1,2", "gam.layer=", "gam.layer=1,,2", "gam.layer=1,1"})
    EXPECT_THROW(parse_axis(bad), ConfigError) << bad;
}

TEST(Sweep, EveryCombinationOnce) {
  const auto grid = sweep_variants({parse_axis("a.x=1,2"), parse_axis("b=u,v,w")}, 0, 1);
  EXPECT_EQ(names(grid), (std::vector<std::string>{"a.x=1+b=u", "a.x=1+b=v", "a.x=1+b=w", "a.x=2+b=u", "a.x=2+b=v", "a.x=2+b=w"}));
  EXPECT_EQ(grid[4].overrides, (std::vector<std::string>{"a.x=2", "b=v"}));
  EXPECT_EQ(grid[4].title, "a.x=2, b=v");
  EXPECT_EQ(grid[4].axes[1].second, "v");
  const auto some = sweep_variants({parse_axis("a.x=1,2"), parse_axis("b=u,v,w")}, 4, 1);
  const auto drawn = names(some);
  EXPECT_EQ(std::set<std::string>(drawn.begin(), drawn.end()).size(), 4U);
  EXPECT_EQ(names(sweep_variants({parse_axis("a.x=1,2"), parse_axis("b=u,v,w")}, 4, 1)), drawn);
  EXPECT_EQ(sweep_variants({parse_axis("a.x=1,2")}, 9, 1).size(), 2U);
  EXPECT_THROW(sweep_variants({parse_axis("a=1,2"), parse_axis("a=3,4")}, 0, 1), ConfigError);
  EXPECT_EQ(sweep_variants({parse_axis("k=[1, 2],[3]")}, 0, 1)[0].name, "k=_1__2_");
}

TEST(Seeds, NumberOrList) {
  EXPECT_EQ(parse_seeds("3"), (std::vector<uint64_t>{1, 2, 3}));
  EXPECT_EQ(parse_seeds("4,7,1"), (std::vector<uint64_t>{4, 7, 1}));
  EXPECT_EQ(parse_seeds("7,8"), (std::vector<uint64_t>{7, 8}));
  for (const char* bad : {"", "0", "-1", "two", "1,1", "1,", ",1", "1.5", "100000"}) EXPECT_THROW(parse_seeds(bad), ConfigError) << bad;
}

}  // namespace
}  // namespace infig
