// Finds the evaluations in a run folder. Those on the data set that the run was trained on are RUN/eval/SPLIT.json; those on others are
// RUN/eval/NAME-HASH8/SPLIT.json, where HASH8 is the first eight digits of the data set's hash, the SHA-256 of its posts.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace infig {

struct StoredEvaluation {
  std::filesystem::path folder = "eval";  // relative to the run folder
  std::string split;                      // "train", "dev", "test"
  std::string without = {};               // "" or the side that was withheld: "image", "text"
  std::string data = {};                  // name of the data set; empty in files of older versions, which lack it
  std::string data_sha256 = {};           // of its posts; empty in files of older versions
  std::string checkpoint = {};            // that was evaluated: "step-000500"; empty in files of older versions
  bool own() const { return folder == "eval"; }
  std::filesystem::path path(const std::filesystem::path& run, const std::string& tail) const;  // tail: ".json", "-predictions.csv", ...
};

// Returns the SHA-256 of the posts that the run was trained on; empty if description.json is missing, broken or does not contain it.
std::string trained_on(const std::filesystem::path& run);

// Returns "eval" for the data set that the run was trained on and for one without a hash; otherwise "eval/NAME-HASH8", which is used for
// every data set if the folder does not say what it was trained on (a checkpoint's folder).
std::filesystem::path evaluation_folder(const std::filesystem::path& run, const std::string& name, const std::string& sha256);

// Returns all evaluations: the run's own data set first (test, dev, train, each followed by those with a side withheld), then others by
// folder. A file that is not the JSON of an evaluation is named in the log and left out.
std::vector<StoredEvaluation> stored_evaluations(const std::filesystem::path& run);

// Returns the evaluations of this split and withheld side on the data set `word`: its name, NAME-HASH8, or at least the first 8 digits of
// its hash. An empty word means the run's own data set.
std::vector<StoredEvaluation> find_evaluations(const std::filesystem::path& run, const std::string& split, const std::string& without,
                                               const std::string& word);

// If `stored` is of a checkpoint that is no longer the run's best, returns the name of the best one. Empty if it is still the best, or if
// either is unknown.
std::string outdated_by(const std::filesystem::path& run, const StoredEvaluation& stored);

// "postcards (SHA-256 0123abcd...)"; for an empty hash, words that say that the data set is unknown.
std::string data_words(const std::string& name, const std::string& sha256);

}  // namespace infig
