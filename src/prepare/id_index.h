// Whether an id occurs twice, for any number of posts: 24 bytes each instead of the ids themselves.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace infig {

class IdIndex {
 public:
  // `row` is what a message would call the place (a line number, an index); rows are added in rising order.
  void add(std::string_view id, int64_t row);

  struct Repeat {
    int64_t first = 0;  // the row of the id's first occurrence
    int64_t again = 0;  // the row that repeats it
  };
  // The repeat whose `again` comes first; nothing where all ids are distinct. Ids are compared by 128 bits of their SHA-256.
  std::optional<Repeat> first_repeat();

 private:
  struct Entry {
    std::array<uint64_t, 2> hash;
    int64_t row;
  };
  std::vector<Entry> entries_;
};

}  // namespace infig
