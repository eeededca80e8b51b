// The paper's tables: its figures as printed, what is run for the data sets that are there, what is said of the rest.
#include "experiments/reproduce.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/error.h"
#include "data/data_set.h"
#include "experiments/paper_figures.h"
#include "experiments/reproduce_tables.h"
#include "reference/html_check.h"
#include "training/small_training.h"

namespace infig {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// The paper as text, beside the project or beside $INFIG_DATA; empty where it is not there.
std::string paper_text() {
  std::vector<fs::path> places = {fs::path(INFIG_SOURCE_DIR) / ".." / "shared" / "paper" / "infig.md"};
  if (const char* data = std::getenv("INFIG_DATA")) places.push_back(fs::path(data) / ".." / "paper" / "infig.md");
  for (const auto& place : places) {
    if (fs::exists(place)) return read_file(place);
  }
  return "";
}

// "0.7641\t0.7487\t...\t-" of the first data sets of a row, as the paper's text has them.
std::string printed(const PaperRow& row, size_t begin, size_t end) {
  std::vector<std::string> cells;
  for (size_t i = begin; i < end; ++i) {
    cells.push_back(row.scores[i] ? fmt::format("{:.4f}", row.scores[i]->accuracy) : "-");
    cells.push_back(row.scores[i] ? fmt::format("{:.4f}", row.scores[i]->f1) : "-");
  }
  return fmt::format("{}", fmt::join(cells, "\t"));
}

TEST(PaperFigures, AreWhatThePaperPrints) {
  const std::string paper = paper_text();
  if (paper.empty()) GTEST_SKIP() << "no paper/infig.md beside $INFIG_DATA or in shared/ beside the checkout";
  size_t rows = 0;
  for (const PaperRow& row : paper_table2()) {
    if (row.scores[0]) {
      EXPECT_THAT(paper, HasSubstr(fmt::format("\n{}\t{}\t", row.model, printed(row, 0, 3))));
      ++rows;
    }
    if (row.scores[3]) {
      EXPECT_THAT(paper, HasSubstr(fmt::format("\t{}\t{}\n", row.model, printed(row, 3, 4))));
      ++rows;
    }
  }
  EXPECT_EQ(rows, 13U);  // seven models on the left, six on the right
  const std::vector<std::string> names = {"INFIG", "- w/o CLIP", "- w/o GAM", "- w/o HFAM", "- w/o GAM, HFAM"};
  ASSERT_EQ(paper_table3().size(), names.size());
  for (size_t i = 0; i < names.size(); ++i)
    EXPECT_THAT(paper, HasSubstr(fmt::format("\n{}\t{}\n", names[i], printed(paper_table3()[i], 0, 4))));
  EXPECT_THAT(paper, HasSubstr("MVSA-S\t3611\t450\t450\t4511"));
}

TEST(PaperFigures, StandardErrorsOfTheTestSplits) {  // sqrt(p (1 - p) / n), worked by hand: 2.0, 1.1, .66, .33 points
  const PaperRow& infig = paper_table2().back();
  const std::vector<double> points = {2.0, 1.1, .33, .66};
  for (size_t i = 0; i < kPaperDataSets; ++i)
    EXPECT_NEAR(100 * accuracy_standard_error(infig.scores[i]->accuracy, paper_data_sets()[i].test), points[i], .05);
}

class ReproduceTest : public TrainTest {
 protected:
  void SetUp() override {
    TrainTest::SetUp();
    for (size_t i = 0; i < data_.posts.size(); ++i) data_.posts[i].split = i < 28 ? Split::kTrain : i < 34 ? Split::kDev : Split::kTest;
    make_folder(folder_ / "root");
    make_folder(folder_ / "configs");
    write_file_atomic(folder_ / "configs/tiny.yaml", "seed: 1\n");
    for (const char* name : {"mvsa-single", "hfm"}) write_data_set(data_, nlohmann::json::object(), folder_ / "root" / name);
  }
  ReproduceRequest reproduction(PaperPart part) const {
    ReproduceRequest request;
    request.part = part;
    request.data_root = folder_ / "root";
    request.config_dir = folder_ / "configs";
    request.preset = "tiny";
    request.output = folder_ / "out";
    request.seeds = {1};
    if (part == PaperPart::kTable2) request.models = {"infig"};
    request.overrides = overrides({"train.epochs=1", "image.augment=none", "image.finetune=false", "image.batch_norm_train=false",
                                   "text.num_hidden_layers=4", "image.num_hidden_layers=4"});
    request.evaluate.batch_size = 8;
    return request;
  }
  std::string message_of(const ReproduceRequest& request) const {
    try {
      reproduce(request);
    } catch (const Error& error) {
      return error.what();
    }
    return "nothing thrown";
  }
};

TEST_F(ReproduceTest, TablesShareRunsAndSayWhatIsMissing) {
  const Reproduction two = reproduce(reproduction(PaperPart::kTable2));
  ASSERT_EQ(two.sets.size(), 2U);
  ASSERT_EQ(two.missing.size(), 2U);
  const fs::path out = folder_ / "out";
  const fs::path full = out / "runs/hfm/full/seed-1/checkpoints/latest/model.safetensors";
  const auto trained = fs::last_write_time(full);
  const std::string table = read_file(out / "table2/table.md");
  EXPECT_THAT(table,
              AllOf(HasSubstr("## MVSA-Single\n"), HasSubstr("## HFM\n"), HasSubstr("macro F1, paper"), HasSubstr("weighted F1, paper")));
  EXPECT_THAT(table, HasSubstr("| CLMLF | 0.7533 | not run |  | 0.7346 | not run |  |"));
  EXPECT_THAT(table, HasSubstr("## TumEmo: not run\n\nMissing: no data set at"));
  EXPECT_THAT(table, HasSubstr("infig prepare mvsa-multiple --raw RAW --out"));
  EXPECT_THAT(table, HasSubstr("posts of train, dev, test: 28, 6, 6; the paper has 3611, 450, 450."));
  EXPECT_THAT(table, HasSubstr("not the paper's model"));

  // Our cell, and the verdict by hand: the paper's .7641 on 450 posts, two standard errors are 4.00 points.
  const VariantScores& ours = two.sets[0].scores.variants[0];
  const Interval& interval = ours.seeds[0].intervals->accuracy;
  const double difference = 100 * (ours.accuracy.mean - .7641);
  EXPECT_THAT(table, HasSubstr(fmt::format(
                         "| INFIG | 0.7641 | {:.4f} ({:.4f} to {:.4f}) | {:+.2f}: {} 2 standard errors (4.00) | 0.7487 | {:.4f} (",
                         ours.accuracy.mean, interval.low, interval.high, difference, std::abs(difference) <= 4.003 ? "within" : "outside",
                         ours.f1_weighted.mean)));

  const Reproduction three = reproduce(reproduction(PaperPart::kTable3));
  EXPECT_EQ(fs::last_write_time(full), trained);  // the whole model is one run for all parts
  EXPECT_EQ(three.sets[1].scores.variants.size(), 4U);
  const std::string ablation = read_file(out / "table3/table.md");
  EXPECT_THAT(ablation, HasSubstr("| w/o CLIP | 0.7608 | not in this preset |"));
  EXPECT_THAT(ablation, HasSubstr("| w/o GAM and HFAM | 0.8647 | "));
  EXPECT_TRUE(fs::exists(out / "table3/hfm/table.md"));
  EXPECT_TRUE(fs::exists(out / "runs/hfm/without-both/seed-1/model-card.md"));
  for (const char* part : {"table2", "table3"}) {
    EXPECT_THAT(reference::html_faults(read_file(out / part / "report.html")), testing::IsEmpty());
    const auto json = nlohmann::json::parse(read_file(out / part / "reproduction.json"));
    EXPECT_EQ(json["missing"].size(), 2U);
    EXPECT_EQ(json["data_sets"][1]["f1"], "macro");
  }
  const std::string csv = read_file(out / "table3/table.csv");
  EXPECT_THAT(csv, HasSubstr("\nhfm,w/o CLIP,f1_macro,0.8729,,,,0,,,,,,,,\n"));
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 1 + 2 * 5 * 2);
  EXPECT_THAT(read_file(out / "table3/table.tex"), HasSubstr("w/o CLIP & 76.08 / --"));

  // With another config the runs that are there are left alone.
  ReproduceRequest other = reproduction(PaperPart::kTable2);
  other.overrides.emplace_back("optim.lr=2e-3");
  EXPECT_THAT(message_of(other), AllOf(HasSubstr("optim.lr"), HasSubstr("--output-dir")));
  EXPECT_EQ(fs::last_write_time(full), trained);
}

TEST_F(ReproduceTest, FigureThreeIsALineOverLayers) {
  fs::remove_all(folder_ / "root/hfm");
  const Reproduction figure = reproduce(reproduction(PaperPart::kFigure3));
  ASSERT_EQ(figure.sets.size(), 1U);
  ASSERT_EQ(figure.sets[0].scores.variants.size(), 4U);
  EXPECT_EQ(figure.sets[0].scores.variants[0].variant.name, "full");
  const std::string table = read_file(folder_ / "out/figure3/table.md");
  EXPECT_THAT(table, HasSubstr("| gam.layer=1 | 0.7641 | "));
  EXPECT_THAT(table, HasSubstr("| gam.layer=4 | - | "));
  EXPECT_THAT(table, HasSubstr("draws its points without numbers"));
  const std::string page = read_file(folder_ / "out/figure3/report.html");
  EXPECT_THAT(page, HasSubstr("stroke-dasharray=\"6 4\""));  // F1 is the dashed line, as in the paper
  EXPECT_THAT(reference::html_faults(page), testing::IsEmpty());
}

TEST_F(ReproduceTest, SaysWhichWeightsAreMissing) {
  ReproduceRequest request = reproduction(PaperPart::kTable2);
  request.preset = "paper";
  request.overrides = {};
  EXPECT_THAT(message_of(request), AllOf(HasSubstr("paper-mvsa-single.yaml"), HasSubstr("--config-dir")));
  for (const auto& set : paper_data_sets())
    write_file_atomic(folder_ / "configs" / fmt::format("paper-{}.yaml", set.name),
                      fmt::format("text:\n  model: {}\n", (folder_ / "deberta-v3-base").string()));
  const std::string message = message_of(request);
  EXPECT_THAT(message, AllOf(HasSubstr("nothing to train on"), HasSubstr("mvsa-single: INFIG: weights that"),
                             HasSubstr("infig weights pull"), HasSubstr("tumemo: no data set at")));
  EXPECT_FALSE(fs::exists(folder_ / "out"));
  request.data_root = folder_ / "nowhere";
  EXPECT_THAT(message_of(request), HasSubstr("no such folder"));
}

TEST_F(ReproduceTest, RefusesBeforeTheFirstRun) {
  ReproduceRequest request = reproduction(PaperPart::kTable2);
  request.overrides.emplace_back("optim.lrr=1");
  EXPECT_THROW(reproduce(request), ConfigError);
  request = reproduction(PaperPart::kTable2);
  request.overrides.emplace_back("train.best_metric=beauty");
  EXPECT_THROW(reproduce(request), ConfigError);
  request = reproduction(PaperPart::kTable2);
  write_file_atomic(folder_ / "root/hfm/posts.jsonl", "{\"id\": 1\n");
  EXPECT_THROW(reproduce(request), DataError);
  EXPECT_FALSE(fs::exists(folder_ / "out"));
  EXPECT_THROW(parse_paper_part("table1"), ConfigError);
}

}  // namespace
}  // namespace infig
