#include "text/word_model.h"

#include <atomic>

namespace infig {

void WordCache::store(Entry& entry, std::string_view word, uint32_t owner, const std::vector<WordPart>& parts) {
  uint32_t end = 0;
  if (parts.size() > kMostParts) return;
  for (const WordPart& part : parts) {  // an entry knows ends alone, so that parts must follow each other without a gap
    if (part.begin != end) return;
    end = part.end;
  }
  if (end != word.size()) return;
  entry.owner = owner;
  entry.length = static_cast<uint8_t>(word.size());
  entry.count = static_cast<uint8_t>(parts.size());
  std::memcpy(entry.word, word.data(), word.size());
  for (size_t i = 0; i < parts.size(); ++i) {
    entry.ids[i] = parts[i].id;
    entry.ends[i] = static_cast<uint8_t>(parts[i].end);
  }
}

uint32_t next_cache_owner() {
  static std::atomic<uint32_t> last{0};
  return ++last;
}

}  // namespace infig
