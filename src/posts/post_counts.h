// How many posts and pictures were what: said at the end of every verb that reads posts, and written into its JSON.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "data/post.h"
#include "image/bad_picture.h"
#include "posts/outcome.h"

namespace infig {

struct PictureCounts {
  int64_t named = 0;       // posts that name one, of those whose picture was looked for
  int64_t truncated = 0;   // used, though only the first rows could be decoded
  int64_t absent = 0;      // no such file
  int64_t bad = 0;         // a file that cannot be used: empty, broken, of no known format, too large
  LostPictures lost = {};  // of the whole data set: those that prepare lost, which no post names any more

  int64_t used() const { return named - absent - bad; }
  bool all_lost() const { return named > 0 && used() == 0; }
  // "pictures: 118 of 120 used, 1 of them truncated, 1 absent, 1 bad"; "pictures: none named"; behind it "; 3 more were absent when the
  // data set was prepared (all splits)".
  std::string words() const;
  nlohmann::ordered_json json() const;  // images_{named,absent,bad,truncated}, images_lost_by_prepare_{absent,bad}
};

// Of the posts at `rows`, whose bad pictures are known by row.
PictureCounts count_pictures(const std::vector<Post>& posts, const std::vector<int64_t>& rows, const std::map<int64_t, BadPicture>& bad);

// Bad pictures by row as bytes, for ranks that have each read a part of them, and what several of them say together.
std::string pack_bad_pictures(const std::map<int64_t, BadPicture>& bad);
std::map<int64_t, BadPicture> unpack_bad_pictures(const std::vector<std::string>& packed);

// Throws DataError naming `where` if posts at `rows` name pictures and none of them can be used: a folder was moved, its name is wrong, or
// the files are no pictures. Pictures are decoded (small, where their format allows it) up to the first one that can be used.
void require_a_picture(const std::string& where, const std::vector<Post>& posts, const std::vector<int64_t>& rows);
// Throws DataError likewise if posts name pictures and none of them could be used.
void require_a_used_picture(const std::string& where, const PictureCounts& counts);

// Of predictions.
struct PredictionCounts {
  int64_t rows = 0;
  int64_t faults = 0;         // rows without a prediction
  int64_t below = 0;          // of the others, those whose answer is "none" (--min-confidence)
  int64_t texts_missing = 0;  // posts without text
  int64_t captions = 0;       // posts with a caption
  int64_t attributes = 0;     // posts with attribute words
  int64_t empty = 0;          // of the faults, those with neither text nor a picture that can be used
  PictureCounts pictures;

  void add(const PostOutcome& outcome, double least);
  void add(const PredictionCounts& other);
  nlohmann::ordered_json json() const;
  // Numbers in a fixed order, and back: for sending them and for keeping them beside half a file.
  std::vector<int64_t> numbers() const;
  static PredictionCounts from(const std::vector<int64_t>& numbers);  // throws DataError for another count of them
};

}  // namespace infig
