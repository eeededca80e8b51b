// What a data set holds, against what it says it holds.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "data/post.h"

namespace infig {

// What became of one picture. `status` is a word of the table "Pictures" in interface.md ("ok", "truncated", "absent", ...).
struct PictureVerdict {
  std::string status;
  std::string reason;  // empty where there is nothing to say
  bool usable = true;
};
// Decodes a picture; called from several threads at once. A bad picture is a verdict, not an exception.
using PictureCheck = std::function<PictureVerdict(const FileSpan&)>;

struct VerifyOptions {
  PictureCheck check_picture = {};   // empty: pictures are not opened
  int64_t threads = 1;               // for pictures; changes no result
  std::string expect = {};           // name of published counts to compare with (published.h); empty: none
  bool bad_picture_is_miss = false;  // a picture that cannot be used counts as a miss
};

struct PictureFault {
  int64_t row = 0;  // index into VerifyReport::data.posts
  std::string status;
  std::string reason;
  bool usable = false;
};

// Posts of one split whose text (or picture file) occurs, byte for byte, in another split as well.
struct Leak {
  Split split = Split::kTest;
  Split other = Split::kTrain;
  int64_t texts = 0;
  int64_t pictures = 0;
};

struct VerifyReport {
  DataSet data;                              // the rows without fault
  std::string stated_sha256;                 // of dataset.json; empty: it states none
  std::map<std::string, int64_t> pictures;   // posts by status; "none" where a post names no picture
  std::vector<PictureFault> picture_faults;  // every status but "ok", in row order
  int64_t repeated_texts = 0;                // groups of posts with the same text
  int64_t conflicting_texts = 0;             // of these, groups with more than one label
  int64_t repeated_pictures = 0;             // groups of posts with the same picture file; counted when pictures are checked
  std::vector<Leak> leaks;                   // dev in train, test in train, test in dev, where both splits are there
  std::vector<std::string> row_faults;       // broken rows, unknown labels, repeated ids, ...
  std::vector<std::string> misses;           // everything for which the data set fails, row_faults summed up among them
  bool good() const { return misses.empty(); }
};

// Reads the data set (a folder or a table) and checks: every row; the SHA-256 and the counts that dataset.json states; the published
// counts, if asked for; every picture. Shows a progress bar. Faults of rows and pictures are listed, not thrown. Throws DataError only for
// a data set that cannot be read at all (no folder, no posts.jsonl, a broken dataset.json) and ConfigError for an unknown `expect`.
VerifyReport verify_data(const std::filesystem::path& path, const VerifyOptions& options);

}  // namespace infig
