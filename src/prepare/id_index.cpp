#include "prepare/id_index.h"

#include <algorithm>
#include <tuple>

#include "core/files.h"

namespace infig {

void IdIndex::add(std::string_view id, int64_t row) { entries_.push_back({sha256_128(id), row}); }

std::optional<IdIndex::Repeat> IdIndex::first_repeat() {
  std::sort(entries_.begin(), entries_.end(),
            [](const Entry& a, const Entry& b) { return std::tie(a.hash, a.row) < std::tie(b.hash, b.row); });
  std::optional<Repeat> found;
  for (size_t i = 1; i < entries_.size(); ++i) {
    if (entries_[i].hash != entries_[i - 1].hash) continue;
    if (!found || entries_[i].row < found->again) found = Repeat{.first = entries_[i - 1].row, .again = entries_[i].row};
  }
  return found;
}

}  // namespace infig
