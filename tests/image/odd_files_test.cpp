// The table of docs/pictures.md, file by file: rare, damaged and hostile pictures, each with the outcome that is promised for it.
// Files of tests/golden/image/odd are made by tools/golden/make_odd_image.py, expected pixels by Pillow.
#include "odd_files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <set>

#include "golden_pack.h"
#include "image/decode.h"
#include "reference/temporary_folder.h"

namespace infig {
namespace {

namespace fs = std::filesystem;
using testing::as_bytes;
using testing::golden_folder;
using testing::kOddFiles;
using testing::left_out;
using testing::read_pack;
using testing::same_picture;

DecodedImage decode_odd(const std::string& bytes, const DecodeOptions& options = {}) { return decode_image(as_bytes(bytes), options); }
std::string golden(const std::string& name) { return read_file(golden_folder() / "files" / name); }

TEST(OddFiles, EveryOneHasItsOutcome) {
  const auto pack = read_pack("odd");
  size_t good = 0;
  for (const auto& [name, status, reason] : kOddFiles) {
    if (left_out(golden_folder() / "odd" / name)) {
      good += pack.contains(name);
      continue;
    }
    const DecodedImage decoded = decode_image_file(golden_folder() / "odd" / name, {});
    EXPECT_STREQ(image_status_name(decoded.status), image_status_name(status)) << name << ": " << decoded.reason;
    EXPECT_NE(decoded.reason.find(reason), std::string::npos) << name << ": " << decoded.reason;
    EXPECT_EQ(decoded.reason.empty(), status == ImageStatus::kOk) << name;
    EXPECT_EQ(decoded.image.pixels.empty(), !usable(status)) << name;
    if (!pack.contains(name)) continue;
    ++good;
    // Five and six bits become eight by rounding; Pillow cuts.
    EXPECT_TRUE(same_picture(decoded.image, pack.at(name), name.starts_with("five_") ? 1 : 0)) << name;
  }
  EXPECT_EQ(good, pack.size());
}

TEST(OddFiles, NoneIsForgotten) {
  std::set<std::string> listed, there;
  for (const auto& file : kOddFiles) EXPECT_TRUE(listed.insert(file.name).second) << file.name;
  for (const auto& entry : fs::directory_iterator(golden_folder() / "odd")) there.insert(entry.path().filename());
  EXPECT_EQ(listed, there);
}

TEST(OddFiles, TheDocumentSaysTheSame) {
  std::ifstream in(fs::path(INFIG_SOURCE_DIR) / "docs" / "pictures.md");
  std::map<std::string, std::string> outcomes;
  for (std::string line; std::getline(in, line);) {
    // | what it is | `a.jpg`, `b.jpg` | outcome |
    if (!line.starts_with("| ")) continue;
    const size_t last = line.rfind(" | ");
    const std::string outcome = line.substr(last + 3, line.find_first_of(",; ", last + 3) - last - 3);
    for (size_t at = line.find('`'); at < last; at = line.find('`', at)) {
      const size_t end = line.find('`', at + 1);
      outcomes[line.substr(at + 1, end - at - 1)] = outcome;
      at = end + 1;
    }
  }
  for (const auto& file : kOddFiles) EXPECT_EQ(outcomes[file.name], image_status_name(file.status)) << file.name;
}

// 65,535 pixels in one row: the side alone is no reason to refuse. Bit k of byte b is white where it is set.
TEST(OddFiles, AVeryWideRowIsAPicture) {
  const DecodedImage decoded = decode_image_file(golden_folder() / "odd" / "wide.png", {});
  ASSERT_EQ(decoded.image.width, 65535) << decoded.reason;
  ASSERT_EQ(decoded.image.height, 1);
  for (int64_t x = 0; x < 65535; ++x) {
    const int byte = static_cast<int>(x / 8 % 256), white = byte >> (7 - x % 8) & 1;
    ASSERT_EQ(decoded.image.at(x, 0)[0], white * 255) << x;
  }
}

struct Cut {
  const char* name;    // in tests/golden/image/files
  size_t keep;         // bytes; 0: half
  ImageStatus status;  // after it
};

// Where a download stops: behind the signature, within the header, before the first row, in the middle.
TEST(OddFiles, CutFiles) {
  constexpr Cut kCuts[] = {
      {"tall.jpg", 3, ImageStatus::kBroken},
      {"tall.jpg", 100, ImageStatus::kBroken},
      {"tall.jpg", 630, ImageStatus::kBroken},
      {"tall.jpg", 0, ImageStatus::kTruncated},
      {"tall_progressive.jpg", 200, ImageStatus::kBroken},
      {"tall_progressive.jpg", 0, ImageStatus::kTruncated},
      {"cmyk.jpg", 0, ImageStatus::kBroken},
      {"tall.png", 8, ImageStatus::kBroken},
      {"tall.png", 20, ImageStatus::kBroken},
      {"tall.png", 45, ImageStatus::kBroken},
      {"tall.png", 0, ImageStatus::kTruncated},
      {"tall_alpha.png", 0, ImageStatus::kTruncated},
      {"tall_interlaced.png", 0, ImageStatus::kTruncated},
      {"tall.webp", 12, ImageStatus::kBroken},
      {"tall.webp", 30, ImageStatus::kBroken},
      {"tall.webp", 0, ImageStatus::kTruncated},
      {"tall_lossless.webp", 0, ImageStatus::kTruncated},
      {"animation.webp", 40, ImageStatus::kBroken},
      {"tall.gif", 6, ImageStatus::kBroken},
      {"tall.gif", 40, ImageStatus::kBroken},
      {"tall.gif", 0, ImageStatus::kTruncated},
      {"rgb.bmp", 20, ImageStatus::kBroken},
      {"rgb.bmp", 60, ImageStatus::kBroken},
      {"rgb.bmp", 0, ImageStatus::kTruncated},
  };
  for (const auto& [name, keep, status] : kCuts) {
    const std::string whole = golden(name);
    if (left_out(as_bytes(whole))) continue;
    const DecodedImage decoded = decode_odd(whole.substr(0, keep == 0 ? whole.size() / 2 : keep));
    EXPECT_STREQ(image_status_name(decoded.status), image_status_name(status)) << name << " cut at " << keep << ": " << decoded.reason;
    EXPECT_FALSE(decoded.reason.empty()) << name << " cut at " << keep;
  }
}

// What is no file, or none that can be read: never waits, never follows for ever.
TEST(OddFiles, PlacesWithoutAFile) {
  const reference::TemporaryFolder folder("odd");
  fs::create_symlink(folder / "nowhere", folder / "dangling.jpg");
  fs::create_symlink(folder / "loop.jpg", folder / "loop.jpg");
  ASSERT_EQ(mkfifo((folder / "pipe.jpg").c_str(), 0600), 0);
  std::ofstream(folder / "empty.jpg").close();
  fs::create_directory(folder / "folder.jpg");
  fs::copy_file(golden_folder() / "files" / "rgb.png", folder / "with\nline end.jpg");
  fs::create_symlink(golden_folder() / "files" / "rgb.png", folder / "link.jpg");
  const std::string too_long(5000, 'x');
  for (const std::string& name : {std::string("absent.jpg"), std::string("dangling.jpg"), std::string("loop.jpg"), std::string("pipe.jpg"),
                                  std::string("folder.jpg"), too_long, std::string("empty.jpg/x.jpg")}) {
    const DecodedImage decoded = decode_image_file(folder / name, {});
    EXPECT_EQ(decoded.status, ImageStatus::kAbsent) << name << ": " << decoded.reason;
    EXPECT_FALSE(decoded.reason.empty()) << name;
  }
  EXPECT_EQ(decode_image_file("/dev/zero", {}).status, ImageStatus::kAbsent);
  EXPECT_EQ(decode_image_file(folder / "empty.jpg", {}).status, ImageStatus::kEmpty);
  EXPECT_EQ(decode_image_file(folder / "with\nline end.jpg", {}).status, ImageStatus::kOk);
  EXPECT_EQ(decode_image_file(folder / "link.jpg", {}).status, ImageStatus::kOk);
}

}  // namespace
}  // namespace infig
