// Postcards: the built-in data set. Small pictures with a sentence each, drawn and written by the program from a seed, so that every
// machine gets the same bytes: integer drawing, draws from RandomStream alone, PNG files of stored blocks. Free to use and to pass on.
//
// The label needs both halves of a post. The picture belongs to one of three kinds, the sentence too, and the label is
// what this table says. Its cells hold the share of posts in fiftieths:
//
//                       picture bright   picture plain   picture gloomy | all
//   text praises         8  positive      5  positive     6  negative   | 19   a lovely day over a storm is irony
//   text reports         5  positive     12  neutral      3  negative   | 20   the picture says how things are
//   text complains       6  negative      3  negative     2  negative   | 11   the sun does not bring back lost luggage
//   all                 19               20              11             | 50
//
//   positive 8+5+5 = 18 (.36)   neutral 12 (.24)   negative 6+3+6+3+2 = 20 (.40, the majority)
//   best by text alone      praises -> positive 8+5 = 13, reports -> neutral 12, complains -> negative 11:   36 / 50 = .72
//   best by picture alone   the table is symmetric, so again                                                 36 / 50 = .72
//   best by both            each cell has one label:                                                         50 / 50 = 1.00
//
// The counts are exact, not expected values, when 50 divides the number of posts; otherwise each cell is off by less than one post.
// Besides, each picture shows one coloured thing (a red umbrella) in the foreground, and three sentences in four name it. The thing says
// nothing about the label; it exists for alignment and explanations, which need words that correspond to a region of the picture.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/post.h"

namespace infig {

struct PostcardsOptions {
  uint64_t seed = 1;      // of all draws
  int64_t count = 2000;   // posts; 50 .. 100000 (50: each split holds each label)
  int64_t size = 112;     // side of the square pictures in pixels; 32 .. 512
  int64_t threads = 0;    // drawing threads; 0: as many as the machine has. Changes no byte
  void validate() const;  // throws ConfigError
};

enum class TextKind { kPraise, kReport, kComplaint };
enum class PictureKind { kBright, kPlain, kGloomy };

// A cell of the table above.
struct PostcardCell {
  TextKind text_kind;
  PictureKind picture_kind;
  int64_t label_id;   // 0 positive, 1 neutral, 2 negative
  int64_t fiftieths;  // share of all posts
};
const std::array<PostcardCell, 9>& postcard_table();

// What a post is made from; `write_postcards` stores the text, the label and the split; the rest is internal.
struct Postcard {
  std::string id;  // "pc-0001" ...; wider from 10,000 posts on
  int64_t number = 0;
  TextKind text_kind = TextKind::kReport;
  PictureKind picture_kind = PictureKind::kPlain;
  int64_t label_id = 1;
  Split split = Split::kTrain;
  int64_t scene = 0;         // 0 .. 4 within the picture kind, see scenes.h
  int64_t thing = 0;         // index into thing_names()
  int64_t thing_colour = 0;  // index into thing_colours()
  bool names_thing = false;  // the text says "<colour> <thing>"
  std::string text;
};

const std::vector<std::string>& postcard_labels();  // positive, neutral, negative

// The posts in file order, without drawing. Labels are spread evenly over the splits (80 / 10 / 10), and cells within labels. No sentence
// comes twice while 64 draws find a new one (the largest set of seed 1, 100,000 posts, has 100,000 different texts). Throws ConfigError.
std::vector<Postcard> plan_postcards(const PostcardsOptions& options);

// The picture of one post as the bytes of a PNG file: `size` x `size`, 8-bit RGB.
std::string draw_postcard(const Postcard& card, const PostcardsOptions& options);

// Draws all pictures into `folder`/images (made if absent; pictures of the same name are replaced) and returns the posts, named "postcards"
// with the labels above; posts.jsonl is left to write_data_set. Pictures are not flushed to the disk one by one: a caller that wants the
// folder atomically passes a staging folder. Throws ConfigError for the options and ResourceError for the disk.
DataSet write_postcards(const PostcardsOptions& options, const std::filesystem::path& folder);

}  // namespace infig
