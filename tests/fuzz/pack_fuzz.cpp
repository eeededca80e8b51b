// images.pack. Behind a wrong hash no mutation gets far, so what begins with F gets a right footer: the second byte is how many pictures
// the index at its end names. What begins with R is the file as it is.
#include <fstream>

#include "core/files.h"
#include "data/pack.h"
#include "fuzz/fuzz.h"
#include "reference/temporary_folder.h"

namespace {

std::string number(uint64_t value) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(value >> (8 * i) & 0xFF);
  return bytes;
}

std::string with_footer(std::string content, uint64_t pictures) {
  const uint64_t room = content.size(), entries = pictures * infig::kPackEntryBytes;
  const uint64_t index = room >= entries ? room - entries : 0;
  const auto header = static_cast<size_t>(infig::kPackHeaderBytes);
  const std::string hex = infig::sha256_hex(content.substr(0, header) + content.substr(index));
  std::string digest;
  for (size_t i = 0; i < hex.size(); i += 2) digest += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return content + number(index) + number(pictures) + number(room + infig::kPackFooterBytes) + digest + number(0) + "INFIGEND";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace infig;
  if (size < 2) return -1;
  static const reference::TemporaryFolder folder("fuzz");
  const std::filesystem::path path = folder / kPackFile;
  std::string content(fuzz::text_of(data + 2, size - 2));
  if (data[0] == 'F') content = with_footer(std::move(content), data[1]);
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
  fuzz::attempt(path.string(), [&path] {
    const ImagePack pack(path);
    unsigned sum = 0;
    for (int64_t i = 0; i < pack.size(); ++i) {
      const PackEntry entry = pack.entry(i);
      const auto bytes = pack.picture(i);
      fuzz::require(static_cast<int64_t>(bytes.size()) == entry.length && !bytes.empty(), "a picture is as long as its entry says");
      for (const uint8_t byte : bytes) sum += byte;
      (void)pack.check_picture(i);
    }
    volatile unsigned kept = sum;
    (void)kept;
    for (const int64_t place : {INT64_MIN, int64_t{-1}, int64_t{0}, int64_t{31}, int64_t{40}, INT64_MAX}) {
      for (const int64_t length : {INT64_MIN, int64_t{0}, int64_t{1}, int64_t{1} << 40, INT64_MAX}) {
        fuzz::attempt(path.string(), [&] { (void)pack.bytes(place, length); });
      }
    }
  });
  return 0;
}
