// Words to pieces, with a cache of words seen before.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace infig {

struct WordPart {
  int32_t id = 0;
  uint32_t begin = 0, end = 0;  // bytes of the word
};

// A vocabulary and the rule that cuts a word by it. May be used from several threads at once.
class WordModel {
 public:
  virtual ~WordModel() = default;
  // Replaces `parts`. `word` is not empty.
  virtual void cut(std::string_view word, std::vector<WordPart>& parts) const = 0;
  virtual int32_t find(std::string_view token) const = 0;  // its id, -1 where the vocabulary lacks it
  virtual std::string_view token(int64_t id) const = 0;    // empty where no token has the id
  virtual int64_t size() const = 0;                        // largest id + 1
  // From now on these tokens do not come out of a word: it is cut as if the vocabulary lacked them. Called before the first cut().
  virtual void hide(const std::vector<int32_t>& ids) = 0;
  // What the originals call the text of a part: the token, but for unknown text in some models, where it is that itself.
  virtual std::string_view value(const WordPart& part, std::string_view /*word*/) const { return token(part.id); }
};

// One thread's cache of short words. An entry fills a cache line; each word maps to one slot and replaces its previous entry.
class WordCache {
 public:
  struct Entry {
    uint32_t owner = 0;  // the tokenizer whose word it is; 0: none
    uint8_t length = 0, count = 0;
    uint8_t ends[6] = {};
    char word[28] = {};
    int32_t ids[6] = {};
  };
  static constexpr size_t kLongest = sizeof(Entry::word), kMostParts = 6;

  WordCache() : entries_(kEntries) {}

  // The place of a word of at most kLongest bytes.
  Entry& place(std::string_view word, uint32_t owner) {
    uint64_t hash = owner * 0x9E3779B97F4A7C15ULL + word.size();
    const char* at = word.data();
    size_t left = word.size();
    for (; left >= 8; at += 8, left -= 8) {
      uint64_t eight = 0;
      std::memcpy(&eight, at, 8);
      hash = mix(hash ^ eight);
    }
    uint64_t rest = 0;
    for (size_t i = 0; i < left; ++i) rest |= static_cast<uint64_t>(static_cast<unsigned char>(at[i])) << (8 * i);
    return entries_[mix(hash ^ rest) >> (64 - kBits)];
  }
  static bool holds(const Entry& entry, std::string_view word, uint32_t owner) {
    return entry.owner == owner && entry.length == word.size() && std::memcmp(entry.word, word.data(), word.size()) == 0;
  }
  static void store(Entry& entry, std::string_view word, uint32_t owner, const std::vector<WordPart>& parts);

 private:
  static constexpr int kBits = 14;
  static constexpr size_t kEntries = size_t{1} << kBits;
  static uint64_t mix(uint64_t value) {
    value *= 0x9FB21C651E98DF25ULL;
    return value ^ (value >> 32);
  }
  std::vector<Entry> entries_;
};

// The number of one more tokenizer.
uint32_t next_cache_owner();

}  // namespace infig
