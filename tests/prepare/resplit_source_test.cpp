#include "prepare/resplit_source.h"

#include <csignal>
#include <set>

#include "prepare/clean_source.h"
#include "prepare/sources.h"

namespace infig {
namespace {

using test::MadeUpSource;
using test::read_all;
using test::Scratch;
using test::thrown;
using test::totals_of;
using ::testing::HasSubstr;

// 100 posts of label 0 and 50 of label 1; posts 0 to 9 share a text up to its case and a URL.
std::vector<RawPost> posts() {
  std::vector<RawPost> made;
  for (int i = 0; i < 150; ++i) {
    RawPost post;
    post.id = "p" + std::to_string(i);
    post.text = i < 10 ? (i % 2 == 0 ? "RT @x: Same TEXT! http://t.co/" + std::to_string(i) : "same text") : "text " + std::to_string(i);
    post.label_id = i < 100 ? 0 : 1;
    made.push_back(post);
  }
  return made;
}

std::unique_ptr<PostSource> made_up() { return std::make_unique<MadeUpSource>(posts()); }

TEST(Resplit, DrawsByLabelAndSeed) {
  const auto drawn = resplit(made_up(), {.draw = true, .seed = 3});
  EXPECT_EQ(totals_of(*drawn), "train 80/40 dev 10/5 test 10/5");
  EXPECT_EQ(drawn->facts().rules["split"]["seed"], 3);
  EXPECT_EQ(test::dropped_of(*drawn).at(0), "gone: made up");
  std::string one;
  std::string two;
  for (const auto& post : read_all(*resplit(made_up(), {.draw = true, .seed = 3, .threads = 2}))) one += split_name(post.split);
  for (const auto& post : read_all(*drawn)) two += split_name(post.split);
  EXPECT_EQ(one, two);
}

TEST(Resplit, GroupsOfEqualTextsStayTogether) {
  std::set<Split> of_seeds;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const auto drawn = resplit(made_up(), {.group_by_text = true, .seed = seed});
    EXPECT_EQ(totals_of(*drawn), "train 80/40 dev 10/5 test 10/5");
    std::set<Split> splits;
    for (int64_t i = 0; i < 10; ++i) splits.insert(drawn->read(i).split);
    EXPECT_EQ(splits.size(), 1U) << seed;
    of_seeds.insert(*splits.begin());
  }
  EXPECT_GT(of_seeds.size(), 1U);
}

TEST(Resplit, EveryPostIsTestedOnceOverTheFolds) {
  std::map<std::string, int> tested;
  for (int64_t fold = 1; fold <= 5; ++fold) {
    const auto drawn = resplit(made_up(), {.folds = 5, .fold = fold});
    EXPECT_EQ(totals_of(*drawn), "train 60/30 dev 20/10 test 20/10");
    for (const auto& post : read_all(*drawn)) tested[post.id] += post.split == Split::kTest ? 1 : 0;
  }
  for (const auto& [id, times] : tested) EXPECT_EQ(times, 1) << id;
  // The dev split of fold 1 is the test split of fold 2.
  const auto first = resplit(made_up(), {.folds = 5, .fold = 1});
  const auto second = resplit(made_up(), {.folds = 5, .fold = 2});
  for (int64_t i = 0; i < 150; ++i) EXPECT_EQ(first->read(i).split == Split::kDev, second->read(i).split == Split::kTest);
}

TEST(Resplit, AManifestIsWrittenAndReusable) {
  const Scratch scratch;
  const auto drawn = resplit(made_up(), {.folds = 3, .fold = 3, .seed = 9});
  drawn->write_files(scratch.path());
  EXPECT_THAT(test::slurp(scratch / "split.csv"), ::testing::StartsWith("id,split,fold\np0,"));
  const auto again = resplit(made_up(), {.manifest = scratch / "split.csv"});
  for (int64_t i = 0; i < 150; ++i) EXPECT_EQ(again->read(i).split, drawn->read(i).split);
  EXPECT_EQ(again->facts().inputs.at(0).name, "split.csv");
  // A posts.jsonl is one as well; posts that it does not name are left out.
  scratch.file("posts.jsonl", "{\"id\": \"p7\", \"split\": \"test\"}\n{\"id\": \"other\", \"split\": \"dev\"}\n");
  const auto few = resplit(made_up(), {.manifest = scratch / "posts.jsonl"});
  EXPECT_EQ(totals_of(*few), "test 1/0");
  EXPECT_EQ(few->read(0).drop, "not in the split manifest");
  EXPECT_EQ(few->facts().rules["split"]["not_in_data_set"], 1);
  Scratch out;
  few->write_files(out.path());
  EXPECT_EQ(test::slurp(out / "split.csv"), "id,split\np7,test\n");
}

TEST(Resplit, ManifestFaults) {
  const Scratch scratch;
  const auto message = [&](const char* name, const char* bytes) {
    const auto file = scratch.file(name, bytes);
    return thrown<DataError>([&] { resplit(made_up(), {.manifest = file}); });
  };
  EXPECT_THAT(message("a.csv", "id,text\np1,x\n"), HasSubstr("a.csv, header: column \"split\" is missing"));
  EXPECT_THAT(message("a.csv", "id,split\np1,exam\n"), HasSubstr("a.csv, line 2 (post 1): field \"split\""));
  EXPECT_THAT(message("a.csv", "id,split\np1,\n"), HasSubstr("line 2 (post 1): field \"split\" is missing"));
  EXPECT_THAT(message("a.csv", "id,split\n,test\n"), HasSubstr("line 2 (post 1): field \"id\" is missing"));
  EXPECT_THAT(message("a.csv", "id,split\np1,test\np2,dev\np1,dev\n"), HasSubstr("line 4 (post 3): its id is already in line 2 (post 1)"));
  EXPECT_THAT(message("a.csv", "id,split\nq,test\n"), HasSubstr("names none of the 150 posts"));
  EXPECT_THAT(thrown<DataError>([&] { resplit(made_up(), {.manifest = scratch / "none.csv"}); }), HasSubstr("no such file"));
}

TEST(Resplit, OptionsThatContradictEachOther) {
  const auto message = [](const ResplitOptions& options) { return thrown<ConfigError>([&] { resplit(made_up(), options); }); };
  EXPECT_THAT(message({.folds = 2, .fold = 1}), HasSubstr("--folds: is 2"));
  EXPECT_THAT(message({.folds = 5}), HasSubstr("--fold: is 0, expected 1 to 5"));
  EXPECT_THAT(message({.folds = 5, .fold = 6}), HasSubstr("--fold: is 6"));
  EXPECT_THAT(message({.fold = 2}), HasSubstr("give --folds as well"));
  EXPECT_THAT(message({.draw = true, .manifest = "x.csv"}), HasSubstr("--split-manifest"));
  EXPECT_FALSE(ResplitOptions{}.any());
  const std::atomic<int> stop{SIGTERM};
  EXPECT_THAT(thrown<Interrupted>([&] { resplit(made_up(), {.draw = true, .stop = &stop}); }), HasSubstr("signal 15"));
}

TEST(CleanSource, CleansNotesAndIsOnRecord) {
  auto made = posts();
  made.resize(2);
  made[0].text = "so #good http://t.co/x";
  made[1].text = "#only";
  const auto source = clean_texts(std::make_unique<MadeUpSource>(made), TextCleaning::kMultiSentiNet, "clean");
  EXPECT_EQ(source->read(0).text, "so  ");
  EXPECT_EQ(source->read(1).text, "");
  EXPECT_EQ(source->read(1).notes.at(0).kind, "nothing is left of the text after cleaning");
  EXPECT_EQ(source->facts().rules["text"]["as"], "clean");
}

}  // namespace
}  // namespace infig
