// Folders of pictures: a folder a class, metadata tables, splits by folders, and what is counted. The layouts are those of the hub's
// imagefolder.
#include "data/image_folder.h"

#include "data/data_set.h"
#include "scratch.h"

namespace infig {
namespace {

using test::Scratch;
using test::thrown;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

struct FolderRead {
  std::vector<PostRow> rows;
  std::vector<std::string> faults, notes;
};
FolderRead read_folder_of(const std::filesystem::path& folder) {
  FolderRead read;
  TableNotes notes;
  for_each_row(
      folder, [&](PostRow&& row) { read.rows.push_back(std::move(row)); }, [&](const std::string& fault) { read.faults.push_back(fault); },
      {.notes = &notes});
  read.notes = notes.lines();
  return read;
}

TEST(ImageFolder, AFolderAClass) {
  const Scratch scratch;
  for (const char* name : {"f/cats/1.JPG", "f/cats/1.png", "f/dogs/a.webp", "f/dogs/.hidden.png", "f/dogs/notes.txt", "f/.cache/x.png"})
    scratch.file(name, "x");
  const auto read = read_folder_of(scratch / "f");
  ASSERT_EQ(read.rows.size(), 3U);
  EXPECT_EQ(read.rows[0].id, "cats_1");
  EXPECT_EQ(read.rows[0].label, "cats");
  EXPECT_EQ(picture_of(read.rows[0], scratch / "f"), FileSpan(scratch / "f/cats/1.JPG"));
  EXPECT_EQ(read.rows[1].id, "cats_1.png");  // the other one has its name already
  EXPECT_EQ(read.rows[2].label, "dogs");
  EXPECT_FALSE(read.rows[2].split.has_value());
  EXPECT_THAT(read.notes, ElementsAre(HasSubstr("files *.txt that are not taken: 1")));
}

TEST(ImageFolder, SplitsAreFolders) {
  const Scratch scratch;
  for (const char* name : {"f/train/cats/1.jpg", "f/validation/cats/2.jpg", "f/test/dogs/3.jpg"}) scratch.file(name, "x");
  const DataSet data = read_data_set(scratch / "f/");
  ASSERT_EQ(data.posts.size(), 3U);
  EXPECT_EQ(data.labels, (std::vector<std::string>{"cats", "dogs"}));
  EXPECT_EQ(data.posts[0].id, "test_dogs_3");
  EXPECT_EQ(data.posts[0].split, Split::kTest);
  EXPECT_EQ(data.posts[0].label, "dogs");
  EXPECT_EQ(data.posts[1].split, Split::kTrain);
  EXPECT_EQ(data.posts[2].split, Split::kDev);
  EXPECT_EQ(data.posts[2].image, FileSpan(scratch / "f/validation/cats/2.jpg"));
  EXPECT_EQ(data.name, "f");
}

TEST(ImageFolder, MetadataTables) {
  const Scratch scratch;
  for (const char* name : {"f/train/1.png", "f/train/sub/2.png", "f/test/3.png", "f/test/4.png"}) scratch.file(name, "x");
  scratch.file("f/train/metadata.csv", "file_name,caption,sentiment\n1.png,one,good\nsub/2.png,\"two, too\",bad\n");
  scratch.file("f/test/metadata.jsonl",
               "{\"file_name\": \"3.png\", \"text\": \"three\", \"label\": \"bad\", \"id\": \"own\"}\n{\"text\": \"no picture\"}\n");
  const auto read = read_folder_of(scratch / "f");
  ASSERT_EQ(read.rows.size(), 3U);
  EXPECT_EQ(read.rows[0].id, "own");
  EXPECT_EQ(read.rows[0].split, "test");
  EXPECT_EQ(read.rows[0].text, "three");
  EXPECT_EQ(read.rows[1].label, "good");
  EXPECT_EQ(read.rows[1].split, "train");
  EXPECT_EQ(read.rows[2].text, "two, too");
  EXPECT_EQ(read.rows[2].id, "train_sub_2");
  EXPECT_EQ(picture_of(read.rows[2], scratch / "f"), FileSpan(scratch / "f/train/sub/2.png"));
  EXPECT_THAT(read.faults, ElementsAre(AllOf(HasSubstr("f, row 2: test/metadata.jsonl, line 2: "), HasSubstr("file_name"))));
  EXPECT_THAT(read.notes, ::testing::Contains(HasSubstr("pictures that no metadata table names, not taken: 1")));
}

// Without a column of labels the class is the picture's folder; the split may be on the way to it.
TEST(ImageFolder, MetadataWithoutLabels) {
  const Scratch scratch;
  scratch.file("f/metadata.csv", "file_name,text\ntrain/cats/1.png,one\ntest/dogs/2.png,two\n");
  for (const char* name : {"f/train/cats/1.png", "f/test/dogs/2.png"}) scratch.file(name, "x");
  const auto read = read_folder_of(scratch / "f");
  ASSERT_EQ(read.rows.size(), 2U);
  EXPECT_EQ(read.rows[0].label, "cats");
  EXPECT_EQ(read.rows[0].split, "train");
  EXPECT_EQ(read.rows[1].label, "dogs");
  EXPECT_EQ(read.rows[1].split, "test");
}

TEST(ImageFolder, OtherFoldersAreRefused) {
  const Scratch scratch;
  scratch.file("empty/readme.md", "x");
  EXPECT_FALSE(is_image_folder(scratch / "empty"));
  EXPECT_THAT(thrown<DataError>([&] { tables_of(scratch / "empty"); }),
              HasSubstr("holds neither posts.jsonl, a tar, a Parquet file nor pictures"));
  EXPECT_THAT(thrown<DataError>([&] { read_data_set(scratch / "empty"); }), HasSubstr("dataset.json: is absent"));
}

}  // namespace
}  // namespace infig
