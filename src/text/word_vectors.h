// Pretrained vectors of words, as text: GloVe's (a line "word x1 ... xd" each), word2vec's and fastText's .vec (the same behind a first
// line "rows d").
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string_view>

namespace infig {

struct WordVectorCounts {
  int64_t rows = 0;   // vectors in the file
  int64_t found = 0;  // of these, words that were asked for
};

// Reads the file once, in constant memory, and calls take(id, vector) for each word that has an id, with its `size` numbers, the first time
// that it occurs. id_of(word): its id, or a negative number for a word that is not needed. A word may hold spaces: the last d parts of a
// line are the numbers (GloVe 840B). Numbers of words that are not needed are counted and not read. Throws DataError naming file and line,
// expected against found: for a file that cannot be read, holds no vectors or is no text (word2vec's .bin, compressed files); for vectors
// of another width than `size` (the key words.size), a line with fewer numbers, a number that is none or not finite; for another number of
// rows than the first line states.
WordVectorCounts read_word_vectors(const std::filesystem::path& file, int64_t size,
                                   const std::function<int64_t(std::string_view word)>& id_of,
                                   const std::function<void(int64_t id, std::span<const float> vector)>& take);

}  // namespace infig
