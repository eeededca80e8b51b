// Posts out of tars: where their pictures lie, how members become fields, and what is refused. The tars of ustar form are laid out here
// byte by byte; pax and GNU ones are libarchive's.
#include <archive.h>
#include <archive_entry.h>

#include <nlohmann/json.hpp>

#include "data/data_set.h"
#include "data/rows.h"
#include "reference/ustar.h"
#include "scratch.h"

namespace infig {
namespace {

using reference::Members;
using reference::ustar;
using test::Scratch;
using test::thrown;
using ::testing::HasSubstr;

std::string written_by_libarchive(int format, const Members& members) {
  std::string tar(1 << 20, '\0');
  size_t used = 0;
  archive* out = archive_write_new();
  archive_write_set_format(out, format);
  archive_write_set_options(out, "hdrcharset=BINARY");
  archive_write_set_bytes_per_block(out, 0);
  archive_write_open_memory(out, tar.data(), tar.size(), &used);
  for (const auto& [name, bytes] : members) {
    archive_entry* entry = archive_entry_new();
    archive_entry_copy_pathname(entry, name.c_str());
    archive_entry_set_size(entry, static_cast<la_int64_t>(bytes.size()));
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    EXPECT_EQ(archive_write_header(out, entry), ARCHIVE_OK) << archive_error_string(out);
    archive_write_data(out, bytes.data(), bytes.size());
    archive_entry_free(entry);
  }
  archive_write_close(out);
  archive_write_free(out);
  tar.resize(used);
  return tar;
}

struct TarRead {
  std::vector<PostRow> rows;
  std::vector<std::string> faults;
};
TarRead tar_rows_of(const std::filesystem::path& path) {
  TarRead read;
  for_each_row(
      path, [&](PostRow&& row) { read.rows.push_back(std::move(row)); }, [&](const std::string& fault) { read.faults.push_back(fault); });
  return read;
}

TEST(TarRows, MembersBecomeFieldsAndPicturesSpans) {
  const Scratch scratch;
  const std::string long_picture(1300, 'j');
  const auto tar =
      scratch.file("train-0.tar", ustar({{"a.jpg", long_picture},     // header 0, bytes 512 .. 1812, filled to 2048
                                         {"a.txt", "hello\nthere "},  // header 2048, bytes 2560, filled to 3072
                                         {"a.cls", " positive\n"},    // 3072, 3584, 4096
                                         {"b.cls", "2"},              // 4096, 4608, 5120
                                         {"b.PNG", "png!"},           // 5120, 5632
                                         {"c.json", R"({"id": "c.1", "text": "from json", "label": 1, "split": "test", "more": [1]})"},
                                         {"d.txt", ""}}));
  const auto [rows, faults] = tar_rows_of(tar);
  EXPECT_TRUE(faults.empty());
  ASSERT_EQ(rows.size(), 4U);
  EXPECT_EQ(rows[0].id, "a");
  EXPECT_EQ(rows[0].text, "hello\nthere ");  // as it is
  EXPECT_EQ(rows[0].label, "positive");
  EXPECT_EQ(rows[0].split, "train");
  EXPECT_EQ(rows[0].image, "train-0.tar#512+1300");
  EXPECT_EQ(rows[0].at.number, 1);
  EXPECT_EQ(read_span(picture_of(rows[0], tar)), long_picture);
  EXPECT_EQ(rows[1].label, "2");
  EXPECT_EQ(rows[1].image, "train-0.tar#5632+4");
  EXPECT_FALSE(rows[1].text.has_value());
  EXPECT_EQ(rows[2].id, "c.1");
  EXPECT_EQ(rows[2].text, "from json");
  EXPECT_EQ(rows[2].label, "1");
  EXPECT_EQ(rows[2].split, "test");
  EXPECT_FALSE(rows[2].image.has_value());
  EXPECT_EQ(rows[3].text, "");
}

TEST(TarRows, OwnMembersGoBeforeTheJson) {
  const Scratch scratch;
  const auto [rows, faults] =
      tar_rows_of(scratch.file("x.tar", ustar({{"a.txt", "own"}, {"a.cls", "b"}, {"a.json", R"({"text": "json", "label": "c"})"}})));
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].text, "own");
  EXPECT_EQ(rows[0].label, "b");
  EXPECT_FALSE(rows[0].split.has_value());  // "x" is no split
}

TEST(TarRows, NamesAreSplitAtTheFirstDotAndOthersAreLeftOut) {
  const Scratch scratch;
  const auto [rows, faults] = tar_rows_of(scratch.file("dev.tar", ustar({{"./set/a.b.jpg", "no picture of a post: its extension is b.jpg"},
                                                                         {"README", "x"},
                                                                         {".hidden.txt", "x"},
                                                                         {"._a.jpg", "x"},
                                                                         {"./set/a.txt", "one"},
                                                                         {"./set/a.mp4", "film"},
                                                                         {"set.v2/a.txt", "two"}})));
  EXPECT_TRUE(faults.empty());
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].id, "set/a");
  EXPECT_EQ(rows[1].id, "set.v2/a");
  EXPECT_EQ(rows[1].split, "dev");
}

struct NotedTar {
  TarRead read;
  std::vector<std::string> notes;
};
NotedTar noted_rows_of(const std::filesystem::path& path, const std::map<std::string, std::string>& members = {}) {
  NotedTar noted;
  TableNotes notes;
  for_each_row(
      path, [&](PostRow&& row) { noted.read.rows.push_back(std::move(row)); },
      [&](const std::string& fault) { noted.read.faults.push_back(fault); }, {.members = members, .notes = &notes});
  noted.notes = notes.lines();
  return noted;
}

// webdataset cuts "shot 2.0.jpg" into the key "shot 2" and the extension "0.jpg".
TEST(TarRows, MembersWhoseExtensionHoldsADotStandInWhereThereIsNoOther) {
  const Scratch scratch;
  const auto [read, notes] = noted_rows_of(scratch.file("x.tar", ustar({{"p0.jpg", "J"},
                                                                        {"p0.txt", "plain"},
                                                                        {"p0.cls", "a"},
                                                                        {"p0.seg.png", "mask"},
                                                                        {"shot 2.0.jpg", "K"},
                                                                        {"shot 2.0.txt", "dotted"},
                                                                        {"shot 2.0.cls", "b"},
                                                                        {"s0.input.jpg", "L"},
                                                                        {"s0.output.cls", "c"},
                                                                        {"index.meta.json", "{}"}})));
  ASSERT_EQ(read.rows.size(), 3U) << ::testing::PrintToString(read.faults);
  EXPECT_EQ(read.rows[0].image, "x.tar#512+1");
  EXPECT_EQ(read.rows[1].id, "shot 2");
  EXPECT_EQ(read.rows[1].text, "dotted");
  EXPECT_EQ(read.rows[1].label, "b");
  EXPECT_TRUE(read.rows[1].image.has_value());
  EXPECT_EQ(read.rows[2].id, "s0");
  EXPECT_EQ(read.rows[2].label, "c");
  EXPECT_THAT(notes, ::testing::UnorderedElementsAre(
                         HasSubstr("image is the member KEY.0.jpg: 1"), HasSubstr("text is the member KEY.0.txt: 1"),
                         HasSubstr("label is the member KEY.0.cls: 1"), HasSubstr("image is the member KEY.input.jpg: 1"),
                         HasSubstr("label is the member KEY.output.cls: 1"),
                         AllOf(HasSubstr("members KEY.seg.png look like image and are not taken"), HasSubstr("--members image=seg.png")),
                         HasSubstr("members KEY.meta.json look like json and are not taken")));
}

TEST(TarRows, MembersThatAreNotReadAreCounted) {
  const Scratch scratch;
  Members members = {{"a.jfif", "J"}, {"a.txt", "one"}, {"b.jfif", "J"}, {"b.txt", "two"}, {"b.caption", "c"}};
  for (int i = 0; i < 9; ++i) members.emplace_back("z." + std::to_string(i), "");
  const auto [read, notes] = noted_rows_of(scratch.file("x.tar", ustar(members)));
  ASSERT_EQ(read.rows.size(), 2U);
  using ::testing::Contains;
  EXPECT_THAT(notes, Contains(AllOf(HasSubstr("members KEY.jfif are not read; --members image=jfif"), HasSubstr(": 2"))));
  EXPECT_THAT(notes, Contains(AllOf(HasSubstr("members KEY.caption are not read"), HasSubstr("text=caption"), HasSubstr(": 1"))));
  EXPECT_THAT(notes, Contains(AllOf(HasSubstr("members of further extensions are not read"), HasSubstr(": 3"))));
  EXPECT_EQ(notes.size(), 9U);
}

TEST(TarRows, TwoMembersThatCouldBeTheSameAreAFault) {
  const Scratch scratch;
  const auto [read, notes] = noted_rows_of(scratch.file(
      "x.tar", ustar({{"shot 2.0.jpg", "K"}, {"shot 2.0.txt", "a"}, {"shot 2.1.jpg", "K"}, {"shot 2.1.txt", "b"}, {"c.txt", "c"}})));
  ASSERT_EQ(read.faults.size(), 1U);
  EXPECT_THAT(read.faults[0], AllOf(HasSubstr("x.tar, row 1: post shot 2: shot 2.0.jpg and shot 2.1.jpg could both be its image"),
                                    HasSubstr("--members image=EXTENSION")));
  ASSERT_EQ(read.rows.size(), 1U);
}

TEST(TarRows, MembersThatAreAskedFor) {
  const Scratch scratch;
  const auto tar =
      scratch.file("x.tar", ustar({{"s0.input.jpg", "J"}, {"s0.jpg", "other"}, {"s0.caption.txt", "text"}, {"s0.output.cls", "1"}}));
  const auto [read, notes] = noted_rows_of(tar, {{"image", "input.jpg"}, {"label", "output.cls"}});
  ASSERT_EQ(read.rows.size(), 1U);
  EXPECT_EQ(read.rows[0].image, "x.tar#512+1");
  EXPECT_EQ(read.rows[0].label, "1");
  EXPECT_FALSE(read.rows[0].text.has_value());
  EXPECT_THAT(notes, ::testing::UnorderedElementsAre(HasSubstr("members KEY.caption.txt look like text"),
                                                     HasSubstr("members KEY.jpg look like image")));
  EXPECT_THAT(thrown<DataError>([&] { noted_rows_of(tar, {{"image", "photo.jpg"}}); }),
              HasSubstr("--members image=photo.jpg: no member has this extension"));
}

TEST(TarRows, TheSplitIsAWordOfTheShardsName) {
  const Scratch scratch;
  const std::string one = ustar({{"a.txt", "x"}}), stated = ustar({{"a.json", R"({"text": "x", "split": "test"})"}});
  EXPECT_EQ(tar_rows_of(scratch.file("mine-val-000000.tar", one)).rows.at(0).split, "dev");
  EXPECT_EQ(tar_rows_of(scratch.file("mine_test_0.tar", one)).rows.at(0).split, "test");
  EXPECT_FALSE(tar_rows_of(scratch.file("latest-0.tar", one)).rows.at(0).split.has_value());
  EXPECT_THAT(tar_rows_of(scratch.file("train-test.tar", one)).faults.at(0), HasSubstr("holds two splits (train or test)"));
  EXPECT_EQ(tar_rows_of(scratch.file("train-test.tar", stated)).rows.at(0).split, "test");
}

TEST(TarRows, PaxAndGnuNamesAndSizes) {
  const Scratch scratch;
  const std::string key = std::string(180, 'k') + "/caf\xC3\xA9-" + std::string(120, 'x');
  const Members members = {{key + ".jpg", std::string(700, 'p')}, {key + ".txt", "long"}, {"short.png", "q"}, {"short.txt", "s"}};
  for (const int format : {ARCHIVE_FORMAT_TAR_PAX_INTERCHANGE, ARCHIVE_FORMAT_TAR_GNUTAR}) {
    const auto tar = scratch.file("test.tar", written_by_libarchive(format, members));
    const auto [rows, faults] = tar_rows_of(tar);
    ASSERT_EQ(rows.size(), 2U) << format << (faults.empty() ? "" : faults[0]);
    EXPECT_EQ(rows[0].id, key) << format;
    EXPECT_EQ(read_span(picture_of(rows[0], tar)), std::string(700, 'p')) << format;
    EXPECT_EQ(rows[0].text, "long");
    EXPECT_EQ(read_span(picture_of(rows[1], tar)), "q");
  }
}

TEST(TarRows, AFaultyPostIsOneRowAndShiftsNobody) {
  const Scratch scratch;
  std::string links = ustar({{"e.jpg", ""}}, '2');
  links.resize(512);
  const std::string before =
      ustar({{"a.txt", "\xFF"}, {"b.jpg", "1"}, {"b.png", "2"}, {"c.json", "{"}, {"d.txt", std::string((1 << 20) + 1, 'x')}});
  const auto path =
      scratch.file("x.tar", before.substr(0, before.size() - 1024) + links + ustar({{"f.txt", "fine"}, {"g.json", R"({"text": 3})"}}));
  const auto [rows, faults] = tar_rows_of(path);
  ASSERT_EQ(faults.size(), 6U);
  EXPECT_THAT(faults[0], HasSubstr("x.tar, row 1: post a: a.txt is not UTF-8"));
  EXPECT_THAT(faults[1], HasSubstr("row 2: b.png is a second picture"));
  EXPECT_THAT(faults[2], HasSubstr("row 3: post c: no valid JSON"));
  EXPECT_THAT(faults[3], HasSubstr("row 4: d.txt has 1048577 bytes"));
  EXPECT_THAT(faults[4], HasSubstr("row 5: e.jpg is a link"));
  EXPECT_THAT(faults[5], HasSubstr("row 7: post g: field \"text\""));
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].at.number, 6);
}

TEST(TarRows, BrokenArchivesAreNamed) {
  const Scratch scratch;
  const std::string whole = ustar({{"a.txt", "one"}, {"b.jpg", std::string(5000, 'b')}, {"b.txt", "two"}});
  const auto message = [&](const std::string& bytes) { return thrown<DataError>([&] { tar_rows_of(scratch.file("x.tar", bytes)); }); };
  EXPECT_THAT(message(whole.substr(0, 3000)), HasSubstr("x.tar: ends after 3000 bytes, inside b.jpg (bytes 1536 to 6536)"));
  EXPECT_THAT(message(whole.substr(0, 7200)), HasSubstr("x.tar"));
  EXPECT_THAT(message(std::string("\x1F\x8B\x08") + std::string(2000, 'z')), HasSubstr("gzip -d"));
  EXPECT_THAT(message("no tar at all, " + std::string(2000, '.')), HasSubstr("x.tar: cannot be read as a tar"));
  EXPECT_THAT(thrown<DataError>([&] { tar_rows_of(scratch / "none.tar"); }), HasSubstr("none.tar: cannot be read"));
}

DataSet with_labels(const Scratch& scratch, const std::filesystem::path& name) {
  scratch.file("dataset.json", R"({"name": "named", "labels": ["sad", "glad"]})");
  return read_data_set(name);
}

TEST(TarDataSet, AFolderOfShards) {
  const Scratch scratch;
  scratch.file("train-001.tar", ustar({{"c.jpg", "C"}, {"c.cls", "0"}, {"d.txt", "d"}, {"d.cls", "glad"}}));
  scratch.file("train-000.tar", ustar({{"x/a.jpg", "AA"}, {"x/a.cls", "glad"}}));
  scratch.file("valid-000.tar", ustar({{"b.txt", "b"}, {"b.cls", "1"}}));
  const DataSet data = with_labels(scratch, scratch.path());
  EXPECT_EQ(data.name, "named");
  EXPECT_EQ(data.labels, (std::vector<std::string>{"sad", "glad"}));
  ASSERT_EQ(data.posts.size(), 4U);
  EXPECT_EQ(data.posts[0].id, "x_a");
  EXPECT_EQ(data.posts[0].image, FileSpan(scratch / "train-000.tar", 512, 2));
  EXPECT_EQ(data.posts[1].id, "c");
  EXPECT_EQ(data.posts[1].label, "sad");
  EXPECT_EQ(data.posts[1].label_id, 0);
  EXPECT_EQ(data.posts[2].label_id, 1);
  EXPECT_EQ(data.posts[3].id, "b");
  EXPECT_EQ(data.posts[3].split, Split::kDev);
  EXPECT_EQ(data.sha256.size(), 64U);
  const DataSet pattern = with_labels(scratch, scratch / "train-{000..001}.tar");
  EXPECT_EQ(pattern.posts.size(), 3U);
  EXPECT_NE(pattern.sha256, data.sha256);
  EXPECT_EQ(with_labels(scratch, scratch / "train-001.tar").posts.size(), 2U);
}

TEST(TarDataSet, LabelsWithoutADescription) {
  const Scratch scratch;
  Members numbers;
  for (const int i : {10, 2, 0, 2, 9}) {
    const std::string key = "n" + std::to_string(numbers.size() / 2);
    numbers.emplace_back(key + ".cls", std::to_string(i));
    numbers.emplace_back(key + ".txt", "a text");
  }
  const DataSet by_size = read_data_set(scratch.file("a/train.tar", ustar(numbers)));
  EXPECT_EQ(by_size.labels, (std::vector<std::string>{"0", "2", "9", "10"}));
  EXPECT_EQ(by_size.posts[0].label_id, 3);
  const DataSet words =
      read_data_set(scratch.file("b/train.tar", ustar({{"a.cls", "sad"}, {"a.txt", "x"}, {"b.cls", "calm"}, {"b.txt", "y"}})));
  EXPECT_EQ(words.labels, (std::vector<std::string>{"calm", "sad"}));
}

TEST(TarDataSet, FaultsNameShardAndPost) {
  const Scratch scratch;
  scratch.file("train-0.tar", ustar({{"a.cls", "glad"}}));
  scratch.file("train-1.tar", ustar({{"b.cls", "sad"}, {"a.cls", "sad"}}));
  EXPECT_THAT(thrown<DataError>([&] { with_labels(scratch, scratch.path()); }),
              HasSubstr("train-1.tar, row 2: field \"id\" \"a\" is already in "));
  EXPECT_THAT(thrown<DataError>([&] { with_labels(scratch, scratch.path()); }), HasSubstr("train-0.tar, row 1"));
  const Scratch other;
  other.file("train-0.tar", ustar({{"a.cls", "2"}}));
  EXPECT_THAT(thrown<DataError>([&] { with_labels(other, other.path()); }),
              HasSubstr("is \"2\", expected one of sad, glad, or its number"));
  EXPECT_THAT(thrown<DataError>([&] { read_data_set(other.file("shard.tar", ustar({{"a.cls", "1"}}))); }),
              HasSubstr("call the file train-NAME.tar"));
  EXPECT_THAT(thrown<DataError>([&] { read_data_set(other.file("train.tar", ustar({{"a.txt", "x"}}))); }),
              HasSubstr("field \"label\" is missing"));
}

TEST(Tables, PatternsStandForNames) {
  const Scratch scratch;
  for (const char* name : {"t-008.tar", "t-009.tar", "t-010.tar", "d-1.tar", "[x].tar"}) scratch.file(name, "");
  const auto names = [&](const std::string& pattern) {
    std::vector<std::string> found;
    for (const auto& path : tables_of(scratch / pattern)) found.push_back(path.filename().string());
    return found;
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(names("t-{008..010}.tar"), (Names{"t-008.tar", "t-009.tar", "t-010.tar"}));
  EXPECT_EQ(names("t-*.tar"), (Names{"t-008.tar", "t-009.tar", "t-010.tar"}));
  EXPECT_EQ(names("{t-010,d-1}.tar"), (Names{"t-010.tar", "d-1.tar"}));
  EXPECT_EQ(names("t-00[89].tar"), (Names{"t-008.tar", "t-009.tar"}));
  EXPECT_EQ(names("[x].tar"), Names{"[x].tar"});  // a real file of that name
  EXPECT_THAT(thrown<DataError>([&] { names("t-{008..011}.tar"); }), HasSubstr("t-011.tar: no such file"));
  EXPECT_THAT(thrown<DataError>([&] { names("x-*.tar"); }), HasSubstr("x-*.tar: no such file"));
  EXPECT_THAT(thrown<DataError>([&] { names("t-{9..8}.tar"); }), HasSubstr("{9..8}: expected a range"));
  EXPECT_THAT(thrown<DataError>([&] { names("t-{0..99999999}.tar"); }), HasSubstr("of at most"));
}

}  // namespace
}  // namespace infig
