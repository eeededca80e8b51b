// A kind of raw data as `prepare` reads it: a small index of its posts, and each post on request.
//
// A source is made once, on one thread: it reads labels, splits and tables, applies the rules of its data set and keeps an index with a few
// bytes a post: never the texts or pictures of all posts. Then prepare_data_set() (prepare/prepare.h) calls read() from several threads,
// and writes the posts in the order of the index. What a source returns must depend on nothing but its files and options: after a kill it
// is created again, and the work resumes at the post where it stopped.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "data/post.h"

namespace infig {

// Where a picture lies among the raw files: a file of its own, or `length` bytes of a larger one (a tar).
struct PictureRef {
  std::filesystem::path file;  // empty: the raw files name no picture for this post
  int64_t offset = 0;
  int64_t length = -1;      // -1: the whole file
  std::string named = {};   // as the raw files name it, with its folder; empty: messages take the file's name
  std::string member = {};  // its name inside the larger file; gives the extension, and is used in messages

  bool none() const { return file.empty(); }
  bool whole_file() const { return length < 0; }
};

// Something odd about a post that is kept all the same. Kinds are tallied in dataset.json; every note is a line of notes.csv.
struct RawNote {
  std::string kind;         // of few: "label differs from the label rule's"
  std::string detail = {};  // details for this post
};

// One post as the raw files hold it.
struct RawPost {
  std::string id;
  std::string text;                    // UTF-8, decoded and cleaned as the options say; empty: missing
  PictureRef picture = {};             // need not exist: prepare finds out and notes it
  int64_t label_id = 0;                // index into SourceFacts::labels; -1: none, in the split test alone
  Split split = Split::kTrain;         // drawn splits are known to the index
  nlohmann::ordered_json fields = {};  // further fields of posts.jsonl, an object ({"attributes": [...]}); null: none
  std::vector<RawNote> notes = {};     // in order
  std::string drop = {};               // not empty: the post is left out after all, for this reason
};

// A row that a rule leaves out.
struct DroppedPost {
  std::string id;
  std::string reason;
};

// An input file by what it holds.
struct InputFile {
  std::string name;  // as the user knows it, without folders of this machine: "labelResultAll.txt", "splits/train.json"
  int64_t bytes = 0;
  std::string sha256;
};
// Reads the file once. Throws DataError where it cannot be read.
InputFile hash_input(const std::filesystem::path& file, const std::string& name);

// A rule and how many posts were left after it.
struct RuleCount {
  std::string rule;
  int64_t left = 0;
};

struct SourceFacts {
  std::string name;                 // of the data set, unless the user gives another: "mvsa-single"
  std::vector<std::string> labels;  // names in id order, distinct
  std::vector<RuleCount> counts;    // in the order the rules were applied; the last one is size()
  nlohmann::ordered_json rules;     // an object: what was applied, with its options; "rules" in dataset.json
  std::vector<InputFile> inputs;    // every input file that is neither a picture nor the text of one post
  std::string pictures_absent;  // not empty: why no post has a picture ("the folder x is absent"), reported once instead of once per post
  std::vector<std::string> said = {};  // how the raw files were read, where it was not plain, one sentence each; "reading" in dataset.json
  std::vector<std::string> warnings = {};  // what looks like an accident in the raw files, one sentence each; "warnings" in dataset.json
};

using DroppedSink = std::function<void(const std::string& id, const std::string& reason)>;

class PostSource {
 public:
  virtual ~PostSource() = default;

  virtual const SourceFacts& facts() const = 0;

  // Posts that the rules left. Their ids are distinct and fit id_fault() (data/data_set.h); the source has seen to both (id_index.h).
  virtual int64_t size() const = 0;

  // Post `i` of 0 .. size() - 1. Called from several threads at once. Throws DataError for raw files that must stop the work; faults of
  // one picture are not the source's business.
  virtual RawPost read(int64_t i) const = 0;

  // Names every post that the rules left out, always in the same order.
  virtual void each_dropped(const DroppedSink& sink) const = 0;

  // Writes further files of the data set into `folder` (a split's manifest); called once, before dataset.json is written.
  virtual void write_files(const std::filesystem::path& folder) const { static_cast<void>(folder); }
};

}  // namespace infig
