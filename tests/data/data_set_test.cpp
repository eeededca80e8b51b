#include "data/data_set.h"

#include <nlohmann/json.hpp>

#include "core/files.h"
#include "core/log.h"
#include "scratch.h"

namespace infig {
namespace {

using test::Scratch;
using test::slurp;
using test::thrown;
using ::testing::HasSubstr;

constexpr const char* kLabels = R"({"name": "tiny", "labels": ["positive", "neutral", "negative"]})";
const std::string kGood =
    "{\"id\": \"a\", \"text\": \"hello\", \"image\": \"images/a.jpg\", \"label\": \"negative\", \"split\": \"train\"}\n";

std::string error_of(const std::string& posts, const std::string& description = kLabels) {
  const Scratch scratch;
  scratch.file("posts.jsonl", posts);
  scratch.file("dataset.json", description);
  return thrown<DataError>([&] { read_data_set(scratch.path()); });
}

TEST(DataSet, ReadsAFolder) {
  const Scratch scratch;
  scratch.file("posts.jsonl", kGood + "{\"id\": \"b\", \"image\": \"/else/b.png\", \"label\": \"positive\", \"split\": \"valid\"}\n");
  scratch.file("dataset.json", kLabels);
  const DataSet data = read_data_set(scratch.path());
  EXPECT_EQ(data.name, "tiny");
  EXPECT_EQ(data.folder, scratch.path());
  EXPECT_EQ(data.labels, (std::vector<std::string>{"positive", "neutral", "negative"}));
  ASSERT_EQ(data.posts.size(), 2U);
  EXPECT_EQ(data.posts[0].id, "a");
  EXPECT_EQ(data.posts[0].text, "hello");
  EXPECT_EQ(data.posts[0].image, scratch / "images/a.jpg");
  EXPECT_EQ(data.posts[0].label, "negative");
  EXPECT_EQ(data.posts[0].label_id, 2);
  EXPECT_EQ(data.posts[0].split, Split::kTrain);
  EXPECT_EQ(data.posts[1].text, "");
  EXPECT_EQ(data.posts[1].image, "/else/b.png");
  EXPECT_EQ(data.posts[1].split, Split::kDev);
  EXPECT_EQ(data.rows_of(Split::kDev), std::vector<int64_t>{1});
  EXPECT_TRUE(data.rows_of(Split::kTest).empty());
}

TEST(DataSet, ErrorsNameFileRowAndField) {
  EXPECT_THAT(error_of(kGood + "{\"id\": "), HasSubstr("posts.jsonl, line 2: no valid JSON"));
  EXPECT_THAT(error_of("{\"id\": \"a\", \"text\": \"\xC3\", \"label\": \"neutral\", \"split\": \"train\"}\n"),
              HasSubstr("line 1: the line is not UTF-8"));
  EXPECT_THAT(error_of("{\"id\": \"a\", \"text\": \"x\", \"label\": \"happy\", \"split\": \"train\"}\n"),
              HasSubstr("line 1: field \"label\" is \"happy\", expected one of positive, neutral, negative"));
  EXPECT_THAT(error_of("{\"id\": \"a\", \"text\": \"x\", \"split\": \"train\"}\n"), HasSubstr("line 1: field \"label\" is missing"));
  EXPECT_THAT(error_of(kGood + kGood), HasSubstr("line 2: field \"id\" \"a\" is already in line 1"));
  EXPECT_THAT(error_of("{\"text\": \"x\", \"label\": \"neutral\", \"split\": \"train\"}\n"), HasSubstr("line 1: field \"id\" is missing"));
  EXPECT_THAT(error_of("{\"id\": \"a\", \"label\": \"neutral\"}\n"), HasSubstr("line 1: field \"split\" is missing"));
  EXPECT_THAT(error_of("{\"id\": \"a\", \"label\": \"neutral\", \"split\": \"exam\"}\n"),
              HasSubstr("line 1: field \"split\" is \"exam\", expected train, dev"));
  EXPECT_THAT(error_of(""), HasSubstr("holds no posts"));
  EXPECT_THAT(error_of(kGood, "{\"labels\": [\"a\", \"a\"]}"), HasSubstr("expected distinct label names"));
  EXPECT_THAT(error_of(kGood, "{\"labels\": []}"), HasSubstr("expected distinct label names"));
  EXPECT_THAT(error_of(kGood, "{\"name\": \"x\"}"), HasSubstr("dataset.json: cannot be understood"));
  EXPECT_THAT(error_of(kGood, "{"), HasSubstr("dataset.json: cannot be understood"));
}

TEST(DataSet, IdsMustBePlainFileNames) {
  for (const char* id : {"", ".", "..", "../x", "/etc/x", "a/b", "a\\\\b", "a\\u0000b", "a\\nb"}) {
    EXPECT_THAT(error_of(std::string("{\"id\": \"") + id + "\", \"label\": \"neutral\", \"split\": \"train\"}\n"),
                HasSubstr("line 1: field \"id\""))
        << id;
  }
  EXPECT_THAT(id_fault(std::string(201, 'x')), HasSubstr("201 bytes"));
  EXPECT_THAT(id_fault("\xFF"), HasSubstr("not UTF-8"));
  for (const char* id : {"1", "pc-0001", "a.b", "..a", "caf\xC3\xA9", "two words"}) EXPECT_EQ(id_fault(id), "") << id;
}

TEST(DataSet, MissingFilesAreNamed) {
  const Scratch scratch;
  EXPECT_THAT(thrown<DataError>([&] { read_data_set(scratch / "none"); }), HasSubstr("none: no such data set"));
  EXPECT_THAT(thrown<DataError>([&] { read_data_set(scratch.path()); }), HasSubstr("dataset.json: is absent"));
  scratch.file("dataset.json", kLabels);
  EXPECT_THAT(thrown<DataError>([&] { read_data_set(scratch.path()); }), HasSubstr("posts.jsonl: is absent"));
}

TEST(DataSet, AChangedPostsFileIsReadWithAWarning) {
  const Scratch scratch;
  scratch.file("posts.jsonl", kGood);
  scratch.file("dataset.json", R"({"labels": ["negative"], "sha256": ")" + sha256_hex(kGood) + "\"}");
  std::vector<std::string> heard;
  const LogScope log([&](LogLevel, const std::string& message) { heard.push_back(message); });
  read_data_set(scratch.path());
  EXPECT_TRUE(heard.empty());
  scratch.file("posts.jsonl", kGood + "\n");
  EXPECT_EQ(read_data_set(scratch.path()).posts.size(), 1U);
  EXPECT_THAT(heard, testing::ElementsAre(HasSubstr("was changed after dataset.json was written")));
}

TEST(DataSet, ReadsATableWithLabelsInAlphabeticalOrder) {
  const Scratch scratch;
  const auto path = scratch.file("mine.csv", "id,text,image,label,split\n1,x,p/1.jpg,sad,train\n2,y,,calm,test\n3,z,,sad,dev\n");
  const DataSet data = read_data_set(path);
  EXPECT_EQ(data.name, "mine");
  EXPECT_EQ(data.labels, (std::vector<std::string>{"calm", "sad"}));
  ASSERT_EQ(data.posts.size(), 3U);
  EXPECT_EQ(data.posts[0].label_id, 1);
  EXPECT_EQ(data.posts[1].label_id, 0);
  EXPECT_EQ(data.posts[0].image, scratch / "p/1.jpg");
  EXPECT_EQ(data.sha256, sha256_file(path));
  const auto without_split = scratch.file("b.csv", "id,text,label\n1,x,sad\n");
  EXPECT_THAT(thrown<DataError>([&] { read_data_set(without_split); }), HasSubstr("header: column \"split\" is missing"));
}

TEST(DataSet, ReadsPostsToPredictInOrder) {
  const Scratch scratch;
  const auto posts = read_posts(scratch.file("in.jsonl",
                                             "{\"text\": \"x\"}\n{\"id\": \"https://x/1\", \"image\": \"b.jpg\", \"label\": \"sad\"}\n"
                                             "{\"id\": \"\"}\n"));
  ASSERT_EQ(posts.size(), 3U);
  EXPECT_EQ(posts[0].id, "1");
  EXPECT_EQ(posts[0].text, "x");
  EXPECT_TRUE(posts[0].image.empty());
  EXPECT_EQ(posts[1].id, "https://x/1");
  EXPECT_EQ(posts[1].image, scratch / "b.jpg");
  EXPECT_EQ(posts[1].label, "sad");
  EXPECT_EQ(posts[1].label_id, -1);
  EXPECT_EQ(posts[2].id, "3");
  const auto no_content = scratch.file("in.csv", "id,label\n1,sad\n");
  EXPECT_THAT(thrown<DataError>([&] { read_posts(no_content); }), HasSubstr("neither a column \"text\" nor a column \"image\""));
  EXPECT_THAT(thrown<DataError>([&] { read_posts(scratch / "none.csv"); }), HasSubstr("no such file"));
}

DataSet small_set(const Scratch& scratch) {
  DataSet data{.name = "small", .folder = scratch.path(), .labels = {"b", "a"}, .posts = {}, .sha256 = ""};
  data.posts.push_back({.id = "1",
                        .text = "say \"hi\"\n\xF0\x9F\x98\x80",
                        .image = scratch / "out/images/1.jpg",
                        .label = "a",
                        .label_id = 1,
                        .split = Split::kTrain});
  data.posts.push_back({.id = "2", .text = "", .image = "/elsewhere/2.jpg", .label = "b", .label_id = 0, .split = Split::kDev});
  data.posts.push_back({.id = "3", .text = "t", .image = "", .label = "", .label_id = 0, .split = Split::kDev});
  return data;
}

TEST(DataSet, WritesWhatItReads) {
  const Scratch scratch;
  const DataSet data = small_set(scratch);
  write_data_set(data, {{"seed", 3}}, scratch / "out");
  EXPECT_EQ(slurp(scratch / "out/posts.jsonl"),
            "{\"id\":\"1\",\"text\":\"say \\\"hi\\\"\\n\xF0\x9F\x98\x80\",\"image\":\"images/1.jpg\",\"label\":\"a\",\"split\":\"train\"}\n"
            "{\"id\":\"2\",\"image\":\"/elsewhere/2.jpg\",\"label\":\"b\",\"split\":\"dev\"}\n"
            "{\"id\":\"3\",\"text\":\"t\",\"label\":\"b\",\"split\":\"dev\"}\n");
  const auto description = nlohmann::json::parse(slurp(scratch / "out/dataset.json"));
  EXPECT_EQ(description["rules"]["seed"], 3);
  EXPECT_EQ(description["sha256"], sha256_file(scratch / "out/posts.jsonl"));
  EXPECT_EQ(description["counts"],
            nlohmann::json::parse(R"({"train": {"posts": 1, "with_text": 1, "with_image": 1, "labels": {"a": 1, "b": 0}},
                                                            "dev": {"posts": 2, "with_text": 1, "with_image": 1, "labels": {"a": 0, "b": 2}}})"));
  const DataSet back = read_data_set(scratch / "out");
  ASSERT_EQ(back.posts.size(), 3U);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(back.posts[i].id, data.posts[i].id);
    EXPECT_EQ(back.posts[i].text, data.posts[i].text);
    EXPECT_EQ(back.posts[i].image, data.posts[i].image);
    EXPECT_EQ(back.posts[i].label_id, data.posts[i].label_id);
    EXPECT_EQ(back.posts[i].split, data.posts[i].split);
  }
  EXPECT_EQ(back.posts[2].label, "b");
}

TEST(DataSet, RefusesToWriteWhatCannotBeRead) {
  const Scratch scratch;
  const auto message = [&](const auto& spoil) {
    DataSet data = small_set(scratch);
    spoil(data);
    return thrown<DataError>([&] { write_data_set(data, {}, scratch / "bad"); });
  };
  EXPECT_THAT(message([](DataSet& data) { data.posts[1].id = "1"; }), HasSubstr("occurs twice"));
  EXPECT_THAT(message([](DataSet& data) { data.posts[1].id = "../x"; }), HasSubstr("path"));
  EXPECT_THAT(message([](DataSet& data) { data.posts[1].label_id = 2; }), HasSubstr("has number 2, expected 0 to 1"));
  EXPECT_THAT(message([](DataSet& data) { data.posts[0].label = "b"; }), HasSubstr("its number 1 means \"a\""));
  EXPECT_THAT(message([](DataSet& data) { data.posts[0].text = "\xFF"; }), HasSubstr("field \"text\" is not UTF-8"));
}

}  // namespace
}  // namespace infig
