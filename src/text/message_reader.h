// The fields of a protobuf message, one after another: what finding a few of them in a SentencePiece model takes.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace infig {

class MessageReader {
 public:
  explicit MessageReader(std::string_view bytes) : bytes_(bytes) {}

  struct Field {
    uint64_t number = 0;
    std::string_view bytes;  // of a field of any length, or of four bytes; empty for others
    uint64_t value = 0;      // of a number
  };

  // The next field; nothing at the end or where the message is damaged (then broken() holds).
  std::optional<Field> next() {
    if (bytes_.empty() || broken_) return std::nullopt;
    const uint64_t tag = varint();
    Field field;
    field.number = tag >> 3;
    switch (tag & 7) {
      case 0:
        field.value = varint();
        break;
      case 1:
        take(8);
        break;
      case 2:
        field.bytes = take(varint());
        break;
      case 5:
        field.bytes = take(4);
        break;
      default:
        broken_ = true;
    }
    if (broken_) return std::nullopt;
    return field;
  }
  bool broken() const { return broken_; }
  size_t left() const { return bytes_.size(); }  // bytes that are not read yet

 private:
  uint64_t varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const std::string_view byte = take(1);
      if (broken_) return 0;
      value |= (static_cast<uint64_t>(static_cast<unsigned char>(byte[0])) & 0x7f) << shift;
      if ((static_cast<unsigned char>(byte[0]) & 0x80) == 0) return value;
    }
    broken_ = true;
    return 0;
  }

  std::string_view take(uint64_t count) {
    if (count > bytes_.size()) {
      broken_ = true;
      return {};
    }
    const std::string_view taken = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return taken;
  }

  std::string_view bytes_;
  bool broken_ = false;
};

}  // namespace infig
