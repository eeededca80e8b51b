// Raw files as users download them -> a data set folder.
// MVSA-Single is in mvsa_single_source.cpp, tables and their like in prepare_tables.cpp, the rest in prepare.cpp.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/pack.h"
#include "data/table_reading.h"
#include "data/utf8.h"
#include "prepare/resplit_source.h"
#include "prepare/source.h"
#include "prepare/target.h"
#include "prepare/unpack.h"
#include "text/clean_text.h"

namespace infig {

struct PostNote {
  std::string id;
  std::string reason;
};

// What preparing did. The same goes into the data set folder: the counts into dataset.json ("rules"), every dropped post into dropped.csv
// and every note, where there are any, into notes.csv.
struct PrepareReport {
  std::vector<std::pair<std::string, int64_t>> counts;           // a rule and how many posts were left after it, in order
  std::vector<std::pair<std::string, int64_t>> noted;            // how many notes of each kind, in order of first appearance
  std::vector<PostNote> dropped;                                 // the first kListed posts left out, in order
  std::vector<std::pair<std::string, int64_t>> dropped_reasons;  // how many posts for each reason, in order; the first kReasons of them
  std::vector<PostNote> notes;                                   // the first kListed notes on posts that are kept although something is odd
  int64_t dropped_count = 0;                                     // all of them
  int64_t notes_count = 0;
  int64_t pictures_named = 0;  // by the raw files, for posts that the rules left
  int64_t pictures_there = 0;  // of these, came into the data set
  static constexpr size_t kListed = 20, kReasons = 100;
};

// What becomes of a post whose picture cannot be decoded (docs/pictures.md).
enum class BadPictures {
  kMissing,  // the post stays with its text alone; noted
  kSkip,     // the post is dropped
  kError,    // DataError
};
const char* bad_pictures_name(BadPictures policy);        // "missing", "skip", "error"
BadPictures parse_bad_pictures(const std::string& word);  // throws ConfigError naming the three

struct PrepareOptions {
  std::string name = {};                                  // of the data set; empty: what is prepared ("mvsa-single", the table's name)
  uint64_t seed = 1;                                      // draws the split where the raw files bring none
  TextDecode text_decode = TextDecode::kUtf8Ignore;       // how raw texts are read (MVSA; tables are UTF-8)
  std::filesystem::path images = {};                      // folder that the pictures lie in; empty: where the raw files have them
  PictureTransfer pictures = PictureTransfer::kHardLink;  // how pictures get into images/ (without `pack`)
  std::optional<PackSettings> pack = {};                  // all pictures into images.pack instead of images/
  // Every picture is decoded, and what cannot be is treated so. Unset: with `pack` as kMissing, else pictures are not opened at all,
  // and their content is judged when they are read.
  std::optional<BadPictures> bad_pictures = {};
  int64_t max_pixels = 100'000'000;        // width x height of a picture; above it nothing is decoded
  bool unescape = false;                   // HTML escapes in texts ("&amp;") become what they stand for (text/html_text.h)
  bool clean_text = false;                 // texts as the data set's reference code cleans them (PrepareJob::clean_text)
  ResplitOptions split = {};               // another split than the published one; its seed, threads and stop are those of this struct
  UnpackLimits unpack = {};                // of an archive as raw files
  bool overwrite = false;                  // replace an existing data set
  int64_t threads = 1;                     // changes no byte
  const std::atomic<int>* stop = nullptr;  // checked between posts; a signal's number ends the work with Interrupted
  int64_t block = 0;                       // posts that are worked on together; 0: 16 a thread, at least 64; changes no byte
  double save_seconds = 0.5;               // between two records of the progress; 0: after every block
};

// A request to prepare one kind of raw data.
struct PrepareJob {
  std::string kind;                               // "mvsa-single"
  std::filesystem::path raw = {};                 // a folder, or an archive (zip, tar, tar.gz) of it; empty where the kind needs none
  bool raw_is_file = false;                       // `raw` is a file that the kind reads itself (a table), never unpacked
  TextCleaning raw_text = TextCleaning::kNone;    // what is done to every text unless options.clean_text asks for more
  TextCleaning clean_text = TextCleaning::kNone;  // what options.clean_text asks for; kNone: the kind knows no cleaning
  MemberFilter wants = {};                        // which members of an archive are unpacked; empty: all
  nlohmann::ordered_json options = nlohmann::ordered_json::object();  // the kind's own, on record in dataset.json under "options"
  nlohmann::ordered_json paths =
      nlohmann::ordered_json::object();  // its other inputs ("splits": ...): part of what makes two requests equal
  // Makes the source; gets the raw folder, or the one that the archive was unpacked to, and a scratch folder, which is deleted with
  // its contents at the end.
  std::function<std::unique_ptr<PostSource>(const std::filesystem::path& raw, const std::filesystem::path& scratch)> open = {};
};

// Prepares `job` into the data set folder `out`: reads the source's posts on options.threads threads, brings their pictures along, and
// writes posts.jsonl (posts of the source in their order, but for those that end with neither text nor picture), dropped.csv, notes.csv,
// images/ or images.pack, and dataset.json. Memory does not grow with the number of posts beyond the source's index.
// The work is done in `out`.unfinished and moved to `out` at the end. If the process is killed, at any moment, or stopped (options.stop,
// a full disk), the folder is kept, and an equal request resumes from the last recorded progress, with the same final bytes; a request
// with other options or inputs starts over and logs that. Changes of pictures and of texts of single posts are not detected.
// Throws what the source throws; DataError for an `out` that must not be replaced (target.h), for a bad picture under kError, where
// pictures are named and not one of them is there (unless options.bad_pictures says kMissing: a typed wish), for no post left, for
// `out`.unfinished that is not of this program or at which another process works; and Interrupted. After a DataError nothing stays.
PrepareReport prepare_data_set(const PrepareJob& job, const std::filesystem::path& out, const PrepareOptions& options);

// How MVSA-Single is measured; scores of two protocols are never compared (docs/published-data.md, "Protocols").
enum class MvsaProtocol {
  kOwn,         // every post that the label rule keeps; whether that is k4511 depends on the split
  k4511,        // the same posts in the public split: the paper's
  kConsistent,  // only posts whose text and picture have equal labels, 2,592 of a full download; split by seed
  kFair         // the public ten folds (data/fair_folds.h)
};
const char* mvsa_protocol_name(MvsaProtocol protocol);      // "", "4511", "consistent-2592", "fair-10fold"
MvsaProtocol parse_mvsa_protocol(const std::string& word);  // throws ConfigError naming the three
int64_t mvsa_protocol_posts(MvsaProtocol protocol);         // posts that a full download has: 4,511 or 2,592

struct MvsaSingleOptions {
  std::filesystem::path raw = {};  // MVSA_Single/ (it holds data/<ID>.jpg, data/<ID>.txt and labelResultAll.txt), its parent, or an archive
  std::filesystem::path splits = {};  // folder of the public train.json, dev.json, test.json, or some of them; kFair: of valid_pairlist.txt
  MvsaProtocol protocol = MvsaProtocol::kOwn;
  int64_t fold = 0;  // kFair: 1 .. 10
  // Throws ConfigError for what contradicts the protocol: no `splits`, no fold, another split (`split`).
  void validate(const ResplitOptions& split) const;
};

// MVSA-Single (docs/published-data.md). With `splits` the data set holds their posts in their order with their labels; each label is
// checked against the rule and each text against the raw file, and differences are noted. Texts are the raw files' own; a post whose raw
// text is absent takes the split file's. labelResultAll.txt may then be absent, and `raw` empty. With an empty `splits` it holds every post
// that the label rule keeps, in the order of labelResultAll.txt, split 80/10/10 by label and seed. The protocols kConsistent and kFair need
// the raw texts; the data set's name ends in the protocol ("mvsa-single-fair-10fold-3"), and "rules" in dataset.json has `protocol`,
// `protocol_posts` and, of the posts that the protocol is known to have, how many are there. A post without picture stays with its text
// alone and is noted, and the other way round; one with neither is dropped. Throws as prepare_data_set does, and DataError for raw files
// that are absent or broken (mvsa.h) and for a text that the decoding refuses.
PrepareReport prepare_mvsa_single(const MvsaSingleOptions& mvsa, const std::filesystem::path& out, const PrepareOptions& options);

struct TableOptions {
  PrepareOptions common = {};
  std::filesystem::path images = {};     // folder that relative pictures are looked for in; empty: the table's own
  std::vector<std::string> labels = {};  // label names in id order; empty: those of the table in alphabetical order, numbers by value
  bool strip_labels = false;             // spellings that differ by case, blanks at the ends or ".0" are one label (label_words.h)
  TableReading reading = {};             // columns, members, quotes
};

// A table of posts: CSV, TSV, .txt, JSONL, a JSON array or Parquet (rows.h) with text or image or both, label and, if it has them, id (else
// the number of the row) and split; or an archive that holds one such table, and pictures. Without a split column (or with every cell of it
// empty) the split is drawn 80/10/10 by label and seed. A row without label stays in the split test, for predict; elsewhere it is dropped,
// as is a row with neither text nor picture. A picture that is no readable file is noted and the post keeps its text. Where `labels` names
// the labels, a whole number is one by its place from 0 (unless the names are numbers); names that a Parquet schema states are taken in its
// order. Labels that look like an accident are warned of, columns that go by another name or are not used are said (TableNotes), as is a
// split that was drawn. A folder is read as prepare_parquet or prepare_image_folder does.
// Throws as prepare_data_set does, and DataError naming file and row for a broken row, a bad or repeated id, an unknown split, a split in
// some rows only, a label that is not among `labels`; and for a missing column.
PrepareReport prepare_table(const std::filesystem::path& table, const std::filesystem::path& out, const TableOptions& options);

// Parquet files: `raw` is one, a folder (all of its .parquet files, those in its folders too) or a pattern (data/parquet/parquet_rows.h).
PrepareReport prepare_parquet(const std::filesystem::path& raw, const std::filesystem::path& out, const TableOptions& options);

// A folder of pictures, with metadata.{csv,jsonl,parquet} or a folder a class (data/image_folder.h).
PrepareReport prepare_image_folder(const std::filesystem::path& raw, const std::filesystem::path& out, const TableOptions& options);

// WebDataset shards (tar files of KEY.jpg, KEY.txt, KEY.cls, KEY.json; webdataset_source.h): `raw` is a shard or a folder of them.
PrepareReport prepare_webdataset(const std::filesystem::path& raw, const std::filesystem::path& out, const TableOptions& options);

}  // namespace infig
