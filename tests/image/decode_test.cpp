#include "image/decode.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "core/random.h"
#include "golden_pack.h"

namespace infig {
namespace {

namespace fs = std::filesystem;
using testing::as_bytes;
using testing::golden_folder;
using testing::left_out;
using testing::read_pack;
using testing::same_picture;

std::string golden_file(const std::string& name) { return read_file(golden_folder() / "files" / name); }
DecodedImage decode(const std::string& bytes, const DecodeOptions& options = {}) { return decode_image(as_bytes(bytes), options); }

TEST(Decode, EveryKindEqualsPillow) {
  const auto pack = read_pack("decode");
  ASSERT_GE(pack.size(), 70u);
  for (const auto& [name, expected] : pack) {
    if (name.find('/') != std::string::npos || left_out(golden_folder() / "files" / name)) continue;
    const DecodedImage decoded = decode_image_file(golden_folder() / "files" / name, {});
    EXPECT_EQ(decoded.status, ImageStatus::kOk) << name << ": " << decoded.reason;
    EXPECT_TRUE(decoded.reason.empty()) << name;
    EXPECT_TRUE(same_picture(decoded.image, expected)) << name;
  }
}

// A format without its library: no picture, never an exception, and a reason that names it. With its library there is a picture.
class FormatLeftOut : public ::testing::TestWithParam<std::pair<const char*, const char*>> {};
TEST_P(FormatLeftOut, IsABadPictureThatSaysSo) {
  const auto& [format, file] = GetParam();
  const DecodedImage decoded = decode(golden_file(file));
  if (!left_out(as_bytes(golden_file(file)))) {
    EXPECT_EQ(decoded.status, ImageStatus::kOk) << decoded.reason;
    return;
  }
  EXPECT_EQ(decoded.status, ImageStatus::kUnknownFormat);
  EXPECT_TRUE(decoded.image.pixels.empty());
  EXPECT_NE(decoded.reason.find(std::string("this build has no support for ") + format), std::string::npos) << decoded.reason;
  GTEST_SKIP() << "this build has no support for " << format << ": every test passes over its pictures";
}
INSTANTIATE_TEST_SUITE_P(Decode, FormatLeftOut,
                         ::testing::Values(std::pair{"WebP", "lossless.webp"}, std::pair{"GIF", "local.gif"}, std::pair{"BMP", "rgb.bmp"}));

TEST(Decode, OrientationCanBeIgnored) {
  const DecodedImage decoded = decode(golden_file("orientation_6.jpg"), {.apply_exif = false});
  EXPECT_TRUE(same_picture(decoded.image, read_pack("decode").at("orientation_6.jpg/ignored")));
}

TEST(Decode, ContentDecidesNotTheName) {
  EXPECT_STREQ(image_format(as_bytes(golden_file("jpeg_inside.png"))), "JPEG");
  EXPECT_STREQ(image_format(as_bytes(golden_file("png_inside.jpg"))), "PNG");
  EXPECT_STREQ(image_format(as_bytes(golden_file("webp_inside.gif"))), "WebP");
  EXPECT_STREQ(image_format(as_bytes(golden_file("local.gif"))), "GIF");
  EXPECT_STREQ(image_format(as_bytes(golden_file("one_bit.bmp"))), "BMP");
  EXPECT_EQ(image_format(as_bytes(std::string("BMW is a text, not a picture"))), nullptr);
}

// Rows of `image` from the top that equal `full`, and rows from the bottom that are grey throughout.
int64_t equal_rows(const Image& image, const Image& full) {
  int64_t rows = 0;
  while (rows < full.height && std::equal(image.at(0, rows), image.at(0, rows) + full.width * 3, full.at(0, rows))) ++rows;
  return rows;
}
int64_t grey_rows(const Image& image) {
  int64_t rows = 0;
  while (rows < image.height) {
    const uint8_t* row = image.at(0, image.height - 1 - rows);
    if (!std::all_of(row, row + image.width * 3, [](uint8_t v) { return v == 128; })) break;
    ++rows;
  }
  return rows;
}

struct CutCase {
  const char* name;
  int64_t seam;         // rows between the good and the grey ones that may be neither: a block row and the smoothing across its edge
  bool missing_on_top;  // stored from the bottom up
};

// Cut after every fraction of the file: never a crash, never another size, good rows above, grey ones below, more bytes never fewer rows.
TEST(Decode, TruncatedFilesKeepTheirRowsAndAreGreyBelow) {
  const auto pack = read_pack("decode");
  for (const auto& [name, seam, on_top] :
       {CutCase{"tall.jpg", 20, false}, CutCase{"tall.png", 0, false}, CutCase{"tall_alpha.png", 0, false}, CutCase{"tall.webp", 40, false},
        CutCase{"tall_lossless.webp", 0, false}, CutCase{"tall.gif", 0, false}, CutCase{"rgb.bmp", 0, true}}) {
    const std::string bytes = golden_file(name);
    if (left_out(as_bytes(bytes))) continue;
    const Image& full = pack.at(name);
    int64_t last_rows = 0;
    int truncated = 0;
    for (size_t cut = 1; cut < bytes.size(); cut += std::max<size_t>(bytes.size() / 97, 1)) {
      const DecodedImage decoded = decode(bytes.substr(0, cut));
      if (decoded.status == ImageStatus::kOk) {  // only the end marker or trailing checks are missing
        ASSERT_GT(cut, bytes.size() * 9 / 10) << name << " cut at " << cut;
        ASSERT_TRUE(same_picture(decoded.image, full)) << name << " cut at " << cut;
        continue;
      }
      ASSERT_FALSE(decoded.reason.empty()) << name << " cut at " << cut;
      if (!usable(decoded.status)) {
        ASSERT_TRUE(decoded.image.pixels.empty());
        ASSERT_EQ(last_rows, 0) << name << " cut at " << cut << ": " << decoded.reason;
        continue;
      }
      ASSERT_EQ(decoded.status, ImageStatus::kTruncated);
      ASSERT_EQ(decoded.image.pixels.size(), full.pixels.size()) << name;
      ++truncated;
      Image picture = decoded.image, whole = full;
      if (on_top) {
        for (Image* image : {&picture, &whole}) {
          for (int64_t y = 0; y < image->height / 2; ++y) {
            std::swap_ranges(image->at(0, y), image->at(0, y) + image->width * 3, image->at(0, image->height - 1 - y));
          }
        }
      }
      const int64_t good = equal_rows(picture, whole), grey = grey_rows(picture);
      EXPECT_GE(good + grey + seam, full.height) << name << " cut at " << cut << ": " << decoded.reason;
      EXPECT_GE(good, last_rows) << name << " cut at " << cut;
      last_rows = good;
    }
    EXPECT_GT(truncated, 5) << name;
    EXPECT_GT(last_rows, full.height / 2) << name;
  }
}

TEST(Decode, TruncatedProgressiveJpegIsCoarse) {
  const std::string bytes = golden_file("tall_progressive.jpg");
  const Image full = read_pack("decode").at("tall_progressive.jpg");
  const DecodedImage decoded = decode(bytes.substr(0, bytes.size() * 3 / 5));
  ASSERT_EQ(decoded.status, ImageStatus::kTruncated);
  ASSERT_EQ(decoded.image.pixels.size(), full.pixels.size());
  double difference = 0;
  for (size_t i = 0; i < full.pixels.size(); ++i) difference += std::abs(int{full.pixels[i]} - int{decoded.image.pixels[i]});
  EXPECT_LT(difference / static_cast<double>(full.pixels.size()), 40);
  EXPECT_FALSE(same_picture(decoded.image, full));
  const size_t first_scan = bytes.find("\xFF\xDA");
  ASSERT_NE(first_scan, std::string::npos);
  EXPECT_EQ(decode(bytes.substr(0, first_scan + 16)).status, ImageStatus::kBroken);
}

TEST(Decode, TruncatedInterlacedPngIsCoarse) {
  const std::string bytes = golden_file("tall_interlaced.png");
  const DecodedImage decoded = decode(bytes.substr(0, bytes.size() / 2));
  ASSERT_EQ(decoded.status, ImageStatus::kTruncated) << decoded.reason;
  const Image full = read_pack("decode").at("tall_interlaced.png");
  // The first pass holds every eighth pixel of every eighth row.
  for (int64_t y = 0; y < 64; y += 8) {
    for (int64_t x = 0; x < 24; x += 8)
      EXPECT_TRUE(std::equal(full.at(x, y), full.at(x, y) + 3, decoded.image.at(x, y))) << x << " " << y << " " << decoded.reason;
  }
}

TEST(Decode, BadFilesAreValuesWithReasons) {
  EXPECT_EQ(decode("").status, ImageStatus::kEmpty);
  EXPECT_EQ(decode("<html>404 not found</html>").status, ImageStatus::kUnknownFormat);
  EXPECT_EQ(decode(std::string(1, '\xFF')).status, ImageStatus::kUnknownFormat);
  EXPECT_EQ(decode(std::string("\xFF\xD8\xFF", 3)).status, ImageStatus::kBroken);
  EXPECT_EQ(decode("\x89PNG\r\n\x1A\n").status, ImageStatus::kBroken);
  for (const std::string& bytes : {std::string("GIF89a"), std::string("RIFF\x04\0\0\0WEBP", 12)}) {
    EXPECT_EQ(decode(bytes).status, left_out(as_bytes(bytes)) ? ImageStatus::kUnknownFormat : ImageStatus::kBroken) << bytes;
  }
  for (const char* text : {"<html>404 not found</html>", "GIF89a"}) EXPECT_FALSE(decode(text).reason.empty());

  const fs::path folder = golden_folder();
  EXPECT_EQ(decode_image_file(folder / "no such file.jpg", {}).status, ImageStatus::kAbsent);
  EXPECT_EQ(decode_image_file(folder, {}).status, ImageStatus::kAbsent);
  EXPECT_EQ(decode_image_file("", {}).status, ImageStatus::kAbsent);
  EXPECT_EQ(decode_image_file(folder / "decode.pack", {}).status, ImageStatus::kUnknownFormat);
  const fs::path empty = fs::path(::testing::TempDir()) / "infig_empty_picture.jpg";
  std::ofstream(empty).close();
  EXPECT_EQ(decode_image_file(empty, {}).status, ImageStatus::kEmpty);
  fs::remove(empty);
}

TEST(Decode, SizeLimitComesBeforeDecoding) {
  for (const char* name : {"huge.png", "huge.jpg", "huge_allowed.jpg", "huge.gif", "huge.bmp", "huge.webp"}) {
    if (left_out(golden_folder() / "files" / name)) continue;
    const DecodedImage decoded = decode(golden_file(name));
    EXPECT_EQ(decoded.status, ImageStatus::kTooLarge) << name << ": " << decoded.reason;
    EXPECT_TRUE(decoded.image.pixels.empty());
  }
  for (const char* name : {"rgb.png", "baseline_420.jpg", "inside.gif", "rgb.bmp", "lossless.webp", "animation.webp"}) {
    if (left_out(golden_folder() / "files" / name)) continue;
    const Image full = read_pack("decode").at(name);
    EXPECT_EQ(decode(golden_file(name), {.max_pixels = full.width * full.height}).status, ImageStatus::kOk) << name;
    EXPECT_EQ(decode(golden_file(name), {.max_pixels = full.width * full.height - 1}).status, ImageStatus::kTooLarge) << name;
  }
}

#if !defined(INFIG_SANITIZED)  // which reserves terabytes of address space itself
// In a process that may have 1 GiB of address space, a picture of 12 GiB cannot be allocated, not even untouched.
TEST(Decode, HugeHeadersAllocateNothing) {
  const auto refuse_all = [] {
    const rlimit limit{1UL << 30, 1UL << 30};
    if (setrlimit(RLIMIT_AS, &limit) != 0) std::_Exit(2);
    bool refused = true;
    for (const char* name : {"huge.png", "huge_allowed.jpg", "huge.gif", "huge.bmp", "huge.webp"}) {
      if (!left_out(golden_folder() / "files" / name)) refused = refused && decode(golden_file(name)).status == ImageStatus::kTooLarge;
    }
    std::_Exit(refused ? 0 : 1);
  };
  EXPECT_EXIT(refuse_all(), ::testing::ExitedWithCode(0), "");
}
#endif

// Random damage in every file: any outcome is fine, a crash or a sanitizer's finding is not.
TEST(Decode, DamagedFilesNeverCrash) {
  for (const auto& entry : fs::directory_iterator(golden_folder() / "files")) {
    const std::string bytes = read_file(entry.path());
    for (uint64_t round = 0; round < 40; ++round) {
      RandomStream stream(11, entry.path().filename().string(), round);
      std::string damaged = bytes;
      const uint64_t hits = 1 + stream.below(4);
      for (uint64_t i = 0; i < hits; ++i) damaged[stream.below(damaged.size())] = static_cast<char>(stream.below(256));
      if (stream.chance(0.3)) damaged.resize(stream.below(damaged.size()));
      const DecodedImage decoded = decode(damaged, {.max_pixels = 1'000'000});
      EXPECT_EQ(usable(decoded.status), !decoded.image.pixels.empty());
      EXPECT_EQ(decoded.status == ImageStatus::kOk, decoded.reason.empty());
      EXPECT_EQ(decoded.image.pixels.size(), static_cast<size_t>(decoded.image.width * decoded.image.height * 3));
    }
  }
}

TEST(Decode, RealPostsAllDecode) {
  const char* data = std::getenv("INFIG_DATA");
  const fs::path root = data != nullptr ? fs::path(data) : fs::path(INFIG_SOURCE_DIR).parent_path() / "shared" / "data";
  const fs::path folder = root / "mvsa-single" / "raw" / "data";
  if (!fs::is_directory(folder))
    GTEST_SKIP() << "MVSA-Single is not at " << folder << "; set INFIG_DATA to the folder that holds mvsa-single";
  std::vector<fs::path> pictures;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".jpg") pictures.push_back(entry.path());
  }
  std::sort(pictures.begin(), pictures.end());
  ASSERT_GE(pictures.size(), 300u);
  const size_t step = pictures.size() / 300;
  for (size_t i = 0; i < 300; ++i) {
    const DecodedImage decoded = decode_image_file(pictures[i * step], {});
    EXPECT_EQ(decoded.status, ImageStatus::kOk) << pictures[i * step] << ": " << decoded.reason;
    EXPECT_GE(decoded.image.width, 48);  // docs/pictures.md
    EXPECT_LE(decoded.image.width, 600);
    EXPECT_GE(decoded.image.height, 48);
    EXPECT_LE(decoded.image.height, 1199);
  }
}

}  // namespace
}  // namespace infig
