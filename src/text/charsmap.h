// The normalisation table inside a SentencePiece model. The library follows its offsets unchecked, so a damaged file would send it
// outside the table; everything else in a model it checks itself.
#pragma once

#include <string>
#include <string_view>

namespace infig {

// Looks at the table of a serialized model: a 32-bit length, a trie of 32-bit units in blocks of 256 (each either a value, an offset
// into the replacements, or a node whose children lie in one block, the value it has among them first), then the replacements, each ended
// by NUL. Returns what is wrong with it; empty where nothing is, or where the model has no table.
std::string charsmap_fault(std::string_view model);

// The same of the table itself.
std::string charsmap_table_fault(std::string_view table);

}  // namespace infig
