// Archives written by hand, from the formats' documents: pickles, the zip around them, the older form.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace infig {

inline std::span<const std::byte> as_bytes(const std::string& text) { return std::as_bytes(std::span(text)); }

inline std::string little(uint64_t value, size_t width) {
  std::string bytes;
  for (size_t i = 0; i < width; ++i) bytes += i < 8 ? static_cast<char>(value >> (8 * i) & 0xff) : '\0';
  return bytes;
}

// Pickle instructions, written by hand from the documentation of pickletools.
namespace op {
inline const std::string proto("\x80\x02", 2);
inline std::string str(const std::string& text) { return "X" + little(text.size(), 4) + text; }
inline std::string num(int64_t value) { return std::string("\x8a\x08", 2) + little(static_cast<uint64_t>(value), 8); }
inline std::string global(const std::string& module, const std::string& name) { return "c" + module + "\n" + name + "\n"; }
inline std::string tuple(const std::vector<std::string>& items) {
  std::string all = "(";
  for (const auto& item : items) all += item;
  return all + "t";
}
inline std::string dict(const std::vector<std::pair<std::string, std::string>>& items) {
  std::string all = "}(";
  for (const auto& [key, value] : items) all += key + value;
  return all + "u";
}
inline std::string list(const std::vector<std::string>& items) {
  std::string all = "](";
  for (const auto& item : items) all += item;
  return all + "e";
}
inline std::string storage(const std::string& type, const std::string& key, int64_t count, const std::string& more = "") {
  return tuple({str("storage"), global("torch", type), str(key), str("cpu"), num(count) + more}) + "Q";
}
inline std::string numbers(const std::vector<int64_t>& values) {
  std::vector<std::string> items;
  for (const int64_t value : values) items.push_back(num(value));
  return tuple(items);
}
inline std::string tensor(const std::string& from, int64_t offset, const std::vector<int64_t>& shape, const std::vector<int64_t>& stride) {
  return global("torch._utils", "_rebuild_tensor_v2") +
         tuple({from, num(offset), numbers(shape), numbers(stride), "\x89", global("collections", "OrderedDict") + ")R"}) + "R";
}
}  // namespace op

struct ZipItem {
  std::string name, data;
  uint16_t method = 0, flags = 0;
};

// A zip archive by hand, after PKWARE's APPNOTE.TXT.
inline std::string zip_by_hand(const std::vector<ZipItem>& items) {
  std::string bytes, directory;
  for (const ZipItem& item : items) {
    const std::string common = little(item.flags, 2) + little(item.method, 2) + little(0, 8) + little(item.data.size(), 4) +
                               little(item.data.size(), 4) + little(item.name.size(), 2);
    directory += "PK\x01\x02" + little(20, 2) + little(20, 2) + common + little(0, 12) + little(bytes.size(), 4) + item.name;
    bytes += "PK\x03\x04" + little(20, 2) + common + little(0, 2) + item.name + item.data;
  }
  return bytes + directory + "PK\x05\x06" + little(0, 4) + little(items.size(), 2) + little(items.size(), 2) + little(directory.size(), 4) +
         little(bytes.size(), 4) + little(0, 2);
}

// A zip archive as torch.save lays it out; `object` is the pickle without protocol and end.
inline std::string torch_zip(const std::string& object, const std::map<std::string, std::string>& storages) {
  std::vector<ZipItem> items = {{"x/data.pkl", op::proto + object + "."}, {"x/byteorder", "little"}};
  for (const auto& [key, data] : storages) items.push_back({"x/data/" + key, data});
  return zip_by_hand(items);
}

inline std::string torch_legacy(const std::string& object, const std::vector<std::pair<std::string, std::string>>& storages, size_t element,
                                const std::string& little_endian = "\x88") {
  std::vector<std::string> keys;
  std::string data;
  for (const auto& [key, bytes] : storages) {
    keys.push_back(op::str(key));
    data += little(bytes.size() / element, 8) + bytes;
  }
  return op::proto + std::string("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 13) + op::proto + op::num(1001) + "." + op::proto +
         op::dict({{op::str("protocol_version"), op::num(1001)}, {op::str("little_endian"), little_endian}}) + "." + op::proto + object +
         "." + op::proto + op::list(keys) + "." + data;
}

}  // namespace infig
