// SentencePiece's normalisation table as the Rust library reads it out of tokenizer.json, and the clusters of characters it is asked about.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace infig {

class PrecompiledMap {
 public:
  // `base64`: what SentencePiece calls precompiled_charsmap. Throws CheckpointError naming `where` for a damaged one.
  PrecompiledMap(std::string_view base64, const std::string& where);
  PrecompiledMap(const PrecompiledMap&) = delete;
  PrecompiledMap& operator=(const PrecompiledMap&) = delete;
  // The replacement of the shortest beginning of `text` that has one.
  std::optional<std::string_view> find(std::string_view text) const;

 private:
  std::string bytes_;
  std::string_view trie_, replacements_;
};

// Where the extended grapheme cluster (Unicode Standard Annex 29) that begins at `at` ends.
size_t grapheme_end(std::string_view text, size_t at);

}  // namespace infig
