// Small files that would become large: what they claim or hold in secret is never taken into memory.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <zlib.h>

#include <atomic>
#include <functional>
#include <map>

#include "golden_pack.h"
#include "image/decode.h"

#if defined(INFIG_SANITIZED)  // of sanitizer/allocator_interface.h, which comes with clang alone
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*)(const volatile void*, size_t), void (*)(const volatile void*));
#endif

namespace infig {
namespace {

using testing::as_bytes;
using testing::golden_folder;
using testing::read_pack;
using testing::same_picture;

std::string big_endian(uint32_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16), static_cast<char>(value >> 8), static_cast<char>(value)};
}

std::string chunk(const std::string& kind, const std::string& data) {
  const std::string summed = kind + data;
  const auto sum = static_cast<uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(summed.data()), static_cast<uInt>(summed.size())));
  return big_endian(static_cast<uint32_t>(data.size())) + summed + big_endian(sum);
}

// `before`, then zeros, 1 MiB each time.
std::string deflated(const std::string& before, int mebibytes) {
  z_stream stream{};
  if (deflateInit(&stream, 9) != Z_OK) throw std::runtime_error("deflateInit");
  std::string out;
  const auto feed = [&](std::string data, int flush) {
    std::string room(1 << 16, '\0');
    stream.next_in = reinterpret_cast<Bytef*>(data.data());
    stream.avail_in = static_cast<uInt>(data.size());
    do {
      stream.next_out = reinterpret_cast<Bytef*>(room.data());
      stream.avail_out = static_cast<uInt>(room.size());
      deflate(&stream, flush);
      out.append(room, 0, room.size() - stream.avail_out);
    } while (stream.avail_out == 0);
  };
  feed(before, Z_NO_FLUSH);
  for (int i = 0; i < mebibytes; ++i) feed(std::string(1 << 20, '\0'), Z_NO_FLUSH);
  feed("", Z_FINISH);
  deflateEnd(&stream);
  return out;
}

#if defined(INFIG_SANITIZED)
constexpr int kMebibytes = 20;  // slow enough
#else
constexpr int kMebibytes = 300;  // more than the 256 MiB that the process below may have
#endif

// 2 x 2 pixels, red, green, blue, white; what `more` says stands before them.
std::string small_png(const std::string& more, int mebibytes_behind) {
  const std::string rows("\0\xFF\0\0\0\xFF\0\0\0\0\xFF\xFF\xFF\xFF", 14);
  return "\x89PNG\r\n\x1A\n" + chunk("IHDR", big_endian(2) + big_endian(2) + std::string("\x08\x02\0\0\0", 5)) + more +
         chunk("IDAT", deflated(rows, mebibytes_behind)) + chunk("IEND", "");
}
const Image kSmall{.width = 2, .height = 2, .pixels = {255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255}};

std::string make_bomb(const std::string& name) {
  if (name == "pixels") return small_png("", kMebibytes);
  static const std::string zeros = deflated("", kMebibytes);
  if (name == "profile") return small_png(chunk("iCCP", std::string("x\0\0", 3) + zeros), 0);
  if (name == "text") return small_png(chunk("zTXt", std::string("x\0\0", 3) + zeros), 0);
  return small_png(chunk("iTXt", std::string("x\0\1\0\0\0", 6) + zeros), 0);
}

const std::string& bomb(const std::string& name) {
  static std::map<std::string, std::string> made;
  const auto found = made.find(name);
  return found != made.end() ? found->second : made.emplace(name, make_bomb(name)).first->second;
}

class PngBomb : public ::testing::TestWithParam<const char*> {};

TEST_P(PngBomb, ThePictureIsDecodedAndNothingElse) {
  const std::string& bytes = bomb(GetParam());
  ASSERT_LT(bytes.size(), 2'000'000u);
  const DecodedImage decoded = decode_image(as_bytes(bytes), {});
  EXPECT_EQ(decoded.status, ImageStatus::kOk) << decoded.reason;
  EXPECT_TRUE(same_picture(decoded.image, kSmall));
}

#if !defined(INFIG_SANITIZED)  // which reserves terabytes of address space itself
TEST_P(PngBomb, FitsIntoLessMemoryThanItHolds) {
  const std::string& bytes = bomb(GetParam());
  const auto decode_it = [&bytes] {
    const rlimit limit{256UL << 20, 256UL << 20};
    if (setrlimit(RLIMIT_AS, &limit) != 0) std::_Exit(2);
    std::_Exit(same_picture(decode_image(as_bytes(bytes), {}).image, kSmall) ? 0 : 1);
  };
  EXPECT_EXIT(decode_it(), ::testing::ExitedWithCode(0), "");
}
#endif

INSTANTIATE_TEST_SUITE_P(Kinds, PngBomb, ::testing::Values("pixels", "profile", "text", "international_text"),
                         [](const auto& bomb_info) { return std::string(bomb_info.param); });

// A chunk that claims 1 GiB in a file of 100 bytes: libpng would allocate it before it looks for it.
TEST(HostileFile, AChunkIsNoLongerThanItsFile) {
#if defined(INFIG_SANITIZED)
  static std::atomic<size_t> largest_allocation{0};
  static const auto note = [](const volatile void*, size_t size) {
    if (size > largest_allocation) largest_allocation = size;
  };
  ASSERT_NE(__sanitizer_install_malloc_and_free_hooks(note, [](const volatile void*) {}), 0);
  largest_allocation = 0;  // of the tests before
#endif
  for (const char* kind : {"eXIf", "tEXt", "iCCP", "tRNS", "abCd"}) {
    const std::string png = small_png("", 0), header = png.substr(0, 33), rest = png.substr(33);
    const DecodedImage decoded = decode_image(as_bytes(fmt::format("{}{}{}{}", header, big_endian(0x4000001A), kind, rest)), {});
    EXPECT_EQ(decoded.status, ImageStatus::kBroken) << kind;
    EXPECT_NE(decoded.reason.find("ends early"), std::string::npos) << kind << ": " << decoded.reason;
    const std::string end = png.substr(png.size() - 12);
    const DecodedImage behind = decode_image(as_bytes(png.substr(0, png.size() - 12) + big_endian(0x4000001A) + kind + end), {});
    EXPECT_TRUE(same_picture(behind.image, kSmall)) << kind << ": " << behind.reason;
  }
#if defined(INFIG_SANITIZED)
  EXPECT_GT(largest_allocation, 100u);
  EXPECT_LT(largest_allocation, 1u << 20);
#endif
}

// The last scan of a progressive file, again and again: each costs a walk over the whole picture.
TEST(HostileFile, ScansWithoutEndAreCutOff) {
  const std::string bytes = read_file(golden_folder() / "files" / "progressive.jpg");
  const size_t last = bytes.rfind("\xFF\xDA"), end = bytes.rfind("\xFF\xD9");
  ASSERT_LT(last, end);
  std::string endless = bytes.substr(0, end);
  for (int i = 0; i < 5000; ++i) endless += bytes.substr(last, end - last);
  const DecodedImage decoded = decode_image(as_bytes(endless + "\xFF\xD9"), {});
  EXPECT_EQ(decoded.status, ImageStatus::kBroken);
  EXPECT_NE(decoded.reason.find("scans"), std::string::npos) << decoded.reason;
}

// A GIF whose frame never ends, and one of which only the first frame may cost anything.
TEST(HostileFile, OnlyTheFirstFrameCounts) {
  const std::string gif = read_file(golden_folder() / "files" / "local.gif");
  if (testing::left_out(as_bytes(gif))) GTEST_SKIP() << "this build has no support for GIF";
  std::string many = gif.substr(0, gif.size() - 1);
  const std::string frame = many.substr(13);
  for (int i = 0; i < 20000; ++i) many += frame;
  EXPECT_TRUE(same_picture(decode_image(as_bytes(many + ";"), {}).image, read_pack("decode").at("local.gif")));
}

}  // namespace
}  // namespace infig
