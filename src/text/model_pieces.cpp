#include "text/model_pieces.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cstring>

#include "core/error.h"
#include "text/message_reader.h"
#include "text/unicode.h"

namespace infig {
namespace {

std::string to_base64(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), reinterpret_cast<const unsigned char*>(bytes.data()),
                                     static_cast<int>(bytes.size()));
  text.resize(static_cast<size_t>(length));
  return text;
}

std::pair<std::string, float> piece_of(std::string_view message) {
  constexpr uint64_t kText = 1, kScore = 2;  // field numbers of SentencePiece
  std::pair<std::string, float> piece{"", 0.0F};
  MessageReader fields(message);
  while (const auto field = fields.next()) {
    if (field->number == kText) piece.first = field->bytes;
    if (field->number == kScore && field->bytes.size() == sizeof(float)) std::memcpy(&piece.second, field->bytes.data(), sizeof(float));
  }
  return piece;
}

}  // namespace

ModelPieces read_model_pieces(std::string_view model, const std::string& where) {
  constexpr uint64_t kPieces = 1, kNormalizerSpec = 3, kPrecompiledCharsmap = 2;  // of ModelProto and NormalizerSpec
  constexpr size_t kMostTable = size_t{16} << 20;
  ModelPieces read;
  MessageReader fields(model);
  while (const auto field = fields.next()) {
    if (field->number == kPieces) read.pieces.push_back(piece_of(field->bytes));
    if (field->number != kNormalizerSpec) continue;
    MessageReader spec(field->bytes);
    while (const auto inner = spec.next()) {
      if (inner->number == kPrecompiledCharsmap && inner->bytes.size() <= kMostTable) read.charsmap = to_base64(inner->bytes);
    }
  }
  if (fields.broken() || read.pieces.size() < 4)
    throw CheckpointError(fmt::format("{}: is not a SentencePiece model, or a damaged one; copy the file again", where));
  for (const auto& [text, score] : read.pieces) {
    std::string repaired;
    if (repaired_utf8(text, repaired).data() != text.data())
      throw CheckpointError(fmt::format("{}: has a piece that is not UTF-8; copy the file again", where));
  }
  return read;
}

std::string with_control_pieces(std::string_view model, const std::vector<std::string_view>& texts) {
  std::string changed;
  MessageReader fields(model);
  size_t done = 0;
  while (const auto field = fields.next()) {
    const size_t end = model.size() - fields.left();
    const std::string_view whole = model.substr(done, end - done);
    done = end;
    const bool meant = field->number == 1 && std::find(texts.begin(), texts.end(), piece_of(field->bytes).first) != texts.end();
    if (!meant) {
      changed += whole;
      continue;
    }
    constexpr std::string_view kControl("\x18\x03", 2);  // type: CONTROL; of a field that comes twice the last counts
    std::string length;
    for (size_t left = field->bytes.size() + kControl.size(); left > 0; left >>= 7)
      length += static_cast<char>((left & 0x7F) | (left > 0x7F ? 0x80 : 0));
    changed += '\x0A';
    changed += length;
    changed += field->bytes;
    changed += kControl;
  }
  return changed;
}

}  // namespace infig
