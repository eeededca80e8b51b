// Compares a data set with its stated counts and hashes, and finds what inflates scores.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "data/post.h"
#include "data/table_reading.h"
#include "quality/leaks.h"
#include "quality/picture_scan.h"
#include "quality/shortcuts.h"
#include "quality/text_facts.h"
#include "text/tokenizer.h"

namespace infig {

struct VerifyOptions {
  TableReading reading = {};             // of a table
  std::string expect = {};               // name of published counts to compare with (data/published_counts.h); empty: none
  bool pictures = true;                  // open every picture
  int64_t max_pixels = 100'000'000;      // width x height from which on a picture is refused
  bool bad_picture_is_miss = false;      // a picture that cannot be used counts as a miss
  bool lost_pictures_are_miss = true;    // that pictures are named, and too many (most_unusable), or all of them, cannot be used, is a miss
  double most_unusable = 0.01;           // share of the named pictures above which those that cannot be used count as a miss; 0 to 1
  bool near = true;                      // look for near texts and near pictures, not for equal ones alone
  double near_text_threshold = 0.8;      // NearTextOptions::threshold
  const Tokenizer* tokenizer = nullptr;  // null: lengths are counted in words alone
  int64_t max_length = 128;              // tokens from which on a post is cut; with a tokenizer
  bool shortcuts = true;                 // what simple rules score
  int64_t threads = 1;                   // changes no result
  void validate() const;                 // throws ConfigError
};

struct VerifyReport {
  DataSet data;                        // the rows without fault
  std::string stated_sha256;           // of dataset.json; empty: it states none
  std::vector<PictureFacts> pictures;  // [posts]; empty where they were not opened
  TextFacts texts;
  int64_t max_length = 0;              // of the options, with a tokenizer; else 0
  double near_text_threshold = 0;      // of the options; 0 where nothing near was looked for
  std::vector<Leak> leaks;             // by kind, then in reading order
  std::vector<LeakCount> leak_counts;  // the same, counted
  std::vector<Shortcut> shortcuts;
  std::vector<std::string> odd_labels;  // what looks like an accident in the labels (label_words.h)
  int64_t raw_pictures_named = 0;       // as dataset.json has it of prepare: pictures that the raw files name
  int64_t raw_pictures_there = 0;       // and those of them that came into the data set
  bool raw_pictures_meant = false;      // that the others stay away was asked for (prepare --bad-image)
  std::vector<std::string> row_faults;  // broken rows, unknown labels, repeated ids, ...
  std::vector<std::string> misses;      // every reason for which the data set fails, with row_faults as one summary line
  bool good() const { return misses.empty(); }
};

// Reads the data set (a folder or a table) and looks at everything: every row; the SHA-256 and the counts that dataset.json states; the
// published counts, if asked for; every text and picture; repetitions inside and across splits; what simple rules score. Shows progress
// bars. Faults of rows and pictures are listed, not thrown, and what is merely odd is no miss. Throws DataError only for a data set that
// cannot be read at all (no folder, no posts.jsonl, a broken dataset.json) and ConfigError for an option or an unknown `expect`.
VerifyReport verify_data(const std::filesystem::path& path, const VerifyOptions& options);

// Posts by the status of their picture: "ok", "absent", ..., "none" if a post names no picture.
std::map<std::string, int64_t> picture_statuses(const VerifyReport& report);
int64_t count_unusable(const VerifyReport& report);  // pictures that are named and cannot be used
int64_t count_named(const VerifyReport& report);     // posts that name a picture
int64_t count_raw_lost(
    const VerifyReport& report);  // pictures that the raw files name and prepare, unasked, did not bring into the data set
int64_t count_unlabelled(const VerifyReport& report);  // posts without label (of the split test)

// Rows of a split whose text has more than max_length tokens.
int64_t count_cut(const VerifyReport& report, Split split);

// Rows of the test split that have a twin of any kind in train or dev.
std::vector<int64_t> leaked_test_rows(const VerifyReport& report);

}  // namespace infig
