#include "text/vocabulary_files.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/json.h"
#include "text/unicode.h"

namespace infig {
namespace {

using Json = nlohmann::json;

constexpr size_t kClipMerges = 49152 - 256 - 2, kMaxUnpacked = size_t{256} << 20;
constexpr int64_t kMaxId = 1 << 24;
// Ids without a token are few. A damaged id must not ask for memory out of proportion to the file.
constexpr int64_t kMaxUnused = 4096, kMaxUnusedPerToken = 16;

std::string_view next_line(std::string_view& text) {
  const size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::string_view without_trailing_space(std::string_view line) {
  while (!line.empty()) {
    const size_t last = previous_character(line, line.size());
    if ((char_flags(utf8_at(line, last).code) & kSpace) == 0) break;
    line = line.substr(0, last);
  }
  return line;
}

void check_utf8(std::string_view text, const std::string& where) {
  std::string storage;
  if (repaired_utf8(text, storage).data() != text.data())
    throw CheckpointError(fmt::format("{}: is not UTF-8; copy the file again", where));
}

std::string unpack(std::string_view gzip, const std::string& where) {
  z_stream stream{};
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(gzip.data()));  // zlib only reads there
  stream.avail_in = static_cast<uInt>(gzip.size());
  if (inflateInit2(&stream, 15 + 16) != Z_OK) throw ResourceError(fmt::format("{}: zlib cannot start; is memory exhausted?", where));
  std::string text;
  int status = Z_OK;
  while (status == Z_OK && text.size() < kMaxUnpacked) {
    const size_t done = text.size();
    text.resize(done + (size_t{1} << 20));
    stream.next_out = reinterpret_cast<Bytef*>(text.data() + done);
    stream.avail_out = 1U << 20;
    status = inflate(&stream, Z_NO_FLUSH);
    text.erase(text.size() - stream.avail_out);  // shrinks; for resize g++ 12 warns of a growth that cannot be
  }
  inflateEnd(&stream);
  if (status != Z_STREAM_END) throw CheckpointError(fmt::format("{}: is not a gzip file, or a damaged one; copy it again", where));
  return text;
}

}  // namespace

std::vector<std::string> parse_vocabulary_lines(std::string_view text, const std::string& where) {
  check_utf8(text, where);
  std::vector<std::string> tokens;
  while (!text.empty()) tokens.emplace_back(without_trailing_space(next_line(text)));
  if (tokens.empty()) throw CheckpointError(fmt::format("{}: is empty, expected a token a line; copy the file again", where));
  return tokens;
}

std::vector<std::string> parse_vocabulary_json(std::string_view text, const std::string& where) {
  return vocabulary_of_json(parse_foreign_json(text), where);
}

std::vector<std::string> vocabulary_of_json(const Json& content, const std::string& where) {
  if (!content.is_object() || content.empty()) {
    throw CheckpointError(fmt::format("{}: is not a JSON object of tokens and ids; copy the file again", where));
  }
  std::vector<std::string> tokens;
  const int64_t largest = std::min(kMaxId - 1, kMaxUnused + kMaxUnusedPerToken * static_cast<int64_t>(content.size()));
  for (const auto& [token, id] : content.items()) {
    if (!id.is_number_integer() || id.get<int64_t>() < 0 || id.get<int64_t>() > largest) {
      throw CheckpointError(fmt::format("{}: the id of '{}' is {}, expected a whole number from 0 to {} for {} tokens", where, token,
                                        id.dump(), largest, content.size()));
    }
    const auto place = id.get<size_t>();
    if (tokens.size() <= place) tokens.resize(place + 1);
    if (!tokens[place].empty())
      throw CheckpointError(fmt::format("{}: '{}' and '{}' have the same id {}", where, tokens[place], token, place));
    tokens[place] = token;
  }
  return tokens;
}

std::vector<std::pair<std::string, std::string>> parse_merges(std::string_view text, const std::string& where) {
  check_utf8(text, where);
  std::vector<std::pair<std::string, std::string>> merges;
  for (size_t number = 1; !text.empty(); ++number) {
    const std::string_view line = next_line(text);
    if (line.starts_with("#version") || (line.empty() && text.empty())) continue;
    const size_t space = line.find(' ');
    const std::string_view left = line.substr(0, space),
                           right = space == std::string_view::npos ? std::string_view() : line.substr(space + 1);
    if (left.empty() || right.empty() || right.find(' ') != std::string_view::npos) {
      throw CheckpointError(fmt::format("{}: line {} is '{}', expected two parts with a space between", where, number, line));
    }
    merges.emplace_back(left, right);
  }
  return merges;
}

BytePairVocabulary parse_clip_merges(std::string_view gzip, const std::string& where) {
  const std::string unpacked = unpack(gzip, where);
  std::string_view text = unpacked;
  next_line(text);
  size_t end = 0;
  for (size_t line = 0; line < kClipMerges; ++line) {
    end = text.find('\n', end);
    if (end == std::string_view::npos) {
      throw CheckpointError(
          fmt::format("{}: has {} merges, expected at least {}; this is not CLIP's vocabulary", where, line, kClipMerges));
    }
    ++end;
  }
  BytePairVocabulary vocabulary;
  vocabulary.merges = parse_merges(text.substr(0, end), where);
  if (vocabulary.merges.size() != kClipMerges) {  // a second header among them, say
    throw CheckpointError(fmt::format("{}: has {} merges in the {} lines behind its header; this is not CLIP's vocabulary", where,
                                      vocabulary.merges.size(), kClipMerges));
  }
  // Bytes in the order of byte_symbol: printable ones first.
  std::vector<std::string> bytes;
  for (const bool printable : {true, false}) {
    for (int byte = 0; byte < 256; ++byte) {
      const std::string& symbol = byte_symbol(static_cast<unsigned char>(byte));
      if ((utf8_at(symbol, 0).code < 256) == printable) bytes.push_back(symbol);
    }
  }
  vocabulary.tokens = bytes;
  for (const std::string& symbol : bytes) vocabulary.tokens.push_back(symbol + "</w>");
  for (const auto& [left, right] : vocabulary.merges) vocabulary.tokens.push_back(left + right);
  vocabulary.tokens.insert(vocabulary.tokens.end(), {"<|startoftext|>", "<|endoftext|>"});
  return vocabulary;
}

std::string vocabulary_json(const std::vector<std::string>& tokens) {
  std::string text = "{";
  for (size_t id = 0; id < tokens.size(); ++id) {
    if (!tokens[id].empty()) text += fmt::format("{}{}: {}", text.size() > 1 ? ", " : "", Json(tokens[id]).dump(), id);
  }
  return text + "}\n";
}

std::string merges_text(const std::vector<std::pair<std::string, std::string>>& merges) {
  std::string text = "#version: 0.2\n";
  for (const auto& [left, right] : merges) text += fmt::format("{} {}\n", left, right);
  return text;
}

}  // namespace infig
