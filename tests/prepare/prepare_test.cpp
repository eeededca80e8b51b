#include "prepare/prepare.h"

#include <csignal>
#include <nlohmann/json.hpp>

#include "data/data_set.h"
#include "data/mvsa.h"
#include "data/scratch.h"
#include "data/split.h"
#include "prepare/target.h"

namespace infig {
namespace {

namespace fs = std::filesystem;
using test::Scratch;
using test::slurp;
using test::thrown;
using ::testing::HasSubstr;

// docs/published-data.md, all nine cells of the table.
TEST(Mvsa, LabelRule) {
  EXPECT_EQ(joint_label("positive", "positive"), "positive");
  EXPECT_EQ(joint_label("positive", "neutral"), "positive");
  EXPECT_EQ(joint_label("positive", "negative"), std::nullopt);
  EXPECT_EQ(joint_label("neutral", "positive"), "positive");
  EXPECT_EQ(joint_label("neutral", "neutral"), "neutral");
  EXPECT_EQ(joint_label("neutral", "negative"), "negative");
  EXPECT_EQ(joint_label("negative", "positive"), std::nullopt);
  EXPECT_EQ(joint_label("negative", "neutral"), "negative");
  EXPECT_EQ(joint_label("negative", "negative"), "negative");
  EXPECT_THAT(thrown<DataError>([] { joint_label("happy", "neutral"); }), HasSubstr("\"happy\""));
}

TEST(Mvsa, LabelFile) {
  const auto rows =
      parse_mvsa_single_labels("ID\ttext,image\r\n1\tneutral,positive\r\n\r\n 2 \t negative , neutral \n\n3\tpositive,negative", "L");
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0].id, "1");
  EXPECT_EQ(rows[0].text_label, "neutral");
  EXPECT_EQ(rows[0].image_label, "positive");
  EXPECT_EQ(rows[1].id, "2");
  EXPECT_EQ(rows[1].text_label, "negative");
  EXPECT_EQ(rows[1].image_label, "neutral");
  EXPECT_EQ(rows[1].line, 4);
  // No header: the first row is a row. The header somewhere else: still no row.
  EXPECT_EQ(parse_mvsa_single_labels("1\tneutral,positive\nid\ttext,image\n", "L").size(), 1U);
  const auto message = [](const char* bytes) { return thrown<DataError>([&] { parse_mvsa_single_labels(bytes, "L"); }); };
  EXPECT_THAT(message("1\tneutral,positive\n2\tneutral\n"), HasSubstr("L, line 2: \"2\tneutral\" has no tab or no comma"));
  EXPECT_THAT(message("1 neutral,positive\n"), HasSubstr("line 1"));
  EXPECT_THAT(message("1\tneutral,happy\n"), HasSubstr("line 1: the image label is \"happy\""));
  EXPECT_THAT(message("1\tneutral,positive\tneutral,neutral\tpositive,neutral\n"), HasSubstr("MVSA-Multiple"));
  EXPECT_THAT(message("1\tneutral,neutral\n1\tneutral,neutral\n"), HasSubstr("line 2: id 1 is already in line 1"));
  EXPECT_THAT(message("../1\tneutral,neutral\n"), HasSubstr("line 1: the id"));
  EXPECT_THAT(message("ID\ttext,image\n"), HasSubstr("holds no row"));
}

TEST(Mvsa, PublicSplitFaults) {
  const auto message = [](const char* name, const char* bytes) {
    const Scratch scratch;
    scratch.file("train.json", R"([{"id": "1", "text": "x", "emotion_label": 0}])");
    scratch.file(name, bytes);
    return thrown<DataError>([&] { read_public_splits(scratch.path(), 3); });
  };
  EXPECT_THAT(message("dev.json", "["), HasSubstr("dev.json: no valid JSON"));
  EXPECT_THAT(message("dev.json", "{}"), HasSubstr("dev.json: expected a JSON array"));
  EXPECT_THAT(message("dev.json", R"([{"id": "2", "text": "x"}])"), HasSubstr("dev.json, element 1: no field \"emotion_label\""));
  EXPECT_THAT(message("dev.json", R"([{"id": "2", "text": "x", "emotion_label": 3}])"),
              HasSubstr("is 3, expected a whole number from 0 to 2"));
  EXPECT_THAT(message("dev.json", R"([{"id": "2", "text": null, "emotion_label": 1}])"), HasSubstr("field \"text\" is null"));
  EXPECT_THAT(message("dev.json", R"([{"id": "a/b", "text": "", "emotion_label": 1}])"), HasSubstr("field \"id\""));
  EXPECT_THAT(message("test.json", R"([{"id": "1", "text": "x", "emotion_label": 0}])"), HasSubstr("id 1 is already in"));
  const Scratch scratch;
  EXPECT_THAT(thrown<DataError>([&] { read_public_splits(scratch.path(), 3); }), HasSubstr("holds none of train.json"));
  EXPECT_THAT(thrown<DataError>([&] { read_public_splits(scratch / "none", 3); }), HasSubstr("no such folder"));
  scratch.file("dev.json", R"([{"id": "1", "text": "x", "emotion_label": 0}])");
  scratch.file("valid.json", R"([{"id": "2", "text": "x", "emotion_label": 0}])");
  EXPECT_THAT(thrown<DataError>([&] { read_public_splits(scratch.path(), 3); }), HasSubstr("valid.json: dev.json is the same split"));
}

// Six posts: 3 conflicts, 4 has no picture, 5 no text file, 6 neither.
void write_single_raw(const Scratch& scratch, const std::string& folder) {
  scratch.file(folder + "labelResultAll.txt",
               "ID\ttext,image\n1\tneutral,positive\n2\tnegative,negative\n3\tpositive,negative\n4\tneutral,neutral\n5\tpositive,"
               "neutral\n6\tneutral,neutral\n");
  for (const char* id : {"1", "2", "3", "4"}) scratch.file(folder + "data/" + id + ".txt", std::string("text ") + id + " \xA1\xAD\n");
  for (const char* id : {"1", "2", "3", "5"}) scratch.file(folder + "data/" + id + ".jpg", std::string("\xFF\xD8\xFF picture ") + id);
}

TEST(PrepareMvsa, RawFilesAlone) {
  const Scratch scratch;
  write_single_raw(scratch, "raw/MVSA_Single/");
  const auto report = prepare_mvsa_single({.raw = scratch / "raw"}, scratch / "out", {});
  EXPECT_THAT(report.counts,
              ::testing::ElementsAre(::testing::Pair("rows in labelResultAll.txt", 6), ::testing::Pair(HasSubstr("label rule"), 5),
                                     ::testing::Pair("posts with a text or a picture", 4)));
  ASSERT_EQ(report.dropped.size(), 2U);
  EXPECT_EQ(report.dropped[0].id, "3");
  EXPECT_EQ(report.dropped[0].reason, "text label positive, image label negative");
  EXPECT_EQ(report.dropped[1].id, "6");
  EXPECT_THAT(report.noted, ::testing::ElementsAre(::testing::Pair("picture absent", 1), ::testing::Pair("text absent", 1)));
  const DataSet data = read_data_set(scratch / "out");
  EXPECT_EQ(data.name, "mvsa-single");
  EXPECT_EQ(data.labels, (std::vector<std::string>{"positive", "neutral", "negative"}));
  ASSERT_EQ(data.posts.size(), 4U);
  EXPECT_EQ(data.posts[0].id, "1");
  EXPECT_EQ(data.posts[0].text, "text 1");
  EXPECT_EQ(data.posts[0].label, "positive");
  EXPECT_EQ(data.posts[0].image, scratch / "out/images/1.jpg");
  EXPECT_EQ(slurp(data.posts[0].image.file), "\xFF\xD8\xFF picture 1");
  EXPECT_EQ(data.posts[2].id, "4");
  EXPECT_TRUE(data.posts[2].image.empty());
  EXPECT_EQ(data.posts[3].text, "");
  EXPECT_THAT(slurp(scratch / "out/dropped.csv"), ::testing::StartsWith("id,reason\n3,\"text label positive, image label negative\"\n6,"));
  EXPECT_THAT(slurp(scratch / "out/notes.csv"), HasSubstr("\n5,text absent\n"));
  const auto rules = nlohmann::json::parse(slurp(scratch / "out/dataset.json"))["rules"];
  EXPECT_EQ(rules["text_decode"], "utf8_ignore");
  EXPECT_EQ(rules["dropped"], 2);
  EXPECT_EQ(rules["split"]["seed"], 1);
}

TEST(PrepareMvsa, PublicSplitDecidesAndDifferencesAreNoted) {
  const Scratch scratch;
  write_single_raw(scratch, "raw/");
  scratch.file(
      "splits/train.json",
      R"([{"id": "2", "text": "text 2", "emotion_label": 2}, {"id": "1", "text": "other", "emotion_label": 1}, {"id": "3", "text": "text 3", "emotion_label": 0}])");
  scratch.file("splits/valid.json",
               R"([{"id": "5", "text": "text 5", "emotion_label": 0}, {"id": "9", "text": "text 9", "emotion_label": 1}])");
  const auto report = prepare_mvsa_single({.raw = scratch / "raw", .splits = scratch / "splits"}, scratch / "out", {});
  const DataSet data = read_data_set(scratch / "out");
  ASSERT_EQ(data.posts.size(), 5U);
  std::string order;
  for (const auto& post : data.posts) order += post.id + split_name(post.split)[0] + post.label.substr(0, 3) + " ";
  EXPECT_EQ(order, "2tneg 1tneu 3tpos 5dpos 9dneu ");
  EXPECT_EQ(data.posts[1].text, "text 1");  // the raw file's
  EXPECT_EQ(data.posts[4].text, "text 9");  // no raw file
  EXPECT_TRUE(data.posts[4].image.empty());
  EXPECT_THAT(report.noted, ::testing::UnorderedElementsAre(
                                ::testing::Pair(HasSubstr("label differs"), 1), ::testing::Pair(HasSubstr("no label by the label rule"), 2),
                                ::testing::Pair(HasSubstr("text differs"), 1), ::testing::Pair(HasSubstr("raw text absent"), 2),
                                ::testing::Pair("picture absent", 1)));
  std::string dropped;
  for (const auto& note : report.dropped) dropped += note.id + ": " + note.reason + "; ";
  EXPECT_EQ(dropped, "4: in none of the split files; 6: in none of the split files; ");
}

TEST(PrepareMvsa, ConsistentProtocolKeepsEqualLabels) {
  const Scratch scratch;
  write_single_raw(scratch, "raw/");
  prepare_mvsa_single({.raw = scratch / "raw", .protocol = MvsaProtocol::kConsistent}, scratch / "out", {});
  const DataSet data = read_data_set(scratch / "out");
  EXPECT_EQ(data.name, "mvsa-single-consistent-2592");
  ASSERT_EQ(data.posts.size(), 2U);  // 6 has equal labels, but neither text nor picture
  EXPECT_EQ(data.posts[0].id + data.posts[0].label + data.posts[1].id + data.posts[1].label, "2negative4neutral");
  EXPECT_THAT(slurp(scratch / "out/dropped.csv"), HasSubstr("\n1,\"text label neutral, image label positive\"\n"));
  const auto json = nlohmann::json::parse(slurp(scratch / "out/dataset.json"));
  EXPECT_EQ(json["rules"]["protocol"], "consistent-2592");
  EXPECT_EQ(json["rules"]["protocol_posts"], (nlohmann::json{{"here", 3}, {"published", 2592}}));
}

// Rows 0 to 4 of the pairs; the post 6 is not among the raw files, row 3 is in no list.
void write_fair(const Scratch& scratch) {
  write_single_raw(scratch, "raw/");
  scratch.file("fair/valid_pairlist.txt", "2,2,2,2\n1,1,0,1\n5,1,1,0\n4,0,0,0\n6,0,0,0\n");
  scratch.file("fair/splits/train_3.txt", "4\n1\n");
  scratch.file("fair/splits/val_3.txt", "2\n");
  scratch.file("fair/splits/test_3.txt", "0\n");
}

MvsaSingleOptions fair_fold(const Scratch& scratch, int64_t fold) {
  return {.raw = scratch / "raw", .splits = scratch / "fair", .protocol = MvsaProtocol::kFair, .fold = fold};
}

TEST(PrepareMvsa, FairProtocolFollowsThePublishedFold) {
  const Scratch scratch;
  write_fair(scratch);
  prepare_mvsa_single(fair_fold(scratch, 3), scratch / "out", {});
  const DataSet data = read_data_set(scratch / "out");
  EXPECT_EQ(data.name, "mvsa-single-fair-10fold-3");
  std::string posts;
  for (const auto& post : data.posts) posts += post.id + " " + split_name(post.split) + " " + post.label + ", ";
  EXPECT_EQ(posts, "2 test negative, 1 train positive, 5 dev positive, ");
  EXPECT_THAT(slurp(scratch / "out/dropped.csv"),
              ::testing::AllOf(HasSubstr("4,in none of the fold's lists"), HasSubstr("6,neither text nor picture")));
  const auto json = nlohmann::json::parse(slurp(scratch / "out/dataset.json"));
  EXPECT_EQ(json["rules"]["protocol"], "fair-10fold");
  EXPECT_EQ(json["rules"]["protocol_posts"], (nlohmann::json{{"here", 3}, {"published", 4511}}));
  EXPECT_EQ(json["rules"]["split"], (nlohmann::json{{"published", "ten folds"}, {"fold", 3}}));
}

TEST(PrepareMvsa, BrokenFoldsAreNamed) {
  const Scratch scratch;
  const auto fault = [&](const char* name, const char* content) {
    write_fair(scratch);
    scratch.file(std::string("fair/") + name, content);
    return thrown<DataError>([&] { prepare_mvsa_single(fair_fold(scratch, 3), scratch / "out", {}); });
  };
  EXPECT_THAT(fault("valid_pairlist.txt", "2,2,2\n"), HasSubstr("valid_pairlist.txt, line 1: holds 3 cells, expected ID,label"));
  EXPECT_THAT(fault("valid_pairlist.txt", "2,2,2,2\n1,0,0,1\n"), HasSubstr("line 2: the label is neutral, but the rule makes positive"));
  EXPECT_THAT(fault("valid_pairlist.txt", "2,3,2,2\n"), HasSubstr("the label is \"3\", expected 0 (neutral)"));
  EXPECT_THAT(fault("valid_pairlist.txt", "2,2,2,2\n2,2,2,2\n"), HasSubstr("line 2: id 2 stands in"));
  EXPECT_THAT(fault("valid_pairlist.txt", ""), HasSubstr("holds no row"));
  EXPECT_THAT(fault("splits/test_3.txt", "5\n"), HasSubstr("test_3.txt, line 1: is \"5\", expected a row of valid_pairlist.txt, 0 to 4"));
  EXPECT_THAT(fault("splits/test_3.txt", "0\n0\n"), HasSubstr("line 2: row 0 of valid_pairlist.txt stands there twice"));
  EXPECT_THAT(fault("splits/test_3.txt", "1\n"), HasSubstr("test_3.txt: row 1 (1) is in splits/train_3.txt as well"));
  EXPECT_THAT(thrown<DataError>([&] { prepare_mvsa_single(fair_fold(scratch, 4), scratch / "out", {}); }),
              HasSubstr("train_4.txt: is absent"));
}

TEST(PrepareMvsa, ContradictionsWithAProtocolAreNamed) {
  const Scratch scratch;
  const auto refused = [&](const MvsaSingleOptions& mvsa, const PrepareOptions& options = {}) {
    return thrown<ConfigError>([&] { prepare_mvsa_single(mvsa, scratch / "out", options); });
  };
  EXPECT_THAT(refused(fair_fold(scratch, 11)), HasSubstr("--fold: is 11, expected 1 to 10"));
  EXPECT_THAT(refused({.raw = scratch / "raw", .fold = 2}), HasSubstr("--fold 2"));
  EXPECT_THAT(refused({.raw = scratch / "raw", .protocol = MvsaProtocol::k4511}), HasSubstr("--protocol 4511 is the public split"));
  EXPECT_THAT(refused({.raw = scratch / "raw", .splits = scratch / "fair", .protocol = MvsaProtocol::kConsistent}),
              HasSubstr("leave out --splits"));
  PrepareOptions drawn;
  drawn.split.draw = true;
  EXPECT_THAT(refused(fair_fold(scratch, 3), drawn), HasSubstr("has a split of its own"));
  EXPECT_THAT(thrown<ConfigError>([] { parse_mvsa_protocol("4512"); }), HasSubstr("expected 4511, consistent-2592 or fair-10fold"));
}

TEST(PrepareMvsa, LabelFileMayBeAbsentWithSplitsOnly) {
  const Scratch scratch;
  scratch.file("raw/data/1.txt", "x\n");
  EXPECT_THAT(thrown<DataError>([&] { prepare_mvsa_single({.raw = scratch / "raw"}, scratch / "out", {}); }),
              HasSubstr("labelResultAll.txt: is absent"));
  scratch.file("splits/test.json", R"([{"id": "1", "text": "x", "emotion_label": 1}])");
  EXPECT_THAT(thrown<DataError>([&] { prepare_mvsa_single({.raw = scratch / "raw", .splits = scratch / "splits"}, scratch / "out", {}); }),
              ::testing::AllOf(HasSubstr("1 pictures are named, and not one"), HasSubstr((scratch / "raw/data/1.jpg").string())));
  PrepareOptions texts;
  texts.bad_pictures = BadPictures::kMissing;
  prepare_mvsa_single({.raw = scratch / "raw", .splits = scratch / "splits"}, scratch / "out", texts);
  EXPECT_EQ(read_data_set(scratch / "out").posts.at(0).split, Split::kTest);
  EXPECT_EQ(nlohmann::json::parse(slurp(scratch / "out/dataset.json"))["rules"]["label_source"], "split files");
}

TEST(PrepareMvsa, FaultsLeaveNothingBehind) {
  const Scratch scratch;
  write_single_raw(scratch, "raw/");
  PrepareOptions strict;
  strict.text_decode = TextDecode::kUtf8;
  const auto message = thrown<DataError>([&] { prepare_mvsa_single({.raw = scratch / "raw"}, scratch / "made/out", strict); });
  EXPECT_THAT(message, HasSubstr("1.txt: byte 7 (0xA1) is not UTF-8"));
  const std::atomic<int> stop{SIGINT};
  PrepareOptions stopped;
  stopped.stop = &stop;
  try {
    prepare_mvsa_single({.raw = scratch / "raw"}, scratch / "made/out", stopped);
    ADD_FAILURE() << "not stopped";
  } catch (const Interrupted& error) {
    EXPECT_EQ(error.exit_code(), 130);
  }
  EXPECT_TRUE(fs::is_empty(scratch / "made"));
  EXPECT_THAT(thrown<DataError>([&] { prepare_mvsa_single({.raw = scratch / "none"}, scratch / "out", {}); }), HasSubstr("no such folder"));
  fs::create_directories(scratch / "hollow");
  EXPECT_THAT(thrown<DataError>([&] { prepare_mvsa_single({.raw = scratch / "hollow"}, scratch / "out", {}); }),
              HasSubstr("holds no folder data/"));
}

TEST(PrepareTarget, OverwritesOnlyADataSetAndOnlyWhenAsked) {
  const Scratch scratch;
  write_single_raw(scratch, "raw/");
  const auto prepare = [&](const char* out, bool overwrite) {
    PrepareOptions options;
    options.overwrite = overwrite;
    prepare_mvsa_single({.raw = scratch / "raw"}, scratch / out, options);
  };
  prepare("out", false);
  scratch.file("out/old", "");
  EXPECT_THAT(thrown<DataError>([&] { prepare("out", false); }), HasSubstr("--overwrite"));
  EXPECT_TRUE(fs::exists(scratch / "out/old"));
  prepare("out", true);
  EXPECT_FALSE(fs::exists(scratch / "out/old"));
  EXPECT_EQ(read_data_set(scratch / "out").posts.size(), 4U);
  scratch.file("letters/mine.txt", "precious");
  EXPECT_THAT(thrown<DataError>([&] { prepare("letters", true); }), HasSubstr("is not replaced"));
  EXPECT_EQ(slurp(scratch / "letters/mine.txt"), "precious");
  scratch.file("file", "");
  EXPECT_THAT(thrown<DataError>([&] { prepare("file", true); }), HasSubstr("is not a folder"));
  fs::create_directories(scratch / "hollow");
  prepare("hollow", false);
  EXPECT_EQ(read_data_set(scratch / "hollow").posts.size(), 4U);
  for (const auto& entry : fs::directory_iterator(scratch.path())) {
    EXPECT_THAT(entry.path().filename().string(), ::testing::AnyOf("raw", "out", "letters", "file", "hollow"));
  }
}

TEST(PrepareTarget, PicturesByLinkCopyAndSymlink) {
  const Scratch scratch;
  const auto source = scratch.file("raw/a.jpg", "bytes");
  fs::create_symlink(source, scratch / "raw/b.jpg");
  DataSetTarget target(scratch / "out", false);
  const fs::path linked = target.add_picture(source, "1.jpg", PictureTransfer::kHardLink);
  EXPECT_TRUE(fs::exists(linked));
  EXPECT_EQ(fs::hard_link_count(source), 2U);
  target.add_picture(source, "2.jpg", PictureTransfer::kCopy);
  EXPECT_EQ(fs::hard_link_count(source), 2U);
  EXPECT_TRUE(fs::is_symlink(target.add_picture(source, "3.jpg", PictureTransfer::kSymlink)));
  EXPECT_FALSE(fs::is_symlink(target.add_picture(scratch / "raw/b.jpg", "4.jpg", PictureTransfer::kHardLink)));
  EXPECT_TRUE(target.add_picture(scratch / "raw/none.jpg", "5.jpg", PictureTransfer::kHardLink).empty());
  EXPECT_TRUE(target.add_picture(scratch / "raw", "6.jpg", PictureTransfer::kHardLink).empty());
  target.keep();
  for (const char* name : {"1.jpg", "2.jpg", "3.jpg", "4.jpg"}) EXPECT_EQ(slurp(scratch / "out/images" / name), "bytes") << name;
  EXPECT_FALSE(fs::exists(scratch / "out/images/5.jpg"));
}

TEST(PrepareTable, CsvWithSplits) {
  const Scratch scratch;
  scratch.file("pictures/one.JPG", "picture 1");
  const auto table = scratch.file(
      "mine.csv",
      "id,text,image,label,split\n1,good,one.JPG,up,train\n2,bad,two.jpg,down,dev\n3,,,up,train\n4,odd,,,dev\n5,fine,,up,test\n");
  TableOptions options;
  options.images = scratch / "pictures";
  const auto report = prepare_table(table, scratch / "out", options);
  EXPECT_THAT(report.counts, ::testing::ElementsAre(::testing::Pair("rows in the table", 5), ::testing::Pair("with a label", 4),
                                                    ::testing::Pair("posts with a text or a picture", 3)));
  ASSERT_EQ(report.dropped.size(), 2U);
  EXPECT_EQ(report.dropped[0].id + report.dropped[0].reason, "4no label");
  EXPECT_EQ(report.dropped[1].id + report.dropped[1].reason, "3neither text nor picture");
  const DataSet data = read_data_set(scratch / "out");
  EXPECT_EQ(data.labels, (std::vector<std::string>{"down", "up"}));
  ASSERT_EQ(data.posts.size(), 3U);
  EXPECT_EQ(data.posts[0].image, scratch / "out/images/1.jpg");
  EXPECT_TRUE(data.posts[1].image.empty());
  EXPECT_EQ(data.posts[2].split, Split::kTest);
  options.labels = {"up", "down"};
  prepare_table(table, scratch / "ordered", options);
  EXPECT_EQ(read_data_set(scratch / "ordered").posts[0].label_id, 0);
}

TEST(PrepareTable, Faults) {
  const Scratch scratch;
  const auto message = [&](const std::string& bytes, std::vector<std::string> labels = {}) {
    const auto table = scratch.file("t.csv", bytes);
    TableOptions options;
    options.labels = std::move(labels);
    return thrown<DataError>([&] { prepare_table(table, scratch / "out", options); });
  };
  EXPECT_THAT(message("id,text\n1,up\n"), HasSubstr("header: column \"label\" is missing"));
  EXPECT_THAT(message("id,label\n1,up\n"), HasSubstr("neither a column \"text\" nor"));
  EXPECT_THAT(message("id,text,label\n1,x,up\n1,y,up\n"),
              HasSubstr("t.csv, line 3 (post 2): field \"id\" \"1\" is already in line 2 (post 1)"));
  EXPECT_THAT(message("id,text,label\n../1,x,up\n"), HasSubstr("line 2 (post 1): field \"id\""));
  EXPECT_THAT(message("id,text,label,split\n1,x,up,train\n2,x,up,\n"),
              HasSubstr("line 2 (post 1) has a split but line 3 (post 2) has none"));
  EXPECT_THAT(message("id,text,label,split\n1,x,up,exam\n"), HasSubstr("line 2 (post 1): field \"split\" is \"exam\""));
  EXPECT_THAT(message("id,text,label\n1,x,Up\n", {"up", "down"}),
              HasSubstr("line 2 (post 1): field \"label\" is \"Up\", expected one of up, down"));
  EXPECT_THAT(message("id,text,label\n1,x,\n"), HasSubstr("no post is left: no label"));
  EXPECT_THAT(message("id,text,label\n"), HasSubstr("no post is left"));
  EXPECT_FALSE(fs::exists(scratch / "out"));
  const auto table = scratch.file("t.csv", "id,text,label\n1,x,up\n");
  EXPECT_THAT(thrown<ConfigError>([&] { prepare_table(table, scratch / "out", {.common = {}, .images = {}, .labels = {"up", "up"}}); }),
              HasSubstr("distinct"));
}

TEST(Split, IsStratifiedDrawnAndRepeatable) {
  DataSet data{.name = "", .folder = "", .labels = {"many", "few", "two"}, .posts = {}, .sha256 = ""};
  for (int64_t i = 0; i < 112; ++i)
    data.posts.push_back({.id = std::to_string(i), .text = "", .image = "", .label = "", .label_id = i < 105 ? 0 : i < 110 ? 1 : 2});
  const auto draw = [&](uint64_t seed) {
    draw_stratified_split(data, seed);
    std::string splits;
    for (const auto& post : data.posts) splits += std::to_string(static_cast<int>(post.split));
    return splits;
  };
  const auto count = [&](int64_t label, Split split) {
    return std::count_if(data.posts.begin(), data.posts.end(),
                         [&](const Post& post) { return post.label_id == label && post.split == split; });
  };
  draw(1);
  EXPECT_EQ(count(0, Split::kTrain), 85);
  EXPECT_EQ(count(0, Split::kDev), 10);
  EXPECT_EQ(count(0, Split::kTest), 10);
  EXPECT_EQ(count(1, Split::kTrain), 3);
  EXPECT_EQ(count(1, Split::kDev), 1);
  EXPECT_EQ(count(1, Split::kTest), 1);
  EXPECT_EQ(count(2, Split::kTrain), 2);
  EXPECT_EQ(draw(1), draw(1));
  EXPECT_NE(draw(1), draw(2));
}

}  // namespace
}  // namespace infig
