// Tables, archives of them, and WebDataset shards.
#include <nlohmann/json.hpp>

#include "archives.h"
#include "data/data_set.h"
#include "data/scratch.h"
#include "prepare/id_index.h"
#include "prepare/prepare.h"
#include "prepare/row_spool.h"
#include "reference/ustar.h"

namespace infig {
namespace {

namespace fs = std::filesystem;
using test::ArchiveKind;
using test::Scratch;
using test::slurp;
using test::thrown;
using test::write_archive;
using ::testing::HasSubstr;

TEST(IdIndex, FindsTheFirstRepeat) {
  IdIndex none;
  for (int64_t i = 0; i < 1000; ++i) none.add(std::to_string(i), i);
  EXPECT_FALSE(none.first_repeat().has_value());
  IdIndex some;
  int64_t row = 10;
  for (const char* id : {"a", "b", "c", "", "c", "a", "b", "c"}) some.add(id, row++);
  const auto repeat = some.first_repeat();
  ASSERT_TRUE(repeat.has_value());
  EXPECT_EQ(repeat->first, 12);
  EXPECT_EQ(repeat->again, 14);
}

TEST(RowSpool, GivesRowsBackInAnyOrder) {
  const Scratch scratch;
  RowSpool spool(scratch / "spool");
  for (int i = 0; i < 3000; ++i)
    spool.add({.id = std::to_string(i), .text = std::string(static_cast<size_t>(i) % 500, 'x') + '\0' + "y", .image = ""});
  spool.add({.id = "last", .text = "", .image = std::string(400'000, 'p')});
  spool.finish();
  EXPECT_TRUE(fs::is_empty(scratch / "spool"));  // nothing that could stay behind
  EXPECT_EQ(spool.size(), 3001);
  EXPECT_EQ(spool.read(3000).image.size(), 400'000U);
  EXPECT_EQ(spool.read(0).id, "0");
  EXPECT_EQ(spool.read(1777).text, std::string(277, 'x') + '\0' + "y");
  EXPECT_EQ(spool.read(1777).id, "1777");
}

constexpr const char* kTable =
    "id,text,image,label,split\n1,good,p/one.JPG,up,train\n2,\"bad, really\",p/two.jpg,down,dev\n3,odd,,up,test\n";

TEST(PrepareTable, AnArchiveGivesTheSameDataSetAsTheFolder) {
  const Scratch scratch;
  const auto table = scratch.file("raw/mine.csv", kTable);
  scratch.file("raw/p/one.JPG", "picture 1");
  scratch.file("raw/p/two.jpg", "picture 2");
  prepare_table(table, scratch / "folder", {});
  for (const ArchiveKind kind : {ArchiveKind::kZip, ArchiveKind::kTar, ArchiveKind::kTarGz}) {
    const auto archive = write_archive(scratch / "mine", kind,
                                       {{"top/mine.csv", kTable},
                                        {"top/p/one.JPG", "picture 1"},
                                        {"top/p/two.jpg", "picture 2"},
                                        {"top/readme.md", "not read"},
                                        {"__MACOSX/top/._mine.csv", "nor this"},
                                        {"../evil.jpg", "x"}});
    const auto report = prepare_table(archive, scratch / "out", {});
    EXPECT_EQ(report.counts.back().second, 3);
    for (const char* file : {"posts.jsonl", "dropped.csv", "notes.csv", "images/1.jpg", "images/2.jpg"})
      EXPECT_EQ(slurp(scratch / "out" / file), slurp(scratch / "folder" / file)) << file;
    const auto description = nlohmann::json::parse(slurp(scratch / "out/dataset.json"));
    EXPECT_EQ(description["archive"]["files"], 3);
    EXPECT_EQ(description["archive"]["skipped"][0]["member"], "../evil.jpg");
    EXPECT_EQ(description["inputs"][0]["file"], "mine.csv");
    EXPECT_FALSE(fs::exists(scratch / "out.unfinished"));
    EXPECT_FALSE(fs::exists(scratch / "evil.jpg"));
    fs::remove_all(scratch / "out");
  }
  PrepareOptions linked;
  linked.pictures = PictureTransfer::kSymlink;
  EXPECT_THAT(thrown<ConfigError>([&] { prepare_table(scratch / "mine", scratch / "out", {.common = linked}); }), HasSubstr("link-images"));
}

TEST(PrepareTable, AnArchiveHoldsOneTable) {
  const Scratch scratch;
  const auto message = [&](const std::vector<test::Member>& members) {
    const auto archive = write_archive(scratch / "a.zip", ArchiveKind::kZip, members);
    const auto what = thrown<DataError>([&] { prepare_table(archive, scratch / "out", {}); });
    EXPECT_FALSE(fs::exists(scratch / "out.unfinished"));
    return what;
  };
  EXPECT_THAT(message({{"a.csv", kTable}, {"b/c.jsonl", "{}"}}), HasSubstr("several tables (a.csv, b/c.jsonl)"));
  EXPECT_THAT(message({{"1.jpg", "x"}}), HasSubstr("no table"));
  EXPECT_THAT(message({{"readme.md", "x"}}), HasSubstr("holds no file that infig prepare table reads"));
  EXPECT_THAT(message({{"a.csv", kTable}, {"x.jpg", std::string(80 << 20, '\0')}}), HasSubstr("x.jpg"));
}

TEST(PrepareTable, AnAbsentFolderOfPicturesIsAnErrorUnlessTextsAreMeant) {
  const Scratch scratch;
  const auto table = scratch.file("mine.csv", kTable);
  for (const auto policy : {std::optional<BadPictures>(), std::optional(BadPictures::kSkip), std::optional(BadPictures::kError)}) {
    TableOptions options{.images = scratch / "none"};
    options.common.bad_pictures = policy;
    EXPECT_THAT(thrown<DataError>([&] { prepare_table(table, scratch / "out", options); }),
                ::testing::AllOf(HasSubstr("none is absent"), HasSubstr("--bad-image missing")));
    EXPECT_FALSE(fs::exists(scratch / "out") || fs::exists(scratch / "out.unfinished"));
  }
  TableOptions options{.images = scratch / "none"};
  options.common.bad_pictures = BadPictures::kMissing;
  const auto report = prepare_table(table, scratch / "out", options);
  EXPECT_EQ(report.notes_count, 0);
  EXPECT_EQ(report.pictures_named, 2);
  EXPECT_EQ(report.pictures_there, 0);
  EXPECT_EQ(report.counts.back().second, 3);
  const auto description = nlohmann::json::parse(slurp(scratch / "out/dataset.json"));
  EXPECT_THAT(description["rules"]["pictures_absent"].get<std::string>(), HasSubstr("none is absent"));
  EXPECT_EQ(description["counts"]["train"]["with_image"], 0);
}

TEST(PrepareTable, NoTwoPicturesShareAName) {
  const Scratch scratch;
  scratch.file("a", "first");
  scratch.file("b.jpg", "second");
  scratch.file("c.strange-one", "third");
  const auto table = scratch.file("t.csv", "id,image,label\nx.jpg,a,up\nx,b.jpg,up\ny,c.strange-one,up\n");
  prepare_table(table, scratch / "out", {});
  EXPECT_EQ(slurp(scratch / "out/images/x.jpg.img"), "first");
  EXPECT_EQ(slurp(scratch / "out/images/x.jpg"), "second");
  EXPECT_EQ(slurp(scratch / "out/images/y.img"), "third");
}

const std::string kJpeg = "\xFF\xD8\xFF picture of one";

void write_shards(const Scratch& scratch) {
  scratch.file(
      "shards/train-000.tar",
      reference::ustar({{"one.jpg", kJpeg}, {"one.txt", "text one"}, {"one.cls", "10"}, {"two.txt", "text two"}, {"two.cls", "2"}}));
  scratch.file("shards/dev-000.tar", reference::ustar({{"k/three.json", R"({"id": "3", "text": "text three", "label": "2"})"},
                                                       {"k/three.png", "no real picture"}}));
}

TEST(PrepareWebDataset, ShardsBecomeAFolder) {
  const Scratch scratch;
  write_shards(scratch);
  prepare_webdataset(scratch / "shards", scratch / "out", {});
  const DataSet data = read_data_set(scratch / "out");
  EXPECT_EQ(data.name, "shards");
  EXPECT_EQ(data.labels, (std::vector<std::string>{"2", "10"}));  // by their value
  std::string all;
  for (const auto& post : data.posts) all += post.id + "|" + post.text + "|" + post.label + "|" + split_name(post.split) + "\n";
  EXPECT_EQ(all, "3|text three|2|dev\none|text one|10|train\ntwo|text two|2|train\n");
  EXPECT_EQ(slurp(scratch / "out/images/one.jpg"), kJpeg);
  EXPECT_EQ(slurp(scratch / "out/images/3.img"), "no real picture");  // what a file is decides, not its name
  // Names for the numbers; and posts that point into the shards.
  TableOptions named;
  named.labels = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"};
  named.common.pictures = PictureTransfer::kSymlink;
  prepare_webdataset(scratch / "shards", scratch / "named", named);
  const DataSet linked = read_data_set(scratch / "named");
  EXPECT_EQ(linked.posts[1].label, "k");
  EXPECT_EQ(linked.posts[2].label, "c");
  EXPECT_EQ(linked.posts[1].image, FileSpan(scratch / "shards/train-000.tar", 512, static_cast<int64_t>(kJpeg.size())));
  EXPECT_EQ(read_span(linked.posts[1].image), kJpeg);
}

TEST(PrepareWebDataset, Refusals) {
  const Scratch scratch;
  write_shards(scratch);
  TableOptions options;
  options.labels = {"a", "b"};
  EXPECT_THAT(thrown<DataError>([&] { prepare_webdataset(scratch / "shards", scratch / "out", options); }),
              HasSubstr("field \"label\" is \"2\", expected one of a, b"));
  fs::create_directories(scratch / "none");
  EXPECT_THAT(thrown<DataError>([&] { prepare_webdataset(scratch / "none", scratch / "out", {}); }), HasSubstr("holds no .tar"));
  const auto zipped = write_archive(scratch / "train.tar.gz", ArchiveKind::kTarGz, {{"1.txt", "x"}});
  EXPECT_THAT(thrown<DataError>([&] { prepare_webdataset(zipped, scratch / "out", {}); }), HasSubstr("gzip -d"));
  scratch.file("shards/train-001.tar", reference::ustar({{"one.txt", "again"}, {"one.cls", "2"}}));
  EXPECT_THAT(thrown<DataError>([&] { prepare_webdataset(scratch / "shards", scratch / "out", {}); }),
              HasSubstr("train-001.tar, row 1: field \"id\" \"one\" is already in"));
}

}  // namespace
}  // namespace infig
