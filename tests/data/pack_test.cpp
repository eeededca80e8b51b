#include "data/pack.h"

#include <fmt/format.h>

#include "core/files.h"
#include "scratch.h"

namespace infig {
namespace {

namespace fs = std::filesystem;
using test::Scratch;
using test::slurp;
using test::thrown;
using ::testing::HasSubstr;

// The file byte by byte, as the header describes it; the digests are those of sha256sum.
TEST(Pack, IsWhatTheHeaderSays) {
  const Scratch scratch;
  {
    PackWriter writer(scratch / "images.pack", {.side = 256, .quality = 90});
    EXPECT_EQ(writer.add("abc", 300, 256).offset, 32);
    const PackEntry second = writer.add("de", 1, 65535);
    EXPECT_EQ(second.offset, 35);
    EXPECT_EQ(second.length, 2);
    writer.finish();
  }
  EXPECT_FALSE(fs::exists(scratch / "images.pack.index"));
  const std::string bytes = slurp(scratch / "images.pack");
  ASSERT_EQ(bytes.size(), 32U + 5 + 64 + 72);
  EXPECT_EQ(bytes.substr(0, 37), std::string("INFIGPCK\x01\0\0\0\0\x01\0\0\x5A\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0abcde", 37));
  // printf abc | sha256sum: ba7816bf 8f01cfea 414140de 5dae2223 ...
  EXPECT_EQ(bytes.substr(37, 32),
            std::string("\x20\0\0\0\0\0\0\0\x03\0\0\0\x2C\x01\0\x01\xBA\x78\x16\xBF\x8F\x01\xCF\xEA\x41\x41\x40\xDE\x5D\xAE\x22\x23", 32));
  EXPECT_EQ(bytes.substr(69, 16), std::string("\x23\0\0\0\0\0\0\0\x02\0\0\0\x01\0\xFF\xFF", 16));
  EXPECT_EQ(bytes.substr(101, 24), std::string("\x25\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\xAD\0\0\0\0\0\0\0", 24));
  std::string digest;
  for (const char c : bytes.substr(125, 32)) digest += fmt::format("{:02x}", static_cast<unsigned char>(c));
  EXPECT_EQ(digest, sha256_hex(bytes.substr(0, 32) + bytes.substr(37, 64)));
  EXPECT_EQ(bytes.substr(157), std::string("\0\0\0\0\0\0\0\0INFIGEND", 16));

  const ImagePack pack(scratch / "images.pack");
  EXPECT_EQ(pack.size(), 2);
  EXPECT_EQ(pack.settings().side, 256);
  EXPECT_EQ(pack.settings().quality, 90);
  EXPECT_EQ(pack.entry(0).width, 300);
  EXPECT_EQ(pack.entry(1).height, 65535);
  const auto picture = pack.picture(1);
  EXPECT_EQ(std::string(picture.begin(), picture.end()), "de");
  EXPECT_TRUE(pack.check_picture(0));
  EXPECT_TRUE(pack.check_picture(1));
  EXPECT_EQ(pack.bytes(32, 5).size(), 5U);
  for (const auto& [offset, length] : {std::pair{31, 2}, {32, 6}, {32, 0}, {37, 1}, {-1, 3}, {36, 2}}) {
    EXPECT_THAT(thrown<DataError>([&, o = offset, l = length] { pack.bytes(o, l); }), HasSubstr("outside the pictures"));
  }
  EXPECT_THAT(thrown<DataError>([&] { pack.entry(2); }), HasSubstr("expected 0 to 1"));
}

TEST(Pack, GoesOnFromAnyPlace) {
  const Scratch scratch;
  PackWriter::Place place;
  {
    PackWriter whole(scratch / "whole.pack", {});
    PackWriter writer(scratch / "images.pack", {});
    for (const char* picture : {"one", "two", "three"}) whole.add(picture, 3, 4);
    whole.finish();
    writer.add("one", 3, 4);
    place = writer.place();
    writer.sync();
    writer.add("this one is lost", 9, 9);
  }
  {
    PackWriter writer(scratch / "images.pack", {}, place);
    writer.add("two", 3, 4);
    writer.add("three", 3, 4);
    writer.finish();
  }
  EXPECT_EQ(slurp(scratch / "images.pack"), slurp(scratch / "whole.pack"));
  EXPECT_THAT(thrown<DataError>([&] { PackWriter(scratch / "images.pack", {}, {.bytes = 1'000'000, .pictures = 3}); }),
              HasSubstr("expected at least 1000000"));
}

TEST(Pack, EmptyIsAPackToo) {
  const Scratch scratch;
  PackWriter(scratch / "images.pack", {}).finish();
  EXPECT_EQ(ImagePack(scratch / "images.pack").size(), 0);
}

TEST(Pack, Refusals) {
  const Scratch scratch;
  {
    PackWriter writer(scratch / "images.pack", {});
    writer.add("abc", 2, 2);
    writer.add("defg", 2, 2);
    EXPECT_THROW(writer.add("", 2, 2), ResourceError);
    EXPECT_THROW(writer.add("x", 0, 2), ResourceError);
    EXPECT_THROW(writer.add("x", 2, 65536), ResourceError);
    writer.finish();
  }
  EXPECT_THROW(PackWriter(scratch / "none.pack", {.side = 0}), ConfigError);
  EXPECT_THROW(PackWriter(scratch / "none.pack", {.quality = 101}), ConfigError);
  EXPECT_THROW(PackWriter(scratch / "none/images.pack", {}), ResourceError);
  const std::string good = slurp(scratch / "images.pack");
  const auto message = [&](const std::string& bytes) {
    const auto file = scratch.file("bad.pack", bytes);
    return thrown<DataError>([&] { ImagePack{file}; });
  };
  const auto changed = [&](size_t at, char byte) {
    std::string bytes = good;
    bytes[at] = byte;
    return bytes;
  };
  EXPECT_THAT(message(""), HasSubstr("is not a pack of pictures"));
  EXPECT_THAT(message("INFIGPCK"), HasSubstr("is not a pack of pictures"));
  EXPECT_THAT(message(changed(0, 'X')), HasSubstr("is not a pack of pictures"));
  EXPECT_THAT(message(changed(8, '\2')), HasSubstr("version 2"));
  EXPECT_THAT(message(good.substr(0, good.size() - 1)), HasSubstr("cut short"));
  EXPECT_THAT(message(good.substr(0, 40)), HasSubstr("cut short"));
  EXPECT_THAT(message(good.substr(0, 34) + good.substr(35)), HasSubstr("its footer says"));
  EXPECT_THAT(message(changed(good.size() - 72, '\1')), HasSubstr("does not fit"));    // offset of the index
  EXPECT_THAT(message(changed(good.size() - 64, '\3')), HasSubstr("does not fit"));    // pictures
  EXPECT_THAT(message(changed(good.size() - 57, '\x7F')), HasSubstr("does not fit"));  // 2^63 pictures and more
  EXPECT_THAT(message(changed(39, '\x7F')), HasSubstr("does not match the hash"));     // an entry
  EXPECT_THAT(message(changed(12, '\x7F')), HasSubstr("does not match the hash"));     // the side
  const ImagePack damaged(scratch.file("damaged.pack", changed(33, 'B')));             // a picture: found when it is looked at
  EXPECT_FALSE(damaged.check_picture(0));
  EXPECT_TRUE(damaged.check_picture(1));
  EXPECT_THAT(thrown<DataError>([&] { ImagePack{scratch / "absent.pack"}; }), HasSubstr("absent.pack: cannot be opened"));
}

}  // namespace
}  // namespace infig
