// Byte-pair encoding over characters, with all that tokenizer.json may ask of it.
#include <fmt/format.h>

#include <array>
#include <queue>
#include <string>

#include "core/error.h"
#include "text/json_models.h"
#include "text/listed_model.h"
#include "text/merge_table.h"
#include "text/unicode.h"

namespace infig {
namespace {

class CharacterPairModel final : public ListedModel {
 public:
  CharacterPairModel(CharacterPairs pairs, const std::string& where)
      : ListedModel(std::move(pairs.tokens)), pairs_(std::move(pairs)), merges_(pairs_.merges.size()) {
    list_tokens();
    if (!pairs_.unknown.empty()) unknown_ = required(pairs_.unknown, "the unknown token", where + ".unk_token");
    for (size_t rank = 0; rank < pairs_.merges.size(); ++rank) add_merge(rank, where);
    pairs_.merges.clear();
    for (size_t byte = 0; byte < bytes_.size(); ++byte) bytes_[byte] = pairs_.byte_fallback ? find(fmt::format("<0x{:02X}>", byte)) : -1;
    find_quick();
  }

  void cut(std::string_view word, std::vector<WordPart>& parts) const override {
    parts.clear();
    if (pairs_.ignore_merges) {
      if (const int32_t whole = find(word); whole >= 0) {
        parts.push_back({.id = whole, .begin = 0, .end = static_cast<uint32_t>(word.size())});
        return;
      }
    }
    thread_local std::vector<Symbol> symbols;
    symbols.clear();
    begin(word, symbols);
    merge(symbols);
    uint32_t at = 0;
    for (const Symbol& symbol : symbols) {
      if (symbol.length == 0) continue;
      parts.push_back({.id = symbol.id, .begin = at, .end = at + symbol.length});
      at += symbol.length;
    }
  }

  void hide(const std::vector<int32_t>& ids) override {
    for (const int32_t id : ids) {
      merges_.forget(id);
    }
    ListedModel::hide(ids);
    find_quick();
  }

 private:
  struct Symbol {
    int32_t id = 0;
    uint32_t length = 0;  // bytes of the word; 0: joined to the one before
    int32_t previous = -1, next = -1;
  };
  struct Unknown {  // one that is not put in yet
    bool waits = false;
    uint32_t length = 0;
  };
  struct Candidate {
    uint32_t rank = 0;
    int32_t place = 0, joined = 0;
    bool operator>(const Candidate& other) const { return rank != other.rank ? rank > other.rank : place > other.place; }
  };

  void add_merge(size_t rank, const std::string& where) {
    const auto& [left, right] = pairs_.merges[rank];
    const std::string what = fmt::format("of merge {} ('{} {}') the part", rank + 1, left, right), place = where + ".merges";
    const int32_t first = required(left, what, place), second = required(right, what, place);
    const size_t prefix = count_characters(pairs_.prefix);
    if (prefix > right.size() || (prefix < right.size() && continues_character(right[prefix])))
      throw CheckpointError(
          fmt::format("{}: of merge {} the second part '{}' does not begin with '{}'", place, rank + 1, right, pairs_.prefix));
    merges_.insert(first, second, static_cast<uint32_t>(rank), required(left + right.substr(prefix), what, place));
  }

  // Ids of characters of at most two bytes, where neither prefix nor suffix is to be put to them.
  void find_quick() {
    for (size_t code = 0; code < quick_.size(); ++code) {
      std::string text;
      append_utf8(text, static_cast<char32_t>(code));
      quick_[code] = find(text);
    }
  }

  int32_t character_id(std::string_view character, bool first, bool last, std::string& storage) const {
    if ((first || pairs_.prefix.empty()) && (!last || pairs_.suffix.empty())) {
      if (character.size() <= 2) return quick_[utf8_at(character, 0).code];
      return find(character);
    }
    storage = first ? "" : pairs_.prefix;
    storage += character;
    if (last) storage += pairs_.suffix;
    return find(storage);
  }

  // The characters of a word, unknown ones as bytes or as the unknown token.
  void begin(std::string_view word, std::vector<Symbol>& symbols) const {
    Unknown unknown;
    std::string storage;
    for (size_t at = 0; at < word.size();) {
      const uint32_t length = utf8_at(word, at).length;
      const std::string_view character = word.substr(at, length);
      const bool first = at == 0, last = at + length == word.size();
      at += length;
      const int32_t id = character_id(character, first, last, storage);
      if (id >= 0) {
        flush(unknown, symbols);
        add(id, length, symbols);
        continue;
      }
      storage = first ? "" : pairs_.prefix;
      storage += character;
      if (last) storage += pairs_.suffix;
      if (pairs_.byte_fallback && add_bytes(storage, symbols)) continue;  // an unknown one that waits comes behind them, as in the library
      if (unknown_ < 0) continue;
      if (unknown.waits && !pairs_.fuse_unknown) flush(unknown, symbols);
      unknown = {.waits = true, .length = unknown.length + length};
    }
    flush(unknown, symbols);
  }

  bool add_bytes(std::string_view text, std::vector<Symbol>& symbols) const {
    for (const char byte : text) {
      if (bytes_[static_cast<unsigned char>(byte)] < 0) return false;
    }
    for (const char byte : text) add(bytes_[static_cast<unsigned char>(byte)], 1, symbols);
    return true;
  }

  void flush(Unknown& unknown, std::vector<Symbol>& symbols) const {
    if (unknown.waits) add(unknown_, unknown.length, symbols);
    unknown = {};
  }

  static void add(int32_t id, uint32_t length, std::vector<Symbol>& symbols) {
    const auto place = static_cast<int32_t>(symbols.size());
    if (place > 0) symbols.back().next = place;
    symbols.push_back({.id = id, .length = length, .previous = place - 1, .next = -1});
  }

  void merge(std::vector<Symbol>& symbols) const {
    std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue;
    const auto offer = [&](int32_t at) {
      if (at < 0 || symbols[static_cast<size_t>(at)].next < 0) return;
      const Symbol& left = symbols[static_cast<size_t>(at)];
      const MergeTable::Merge& found = merges_.find(left.id, symbols[static_cast<size_t>(left.next)].id);
      if (found.rank != MergeTable::kNever) queue.push({.rank = found.rank, .place = at, .joined = found.joined});
    };
    for (size_t i = 0; i + 1 < symbols.size(); ++i) offer(static_cast<int32_t>(i));
    while (!queue.empty()) {
      const Candidate best = queue.top();
      queue.pop();
      Symbol& left = symbols[static_cast<size_t>(best.place)];
      if (left.length == 0 || left.next < 0) continue;
      Symbol& right = symbols[static_cast<size_t>(left.next)];
      // An old entry counts as long as the two that stand there now join to the same, as in the library.
      const MergeTable::Merge& now = merges_.find(left.id, right.id);
      if (now.rank == MergeTable::kNever || now.joined != best.joined) continue;
      left.id = best.joined;
      left.length += right.length;
      left.next = right.next;
      right.length = 0;
      if (left.next >= 0) symbols[static_cast<size_t>(left.next)].previous = best.place;
      offer(left.previous);
      offer(best.place);
    }
  }

  CharacterPairs pairs_;
  MergeTable merges_;
  std::array<int32_t, 256> bytes_{};
  std::array<int32_t, 0x800> quick_{};
  int32_t unknown_ = -1;
};

}  // namespace

std::unique_ptr<WordModel> make_character_pairs(CharacterPairs pairs, const std::string& where) {
  return std::make_unique<CharacterPairModel>(std::move(pairs), where);
}

}  // namespace infig
