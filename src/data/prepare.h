// Raw files as users download them -> a data set folder.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "data/target.h"
#include "data/utf8.h"

namespace infig {

struct PostNote {
  std::string id;
  std::string reason;
};

// What preparing did, in order. The same goes into the data set folder: the counts into dataset.json ("rules"), `dropped` into
// dropped.csv and `notes`, where there are any, into notes.csv.
struct PrepareReport {
  std::vector<std::pair<std::string, int64_t>> counts;  // a rule and how many posts were left after it
  std::vector<PostNote> dropped;                        // every post left out
  std::vector<PostNote> notes;                          // every post kept although something about it is odd
  std::vector<std::pair<std::string, int64_t>> noted;   // how many notes of each kind
};

struct PrepareOptions {
  std::string name = {};                                  // of the data set; empty: what is prepared ("mvsa-single", the table's name)
  uint64_t seed = 1;                                      // draws the split where the raw files bring none
  TextDecode text_decode = TextDecode::kUtf8Ignore;       // how raw texts are read (MVSA; tables are UTF-8)
  PictureTransfer pictures = PictureTransfer::kHardLink;  // how pictures get into images/
  bool overwrite = false;                                 // replace a data set that is there already
  const std::atomic<int>* stop = nullptr;                 // looked at between posts; a signal's number ends the work with Interrupted
};

// MVSA-Single (datasets.md 2): `raw` is MVSA_Single/ (it holds data/<ID>.jpg, data/<ID>.txt and labelResultAll.txt) or its parent.
// With `splits` (a folder with the public train.json, dev.json, test.json, or some of them) the data set holds their posts in their
// order with their labels; each label is checked against the rule and each text against the raw file, and differences are noted. Texts are
// the raw files' own; a post whose raw text is absent takes the split file's. labelResultAll.txt may then be absent.
// With an empty `splits` it holds every post that the label rule keeps, in the order of labelResultAll.txt, split 80/10/10 by label and
// seed. A post without picture stays with its text alone and is noted, and the other way round; one with neither is dropped. Throws
// Interrupted on options.stop (nothing stays then), DataError for raw files that are absent or broken (mvsa.h), for a text that the
// decoding refuses, and as DataSetTarget does.
PrepareReport prepare_mvsa_single(const std::filesystem::path& raw, const std::filesystem::path& splits, const std::filesystem::path& out,
                                  const PrepareOptions& options);

struct TableOptions {
  PrepareOptions common = {};
  std::filesystem::path images = {};     // folder that relative pictures are looked for in; empty: the table's own
  std::vector<std::string> labels = {};  // label names in id order; empty: those of the table in alphabetical order
};

// A table of posts: CSV, TSV or JSONL (rows.h) with id, text or image or both, label and, if it has one, split; without a split column (or
// with every cell of it empty) the split is drawn 80/10/10 by label and seed. A row without label, or with neither text nor picture, is
// dropped and listed; a picture that is no readable file is noted and the post keeps its text. Throws DataError naming file and row for a
// broken row, a bad or repeated id, an unknown split, a split in some rows only, a label that is not among `labels`; and for a missing
// column.
PrepareReport prepare_table(const std::filesystem::path& table, const std::filesystem::path& out, const TableOptions& options);

}  // namespace infig
