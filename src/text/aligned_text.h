// A stretch of a text that is changed step by step, each byte knowing the bytes of the original that it came of, exactly as the Rust
// library `tokenizers` keeps account: its offsets are what these steps make of them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace infig {

// Bytes of the original text.
struct SourceRange {
  uint32_t begin = 0, end = 0;
  bool operator==(const SourceRange&) const = default;
};

// A character of the changed text. change: 1 it came in addition, 0 in place of the next of the text before, -n likewise and n more of
// them are gone.
struct TextChange {
  char32_t code = 0;
  int32_t change = 0;
};

// A part of the original as it stands after some steps: well-formed UTF-8. `shift` and `length` are the original bytes that it was cut out
// of.
struct AlignedText {
  std::string bytes;
  std::vector<SourceRange> source;  // of each byte
  uint32_t shift = 0, length = 0;
  size_t limit = static_cast<size_t>(-1);  // std::length_error where a change makes it longer than so many bytes

  void assign(std::string_view text, uint32_t at);                                   // unchanged text, which begins at `at` in the original
  void assign(const AlignedText& from, size_t begin, size_t end);                    // its bytes [begin, end)
  void transform(const std::vector<TextChange>& changes, size_t removed_first = 0);  // removed_first: characters that go before the first
  // The bytes [begin, end) become `content`, which gets the place of the last of them (of what is before them where there are none).
  // Replacements are made in order; finish() is called once behind the last.
  class Replacer {
   public:
    explicit Replacer(AlignedText& text) : text_(text) {}
    // whole: the content gets the place of all of them instead of the last.
    void replace(size_t begin, size_t end, std::string_view content, bool whole = false);
    void finish();

   private:
    void keep(size_t end);
    AlignedText& text_;
    std::string bytes_;
    std::vector<SourceRange> source_;
    size_t done_ = 0;
  };
  void prepend(std::string_view content);  // nothing is put before an empty text
};

// Where a slice [begin, end) of bytes with these sources lies in the original.
inline SourceRange slice_range(const std::vector<SourceRange>& source, size_t begin, size_t end) {
  return begin < end ? SourceRange{.begin = source[begin].begin, .end = source[end - 1].end} : SourceRange{};
}

// A text in pieces: bytes of all of them one behind another.
struct AlignedPiece {
  uint32_t begin = 0, end = 0;     // bytes of the aligned text
  uint32_t shift = 0, length = 0;  // of AlignedText
  int32_t token = -1;              // of an added token: its place in the tokenizer's list
};

struct AlignedPieces {
  std::string bytes;
  std::vector<SourceRange> source;
  std::vector<AlignedPiece> pieces;
  size_t limit = static_cast<size_t>(-1);  // as that of AlignedText

  void clear();
  std::string_view text_of(const AlignedPiece& piece) const { return std::string_view(bytes).substr(piece.begin, piece.end - piece.begin); }
  // Puts the bytes of `text` behind the others, as one piece, or as those that add_slice then names. Returns where they begin.
  uint32_t append(const AlignedText& text);
  // A piece of the bytes [begin, end); none where these are empty.
  void add_slice(size_t begin, size_t end, int32_t token = -1);
  void take_out(const AlignedPiece& piece, AlignedText& text) const;
};

}  // namespace infig
