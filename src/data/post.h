// A post: what one row of a data set holds.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/file_span.h"

namespace infig {

enum class Split { kTrain, kDev, kTest };

const char* split_name(Split split);  // "train", "dev", "test"
// In any case and with blanks round it; "valid", "val" and "validation" are dev as well. Throws DataError.
Split parse_split(const std::string& word);

// A picture that is no file. The bytes are the owner's and must outlive the post.
struct MemoryPicture {
  std::span<const uint8_t> bytes = {};  // a picture file's, or pixels: [height, width, 3] RGB, rows from the top
  bool decoded = false;                 // whether they are pixels
  int64_t width = 0, height = 0;        // of pixels
};

struct Post {
  std::string id;
  std::string text;       // UTF-8; empty: the text is missing
  FileSpan image;         // absolute, or relative to the working folder once read; empty: the picture is missing
  std::string label;      // its name; empty where a file to predict has none
  int64_t label_id = -1;  // index into DataSet::labels; -1 without a label
  Split split = Split::kTrain;
  std::optional<MemoryPicture> picture = {};  // used where `image` is empty
  std::vector<std::string> attributes = {};   // words that a classifier of attributes saw in the picture (HFM), most likely first
  std::string caption = {};                   // of the picture (data/captions.h); empty: none

  bool names_picture() const { return !image.empty() || picture.has_value(); }
};

// Pictures that raw files named and that no post of a prepared data set names any more, as dataset.json counts them (all splits together).
struct LostPictures {
  int64_t absent = 0;  // no such file
  int64_t bad = 0;     // files that could not be used
};

struct DataSet {
  std::string name;
  std::filesystem::path folder;
  std::vector<std::string> labels;   // in id order
  std::vector<Post> posts;           // in file order
  std::string sha256;                // of posts.jsonl (or of the table that was read)
  std::filesystem::path named = {};  // as whoever reads it has named it: the folder, the table, the pattern
  LostPictures lost_pictures = {};
  std::array<int64_t, 3> empty_rows = {};  // of a table, by split: rows with neither a text nor a picture's name, which are no posts

  std::vector<int64_t> rows_of(Split split) const;  // indices into posts, in file order
  std::string called() const;                       // what messages call it: `named`, else the folder, else the name
};

}  // namespace infig
