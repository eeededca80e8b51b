// Batches: what they hold, that bad pictures shift nobody, that the number of workers changes nothing.
#include "tensor/loader.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "core/error.h"
#include "core/files.h"
#include "data/data_set.h"
#include "data/sampler.h"
#include "image/encode.h"
#include "reference/temporary_folder.h"
#include "reference/ustar.h"

namespace infig {
namespace {

namespace fs = std::filesystem;

class LoaderTest : public testing::Test {
 protected:
  void SetUp() override {
    for (int i = 0; i < 6; ++i) {
      Image image = make_image(40 + i, 30, static_cast<uint8_t>(40 * i), 100, 200);
      image.at(0, 0)[0] = 255;  // so that a flip can be seen
      write_file_atomic(folder_ / (std::to_string(i) + ".jpg"), encode_jpeg(image, 95));
    }
    write_file_atomic(folder_ / "broken.jpg", "this is no picture");
    write_file_atomic(folder_ / "empty.jpg", "");
    const char* texts[] = {
        "a lovely day at the beach", "rain", "", "the storm took the roof of the house and the trees", "hello there", "a b c d"};
    for (int i = 0; i < 6; ++i) {
      posts_.push_back({.id = "p" + std::to_string(i),
                        .text = texts[i],
                        .image = folder_ / (std::to_string(i) + ".jpg"),
                        .label = "x",
                        .label_id = i % 3,
                        .split = Split::kTrain});
    }
    posts_[1].image = folder_ / "broken.jpg";
    posts_[4].image = folder_ / "absent.jpg";
    std::vector<std::string> corpus;
    for (int i = 0; i < 30; ++i)
      corpus.insert(corpus.end(),
                    {"a lovely day at the beach", "the storm took the roof of the house", "hello there rain", "trees and a b c d"});
    tokenizer_ = train_sentencepiece(corpus, {.vocab_size = 60});
    image_.size = 24;
    image_.resize = 24;
    image_.augment = Augment::kFlip;
  }

  reference::TemporaryFolder folder_{"loader"};
  std::vector<Post> posts_;
  std::unique_ptr<Tokenizer> tokenizer_;
  ImageOptions image_;
};

TEST_F(LoaderTest, HoldsEveryPostInItsPlace) {
  const PostLoader loader(posts_, *tokenizer_, image_, 32, {}, 7);
  const Batch batch = loader.make_batch({3, 1, 2}, -1);
  ASSERT_EQ(batch.size(), 3);
  EXPECT_EQ(batch.labels[0].item<int64_t>(), 0);
  EXPECT_EQ(batch.labels[1].item<int64_t>(), 1);
  EXPECT_EQ(batch.labels[2].item<int64_t>(), 2);
  EXPECT_EQ(batch.post_ids[0].item<int64_t>(), 3);
  // Row 1's picture is broken, row 2 has no text; neither moves the others.
  EXPECT_TRUE(batch.has_image[0].item<bool>());
  EXPECT_FALSE(batch.has_image[1].item<bool>());
  EXPECT_TRUE(batch.has_image[2].item<bool>());
  EXPECT_TRUE(batch.has_text[1].item<bool>());
  EXPECT_FALSE(batch.has_text[2].item<bool>());
  EXPECT_EQ(batch.pixel_values[1].abs().sum().item<float>(), 0.0F);
  // The longest text sets the length; shorter ones are padded and masked.
  const auto expected = tokenizer_->encode(posts_[3].text, 32).ids;
  ASSERT_EQ(batch.input_ids.size(1), static_cast<int64_t>(expected.size()));
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(batch.input_ids[0][static_cast<int64_t>(i)].item<int64_t>(), expected[i]);
  EXPECT_EQ(batch.attention_mask[2].sum().item<int64_t>(), 2);  // [CLS] [SEP]
  EXPECT_EQ(batch.input_ids[2][batch.input_ids.size(1) - 1].item<int64_t>(), tokenizer_->pad_id());
}

TEST_F(LoaderTest, PixelsAreTheNormalisedPictureInChannelsLast) {
  const PostLoader loader(posts_, *tokenizer_, image_, 32, {}, 7);
  const Batch batch = loader.make_batch({0}, -1);
  EXPECT_TRUE(batch.pixel_values.is_contiguous(at::MemoryFormat::ChannelsLast));
  const DecodedImage decoded = decode_image_file(posts_[0].image, image_.decode());
  const Image seen = transform_image(decoded.image, image_, nullptr);
  for (int64_t c = 0; c < 3; ++c) {
    const double by_hand = (seen.at(5, 9)[c] / 255.0 - image_.mean[static_cast<size_t>(c)]) / image_.std[static_cast<size_t>(c)];
    EXPECT_NEAR((batch.pixel_values.index({0, c, 9, 5}).item<double>()), by_hand, 1e-5);
  }
}

TEST_F(LoaderTest, WorkersChangeNothing) {
  const std::vector<std::vector<int64_t>> batches = {{0, 1}, {2, 3}, {4, 5}, {5, 0}, {3, 2}};
  std::vector<Batch> reference;
  for (const int64_t workers : {1, 2, 5}) {
    for (const int64_t cache : {0, 64}) {
      const PostLoader loader(posts_, *tokenizer_, image_, 32, {.workers = workers, .prefetch = 2, .cache_mb = cache}, 7);
      auto stream = loader.stream(batches, 3);
      size_t count = 0;
      while (auto batch = stream.next()) {
        if (reference.size() < batches.size()) {
          reference.push_back(*batch);
        } else {
          EXPECT_TRUE(at::equal(batch->pixel_values, reference[count].pixel_values));
          EXPECT_TRUE(at::equal(batch->input_ids, reference[count].input_ids));
        }
        EXPECT_EQ(batch->rows, batches[count]);
        ++count;
      }
      EXPECT_EQ(count, batches.size());
    }
  }
}

// The posts of the fixture as a data set folder, a table, a tar and a pack, each read back.
std::vector<DataSet> in_every_container(const fs::path& folder, const std::vector<Post>& posts) {
  const std::string description = R"({"name": "n", "labels": ["x", "y", "z"]})";
  reference::Members members;
  std::string folder_lines, pack_lines, table = "id,text,image,label,split\n", pack;
  for (const Post& post : posts) {
    const std::string label(1, static_cast<char>('x' + post.label_id)), name = post.image.file.filename().string();
    const std::string head = fmt::format(R"({{"id": "{}", "text": "{}", "label": "{}", "split": "train")", post.id, post.text, label);
    folder_lines += fmt::format("{}, \"image\": \"{}\"}}\n", head, name);
    table += fmt::format("{},{},{},{},train\n", post.id, post.text, name, label);
    members.emplace_back(post.id + ".cls", label);
    if (!post.text.empty()) members.emplace_back(post.id + ".txt", post.text);
    pack_lines += head;
    if (fs::exists(post.image.file)) {
      const std::string bytes = read_file(post.image.file);
      members.emplace_back(post.id + ".jpg", bytes);
      pack_lines += R"(, "image": "images.pack#)" + std::to_string(pack.size()) + "+" + std::to_string(bytes.size()) + "\"";
      pack += bytes;
    }
    pack_lines += "}\n";
  }
  write_file_atomic(folder / "posts.jsonl", folder_lines);
  write_file_atomic(folder / "dataset.json", description);
  write_file_atomic(folder / "table.csv", table);
  for (const char* name : {"tars", "packed"}) {
    fs::create_directory(folder / name);
    write_file_atomic(folder / name / "dataset.json", description);
  }
  write_file_atomic(folder / "tars/train-000.tar", reference::ustar({members.begin(), members.begin() + 6}));
  write_file_atomic(folder / "tars/train-001.tar", reference::ustar({members.begin() + 6, members.end()}));
  write_file_atomic(folder / "packed/posts.jsonl", pack_lines);
  write_file_atomic(folder / "packed/images.pack", pack);
  return {read_data_set(folder), read_data_set(folder / "table.csv"), read_data_set(folder / "tars"), read_data_set(folder / "packed")};
}

TEST_F(LoaderTest, ContainersAndWorkersChangeNothing) {
  image_.augment = Augment::kRand;
  const std::vector<DataSet> sets = in_every_container(folder_, posts_);
  std::vector<Batch> reference;
  for (const DataSet& data : sets) {
    ASSERT_EQ(data.posts.size(), posts_.size());
    for (const int64_t workers : {0, 1, 3}) {
      const PostLoader loader(data.posts, *tokenizer_, image_, 32, {.workers = workers, .prefetch = 2}, 7);
      std::vector<int64_t> lengths;
      for (int64_t row = 0; row < 6; ++row) lengths.push_back(loader.text_length(row));
      RandomStream order(7, "order", 2);
      auto stream = loader.stream(bucketed_batches(lengths, {.batch_size = 2, .pool_batches = 2}, order), 2);
      size_t count = 0;
      while (auto batch = stream.next()) {
        if (reference.size() < 3) reference.push_back(*batch);
        const Batch& first = reference[count++];
        EXPECT_EQ(batch->rows, first.rows);
        EXPECT_TRUE(at::equal(batch->pixel_values, first.pixel_values));
        EXPECT_TRUE(at::equal(batch->input_ids, first.input_ids));
        EXPECT_TRUE(at::equal(batch->labels, first.labels));
        EXPECT_TRUE(at::equal(batch->has_image, first.has_image));
        EXPECT_TRUE(at::equal(batch->has_text, first.has_text));
      }
      EXPECT_EQ(count, 3U);
    }
  }
  // All four agree, and on the posts as they are: rows 1 (broken) and 4 (absent) show no picture, row 2 has no text.
  for (const Batch& batch : reference) {
    for (int64_t i = 0; i < 2; ++i) {
      const int64_t row = batch.rows[static_cast<size_t>(i)];
      EXPECT_EQ(batch.has_image[i].item<bool>(), row != 1 && row != 4);
      EXPECT_EQ(batch.pixel_values[i].abs().sum().item<float>() > 0, row != 1 && row != 4);
      EXPECT_EQ(batch.has_text[i].item<bool>(), row != 2);
      EXPECT_EQ(batch.labels[i].item<int64_t>(), row % 3);
    }
  }
}

TEST_F(LoaderTest, ABadPictureInsideATarIsNamedByItsSpan) {
  write_file_atomic(folder_ / "train.tar", reference::ustar({{"a.cls", "x"}, {"a.jpg", "no picture"}}));
  const DataSet data = read_data_set(folder_ / "train.tar");
  PostLoader loader(data.posts, *tokenizer_, image_, 32, {}, 7);
  loader.prepare({0}, "reading");
  ASSERT_EQ(loader.bad_pictures().size(), 1U);
  EXPECT_EQ(loader.bad_pictures()[0].file, (folder_ / "train.tar").string() + "#1536+10");
  EXPECT_EQ(loader.bad_pictures()[0].status, "unknown_format");
}

TEST_F(LoaderTest, FlipsDependOnEpochAndPost) {
  const PostLoader loader(posts_, *tokenizer_, image_, 32, {}, 7);
  int flipped = 0;
  const at::Tensor plain = loader.make_batch({0}, -1).pixel_values;
  for (int64_t epoch = 0; epoch < 40; ++epoch) {
    const at::Tensor seen = loader.make_batch({0}, epoch).pixel_values;
    EXPECT_TRUE(at::equal(seen, loader.make_batch({0}, epoch).pixel_values));
    const bool same = at::equal(seen, plain);
    EXPECT_TRUE(same || at::equal(seen, plain.flip({3})));
    flipped += same ? 0 : 1;
  }
  EXPECT_GT(flipped, 8);  // p = .5 over 40 draws: fewer than 9 has a chance of 1e-4
  EXPECT_LT(flipped, 32);
}

TEST_F(LoaderTest, PoliciesForBadPictures) {
  std::vector<int64_t> all = {0, 1, 2, 3, 4, 5};
  PostLoader skip(posts_, *tokenizer_, image_, 32, {.bad_image = BadImage::kSkip}, 7);
  EXPECT_EQ(skip.prepare(all, "reading"), (std::vector<int64_t>{0, 2, 3, 5}));
  const auto bad = skip.bad_pictures();
  ASSERT_EQ(bad.size(), 2U);
  EXPECT_EQ(bad[0].id, "p1");
  EXPECT_EQ(bad[1].id, "p4");
  EXPECT_EQ(bad[1].status, "absent");

  PostLoader error(posts_, *tokenizer_, image_, 32, {.bad_image = BadImage::kError}, 7);
  try {
    error.prepare(all, "reading");
    FAIL() << "a broken picture was accepted";
  } catch (const DataError& problem) {
    EXPECT_NE(std::string(problem.what()).find(".jpg"), std::string::npos) << problem.what();
  }
  PostLoader missing(posts_, *tokenizer_, image_, 32, {}, 7);
  EXPECT_EQ(missing.prepare(all, "reading"), all);
}

TEST_F(LoaderTest, WithoutHidesASide) {
  const PostLoader no_image(posts_, *tokenizer_, image_, 32, {.without = Without::kImage}, 7);
  Batch batch = no_image.make_batch({0, 3}, -1);
  EXPECT_FALSE(batch.has_image.any().item<bool>());
  EXPECT_TRUE(batch.has_text.all().item<bool>());
  EXPECT_TRUE(no_image.bad_pictures().empty());  // no picture was looked at
  const PostLoader no_text(posts_, *tokenizer_, image_, 32, {.without = Without::kText}, 7);
  batch = no_text.make_batch({0, 3}, -1);
  EXPECT_FALSE(batch.has_text.any().item<bool>());
  EXPECT_EQ(batch.input_ids.size(1), 2);
}

TEST_F(LoaderTest, AStreamLeftEarlyEnds) {
  const PostLoader loader(posts_, *tokenizer_, image_, 32, {.workers = 3, .prefetch = 2}, 7);
  auto stream = loader.stream(std::vector<std::vector<int64_t>>(50, {0, 2, 3}), 0);
  EXPECT_TRUE(stream.next().has_value());
}

// Words of a caption, padded to the batch's longest: what a model that wants a column brings.
class CaptionWords : public RowSource {
 public:
  at::Tensor gather(const std::vector<int64_t>& rows) const override {
    std::vector<std::vector<int64_t>> ids;
    std::vector<int64_t> places;
    for (const int64_t row : rows) {
      places.push_back(static_cast<int64_t>(ids.size()));
      ids.emplace_back(static_cast<size_t>(row % 3 + 1), row + 1);
    }
    return pad_texts(ids, places, 0).input_ids;
  }
};

TEST_F(LoaderTest, CarriesWhatTheModelAskedForAndNothingElse) {
  PostLoader loader(posts_, LoaderInputs{}, {}, 7);
  loader.use_column(BatchColumn::kCaptions, std::make_shared<CaptionWords>());
  EXPECT_EQ(loader.prepare({0, 1, 2}, ""), (std::vector<int64_t>{0, 1, 2}));
  EXPECT_TRUE(loader.bad_pictures().empty());  // no picture was read
  Batch batch = loader.make_batch({2, 1}, 0);
  for (const at::Tensor& absent : {batch.input_ids, batch.attention_mask, batch.pixel_values, batch.feature_map, batch.clip_embeds})
    EXPECT_FALSE(absent.defined());
  EXPECT_FALSE(batch.has_image.any().item<bool>());
  EXPECT_EQ(loader.text_length(1), static_cast<int64_t>(posts_[1].text.size()));
  ASSERT_EQ(batch.columns.size(), 1U);
  EXPECT_TRUE(at::equal(batch.columns.at(BatchColumn::kCaptions), at::tensor({3, 3, 3, 2, 2, 0}, at::kLong).view({2, 3})));
  EXPECT_TRUE(at::equal(batch.slice(1, 1).columns.at(BatchColumn::kCaptions), at::tensor({2, 2, 0}, at::kLong).view({1, 3})));
  const PostLoader texts(posts_, {.tokenizer = tokenizer_.get(), .max_length = 32, .pixels = {}}, {}, 7);
  batch = texts.make_batch({0, 1}, 0);
  EXPECT_TRUE(batch.input_ids.defined());
  EXPECT_FALSE(batch.pixel_values.defined());
}

}  // namespace
}  // namespace infig
