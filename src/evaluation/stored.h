// Which evaluations a run folder holds, and where. Of the data set that the run was trained on: RUN/eval/SPLIT.json; of another one:
// RUN/eval/NAME-HASH8/SPLIT.json, HASH8 being the first eight digits of its hash. Data sets are told apart by the SHA-256 of their posts.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace infig {

struct StoredEvaluation {
  std::filesystem::path folder = "eval";  // from the run folder
  std::string split;                      // "train", "dev", "test"
  std::string without = {};               // "" or the part that was withheld: "image", "text"
  std::string data = {};                  // name of the data set; empty in files of older versions, which did not record it
  std::string data_sha256 = {};           // of its posts; likewise
  std::string checkpoint = {};            // that was scored: "step-000500"; likewise
  bool own() const { return folder == "eval"; }
  std::filesystem::path path(const std::filesystem::path& run, const std::string& tail) const;  // tail: ".json", "-predictions.csv", ...
};

// SHA-256 of the posts that the run was trained on; empty where description.json is absent, broken or says nothing.
std::string trained_on(const std::filesystem::path& run);

// "eval" for the data set that the run was trained on, and for one without a hash; "eval/NAME-HASH8" for another one, and for every one
// where the folder does not say what it was trained on (a checkpoint's folder).
std::filesystem::path evaluation_folder(const std::filesystem::path& run, const std::string& name, const std::string& sha256);

// All of them: the run's own data set first (test, dev, train, each followed by those with a part withheld), then others by their folder.
// A file that is no JSON, or holds no evaluation, is named in the log and left out.
std::vector<StoredEvaluation> stored_evaluations(const std::filesystem::path& run);

// Those of this split and part whose data set is meant by `word`: its name, NAME-HASH8, or the beginning of its hash (8 digits or more).
// An empty word means the run's own data set.
std::vector<StoredEvaluation> find_evaluations(const std::filesystem::path& run, const std::string& split, const std::string& without,
                                               const std::string& word);

// The checkpoint that is the run's best now, where `stored` was made by another one; empty where it still holds, or where one of the two is
// not known.
std::string outdated_by(const std::filesystem::path& run, const StoredEvaluation& stored);

// "postcards (SHA-256 0123abcd...)", or that the file does not say.
std::string data_words(const std::string& name, const std::string& sha256);

}  // namespace infig
