#include "text/byte_pairs.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <queue>
#include <tuple>

#include "text/listed_model.h"
#include "text/merge_table.h"
#include "text/unicode.h"

namespace infig {
namespace {

class BytePairModel final : public ListedModel {
 public:
  BytePairModel(BytePairVocabulary vocabulary, const BytePairOptions& options, const std::string& where)
      : ListedModel(std::move(vocabulary.tokens)), merges_(vocabulary.merges.size()) {
    list_tokens();
    if (!options.unknown.empty()) unknown_ = required(options.unknown, "the unknown token", where);
    for (int byte = 0; byte < 256; ++byte) {
      const std::string& symbol = byte_symbol(static_cast<unsigned char>(byte));
      first_[static_cast<size_t>(byte)] = or_unknown(symbol);
      last_[static_cast<size_t>(byte)] = or_unknown(symbol + options.word_end);
    }
    for (size_t rank = 0; rank < vocabulary.merges.size(); ++rank) {
      const auto& [left, right] = vocabulary.merges[rank];
      const std::string what = fmt::format("of merge {} ('{} {}') the part", rank + 1, left, right);
      merges_.insert(required(left, what, where), required(right, what, where), static_cast<uint32_t>(rank),
                     required(left + right, what, where));
    }
  }

  void cut(std::string_view word, std::vector<WordPart>& parts) const override {
    parts.clear();
    for (size_t i = 0; i < word.size(); ++i) {
      const auto byte = static_cast<unsigned char>(word[i]);
      const int32_t id = i + 1 == word.size() ? last_[byte] : first_[byte];
      if (id >= 0) parts.push_back({.id = id, .begin = static_cast<uint32_t>(i), .end = static_cast<uint32_t>(i + 1)});
    }
    // Looking at every pair for each merge is quickest for words, and hopeless for 100 KB without a space.
    if (parts.size() <= 64) {
      merge_few(parts);
    } else {
      merge_many(parts);
    }
  }

  void hide(const std::vector<int32_t>& ids) override {
    for (const int32_t id : ids) {
      merges_.forget(id);
      std::replace(first_.begin(), first_.end(), id, unknown_);
      std::replace(last_.begin(), last_.end(), id, unknown_);
    }
  }

 private:
  int32_t or_unknown(const std::string& token) const {
    const int32_t id = find(token);
    return id >= 0 ? id : unknown_;
  }

  void merge_few(std::vector<WordPart>& parts) const {
    if (parts.size() < 2) return;
    std::array<const MergeTable::Merge*, 64> merges{};  // of each part with the next
    size_t pairs = parts.size() - 1;
    for (size_t i = 0; i < pairs; ++i) merges[i] = &merges_.find(parts[i].id, parts[i + 1].id);
    while (pairs > 0) {
      size_t best = 0;
      for (size_t i = 1; i < pairs; ++i) {
        if (merges[i]->rank < merges[best]->rank) best = i;
      }
      if (merges[best]->rank == MergeTable::kNever) break;
      parts[best].id = merges[best]->joined;
      parts[best].end = parts[best + 1].end;
      parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(best) + 1);
      for (size_t i = best + 1; i + 1 < pairs; ++i) merges[i] = merges[i + 1];
      --pairs;
      if (best < pairs) merges[best] = &merges_.find(parts[best].id, parts[best + 1].id);
      if (best > 0) merges[best - 1] = &merges_.find(parts[best - 1].id, parts[best].id);
    }
  }

  void merge_many(std::vector<WordPart>& parts) const {
    const auto count = static_cast<uint32_t>(parts.size());
    std::vector<uint32_t> next(count), previous(count);
    using Candidate = std::tuple<uint32_t, uint32_t, int32_t, int32_t>;  // rank, place, the two ids when it was found
    std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue;
    const auto offer = [&](uint32_t at) {
      if (at == MergeTable::kNever || next[at] == MergeTable::kNever) return;
      const MergeTable::Merge& merge = merges_.find(parts[at].id, parts[next[at]].id);
      if (merge.rank != MergeTable::kNever) queue.emplace(merge.rank, at, parts[at].id, parts[next[at]].id);
    };
    for (uint32_t i = 0; i < count; ++i) {
      next[i] = i + 1 < count ? i + 1 : MergeTable::kNever;
      previous[i] = i > 0 ? i - 1 : MergeTable::kNever;
    }
    for (uint32_t i = 0; i < count; ++i) offer(i);
    while (!queue.empty()) {
      const auto [rank, at, left, right] = queue.top();
      queue.pop();
      const uint32_t behind = next[at];
      if (parts[at].id != left || behind == MergeTable::kNever || parts[behind].id != right)
        continue;  // one of the two has been joined since
      parts[at].id = merges_.find(left, right).joined;
      parts[at].end = parts[behind].end;
      parts[behind].id = -1;
      next[at] = next[behind];
      if (next[at] != MergeTable::kNever) previous[next[at]] = at;
      offer(previous[at]);
      offer(at);
    }
    std::erase_if(parts, [](const WordPart& part) { return part.id < 0; });
  }

  MergeTable merges_;
  std::array<int32_t, 256> first_{}, last_{};
  int32_t unknown_ = -1;
};

}  // namespace

const std::string& byte_symbol(unsigned char byte) {
  static const std::array<std::string, 256> kSymbols = [] {
    std::array<std::string, 256> symbols;
    char32_t free = 256;  // bytes that are no printable Latin-1 character take the next free code
    for (unsigned value = 0; value < 256; ++value) {
      const bool printable = (value > 0x20 && value < 0x7F) || (value > 0xA0 && value != 0xAD);
      append_utf8(symbols[value], printable ? value : free++);
    }
    return symbols;
  }();
  return kSymbols[byte];
}

std::unique_ptr<WordModel> make_byte_pairs(BytePairVocabulary vocabulary, const BytePairOptions& options, const std::string& where) {
  return std::make_unique<BytePairModel>(std::move(vocabulary), options, where);
}

}  // namespace infig
