#include "evaluation/compare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "evaluation/reports.h"
#include "reference/temporary_folder.h"

namespace infig {
namespace {

using reference::TemporaryFolder;
using testing::HasSubstr;

// Ten posts, the truths a and b in turn; the answer is right where `right` says so.
void write_run(const std::filesystem::path& run, const std::string& right, const std::string& other_id = "", bool reversed = false,
               std::vector<std::string> labels = {"a", "b"}, const std::string& data_sha256 = "") {
  EvaluationResult result{.split = "test", .data = data_sha256.empty() ? "" : "set", .data_sha256 = data_sha256};
  result.labels = std::move(labels);
  std::vector<double> probabilities;
  std::vector<int64_t> truths;
  for (size_t i = 0; i < right.size(); ++i) {
    Prediction one{.id = i == 3 && !other_id.empty() ? other_id : "post " + std::to_string(i), .label_id = static_cast<int64_t>(i % 2)};
    one.predicted_id = right[i] == '1' ? one.label_id : 1 - one.label_id;
    one.probabilities = {one.predicted_id == 0 ? .8 : .2, one.predicted_id == 0 ? .2 : .8};
    result.predictions.push_back(one);
  }
  if (reversed) std::reverse(result.predictions.begin(), result.predictions.end());
  for (const auto& one : result.predictions) {
    probabilities.insert(probabilities.end(), one.probabilities.begin(), one.probabilities.end());
    truths.push_back(one.label_id);
  }
  result.scores = score_classification(probabilities, truths, 2);
  write_evaluation(result, run);
}

template <typename Error>
std::string refusal(const std::string& first, const std::string& second) {
  try {
    compare_runs(parse_side(first), parse_side(second), {});
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Compare, MatchesPostsByIdAndCountsWhoIsRight) {
  const TemporaryFolder folder;
  write_run(folder / "x", "1111100000");
  write_run(folder / "y", "1101111110", "", true);
  const Comparison found = compare_runs(parse_side(folder / "x"), parse_side((folder / "y").string() + "/"), {});
  EXPECT_EQ(found.posts, 10);
  EXPECT_EQ(found.first.name, "x");
  EXPECT_EQ(found.second.name, "y");
  EXPECT_NEAR(found.scores.accuracy.first, .5, 1e-12);
  EXPECT_NEAR(found.scores.accuracy.second, .8, 1e-12);
  ASSERT_EQ(found.mcnemar.size(), 1U);
  EXPECT_EQ(found.mcnemar[0].only_first, 1);   // post 2
  EXPECT_EQ(found.mcnemar[0].only_second, 4);  // posts 5 to 8
  EXPECT_NEAR(found.mcnemar[0].p_value, 2 * (1 + 5) / 32.0, 1e-12);
  EXPECT_THAT(conclusion(found), HasSubstr("y scores 30.0 points of accuracy higher than x, 95 % interval "));
  const auto json = to_json(found);
  EXPECT_EQ(json["posts"], 10);
  EXPECT_EQ(json["mcnemar"][0]["only_second"], 4);
  EXPECT_NEAR(json["accuracy"]["difference"].get<double>(), .3, 1e-12);
}

TEST(Compare, TakesSeedsTogether) {
  const TemporaryFolder folder;
  write_run(folder / "a/seed-10", "1111111111");
  write_run(folder / "a/seed-2", "1111111100");
  write_run(folder / "a/seed-x", "0000000000");  // no seed
  write_run(folder / "b", "0000000000");
  const ComparedSide side = parse_side(folder / "a");
  ASSERT_EQ(side.runs.size(), 2U);
  EXPECT_EQ(side.runs[0].filename(), "seed-2");
  const Comparison found = compare_runs(side, parse_side(folder / "b"), {});
  EXPECT_NEAR(found.scores.accuracy.first, .9, 1e-12);
  EXPECT_TRUE(found.mcnemar.empty());
  EXPECT_THAT(conclusion(found), testing::AllOf(testing::StartsWith("a scores 90.0 points of accuracy higher than b"),
                                                testing::EndsWith(": shown to be better")));
  const Comparison same = compare_runs(side, side, {});
  EXPECT_THAT(conclusion(same), HasSubstr("equally accurate"));
  const ComparedSide joined = parse_side((folder / "b").string() + "," + (folder / "a/seed-2").string());
  EXPECT_EQ(joined.runs.size(), 2U);
  EXPECT_EQ(joined.name, "b + seed-2");
}

// Ids and labels of both are the same: only the hash tells the texts apart.
TEST(Compare, PostsAreToldApartByTheirHash) {
  const TemporaryFolder folder;
  const std::string one(64, '1'), two(64, '2');
  const std::string x = folder / "x", y = folder / "y";
  for (const auto& [run, hash] : {std::pair(x, one), std::pair(y, two)}) {
    std::filesystem::create_directories(run);
    write_file_atomic(std::filesystem::path(run) / "description.json", "{\"data_sha256\": \"" + hash + "\"}");
    write_run(run, "1111100000", "", false, {"a", "b"}, hash);
  }
  EXPECT_TRUE(std::filesystem::exists(x + "/eval/test.json"));
  EXPECT_THAT(refusal<DataError>(x, y), testing::AllOf(HasSubstr("x was evaluated on set (SHA-256 11111111...)"),
                                                       HasSubstr("set (SHA-256 22222222...)"), HasSubstr("--data")));
  const auto on_one = [&](const std::string& word) { return compare_runs(parse_side(x), parse_side(y), {.data = word}); };
  EXPECT_THROW(on_one("set"), DataError);  // x on its own, y on its own: not the same
  EXPECT_THROW(on_one(one), DataError);    // y was never evaluated on it
  write_run(y, "1111111100", "", false, {"a", "b"}, one);
  EXPECT_TRUE(std::filesystem::exists(y + "/eval/set-11111111/test.json"));
  EXPECT_TRUE(std::filesystem::exists(y + "/eval/test.json"));
  for (const std::string& word : {one, std::string("set-11111111"), std::string("11111111")}) {
    const Comparison found = on_one(word);
    EXPECT_NEAR(found.scores.accuracy.difference, .3, 1e-12) << word;
    EXPECT_EQ(found.data_sha256, one);
  }
  EXPECT_THROW(on_one("set"), DataError);  // y was evaluated on two data sets of that name
}

TEST(Compare, RefusesWhatCannotBeCompared) {
  const TemporaryFolder folder;
  write_run(folder / "x", "1111100000");
  write_run(folder / "other", "1111100000", "stranger");
  write_run(folder / "short", "11111");
  write_run(folder / "labels", "1111100000", "", false, {"a", "c"});
  std::filesystem::create_directories(folder / "empty");
  std::filesystem::create_directories(folder / "unscored/eval");
  const std::string x = folder / "x";
  EXPECT_THAT(refusal<DataError>(x, folder / "other"), testing::AllOf(HasSubstr("'stranger' is not among those of"), HasSubstr("other")));
  EXPECT_THAT(refusal<DataError>(x, folder / "short"), HasSubstr("5 posts with a label"));
  EXPECT_THAT(refusal<DataError>(x, folder / "labels"), HasSubstr("the labels are a, c"));
  EXPECT_THAT(refusal<DataError>(x, folder / "absent"), HasSubstr("no such run folder"));
  EXPECT_THAT(refusal<DataError>(x, folder / "empty"), HasSubstr("is no run"));
  EXPECT_THAT(refusal<DataError>(x, folder / "unscored"), HasSubstr("infig evaluate --run"));
  EXPECT_THAT(refusal<ConfigError>(x, ""), HasSubstr("names no run"));
  EXPECT_THAT(refusal<ConfigError>(x + "," + x, x), HasSubstr("named twice"));
}

}  // namespace
}  // namespace infig
