// Pictures that lie inside a larger file.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "image/decode.h"
#include "image/encode.h"
#include "reference/temporary_folder.h"

namespace infig {
namespace {

using reference::TemporaryFolder;
using ::testing::HasSubstr;

void put(const std::filesystem::path& path, const std::string& bytes) { std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes; }

// Two pictures with something between them.
struct Pack {
  Pack() : folder("picture-span") {
    first = encode_jpeg(make_image(64, 48, 200, 30, 10), 90);
    Image lively = make_image(80, 160, 10, 200, 30);  // so that most of its bytes are rows, not tables
    for (size_t i = 0; i < lively.pixels.size(); ++i) lively.pixels[i] = static_cast<uint8_t>(i * 37 % 251);
    second = encode_jpeg(lively, 90);
    put(folder / "images.pack", "head" + first + "between" + second);
  }
  FileSpan span_of_first() const { return {folder / "images.pack", 4, static_cast<int64_t>(first.size())}; }
  FileSpan span_of_second() const {
    return {folder / "images.pack", 4 + static_cast<int64_t>(first.size()) + 7, static_cast<int64_t>(second.size())};
  }
  TemporaryFolder folder;
  std::string first, second;
};

TEST(PictureSpan, DecodesAsTheFileItself) {
  const Pack pack;
  put(pack.folder / "second.jpg", pack.second);
  const DecodedImage inside = decode_image_file(pack.span_of_second(), {});
  const DecodedImage alone = decode_image_file(pack.folder / "second.jpg", {});
  ASSERT_EQ(inside.status, ImageStatus::kOk);
  EXPECT_EQ(inside.image.width, 80);
  EXPECT_EQ(inside.image.height, 160);
  EXPECT_EQ(inside.image.pixels, alone.image.pixels);
  EXPECT_EQ(decode_image_file(pack.span_of_first(), {}).image.width, 64);
}

TEST(PictureSpan, OutcomesOfBrokenOnes) {
  const Pack pack;
  const std::filesystem::path file = pack.folder / "images.pack";
  const auto status = [](const FileSpan& span) { return decode_image_file(span, {}).status; };
  EXPECT_EQ(status({file, 0, 40}), ImageStatus::kUnknownFormat);  // "head"
  EXPECT_EQ(status({file, 4, 0}), ImageStatus::kEmpty);
  EXPECT_EQ(status({pack.folder / "none.pack", 4, 10}), ImageStatus::kAbsent);
  FileSpan half = pack.span_of_second();
  half.length = half.length * 2 / 3;  // no byte behind the span is looked at
  EXPECT_EQ(status(half), ImageStatus::kTruncated);

  std::filesystem::resize_file(file, static_cast<uintmax_t>(pack.span_of_second().offset + pack.span_of_second().length * 2 / 3));
  EXPECT_EQ(status(pack.span_of_second()), ImageStatus::kTruncated);  // as a file that was cut off
  EXPECT_EQ(status(pack.span_of_first()), ImageStatus::kOk);
  std::filesystem::resize_file(file, 50);
  const DecodedImage beyond = decode_image_file(pack.span_of_second(), {});
  EXPECT_EQ(beyond.status, ImageStatus::kAbsent);
  EXPECT_THAT(beyond.reason, HasSubstr("the file has 50 bytes and ends before the picture begins"));
}

// A sparse file: nothing of it is on the disk, and nothing of it may be taken into memory.
TEST(PictureSpan, AFileAboveTheLimitIsABadPicture) {
  const Pack pack;
  put(pack.folder / "huge.jpg", pack.second);
  std::filesystem::resize_file(pack.folder / "huge.jpg", uintmax_t{256} << 20);
  EXPECT_NE(read_image_file(pack.folder / "huge.jpg").status, ImageStatus::kTooLarge);
  std::filesystem::resize_file(pack.folder / "huge.jpg", uintmax_t{1} << 40);
  for (const FileSpan& picture : {FileSpan(pack.folder / "huge.jpg"), FileSpan(pack.folder / "huge.jpg", 0, (int64_t{256} << 20) + 1)}) {
    const ImageFile file = read_image_file(picture);
    EXPECT_EQ(file.status, ImageStatus::kTooLarge);
    EXPECT_TRUE(file.bytes.empty());
    EXPECT_THAT(file.reason, HasSubstr("more than the 256 MiB"));
  }
}

}  // namespace
}  // namespace infig
