// Counts over the posts processed so far; saved with every step, so that resumed work continues them.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "data/post.h"
#include "prepare/prepare.h"

namespace infig {

class Tallies {
 public:
  explicit Tallies(size_t labels);
  Tallies(const nlohmann::ordered_json& saved, size_t labels);  // as to_json() wrote it
  nlohmann::ordered_json to_json() const;

  void drop(const std::string& id, const std::string& reason);
  void note(const std::string& id, const RawNote& note, const std::string& line);
  void keep(Split split, int64_t label_id, bool with_text, bool with_image);
  void picture(const std::string& status) { ++pictures_[status]; }
  // A picture that the raw files name: whether it came into the data set, and where it was looked for.
  void named_picture(bool there, const std::string& place);
  void add_picture_hash(const std::string& sha256);  // of a picture's bytes, in order

  int64_t kept() const;
  int64_t dropped() const { return dropped_count_; }
  int64_t noted() const { return notes_count_; }
  const std::vector<std::pair<std::string, int64_t>>& noted_kinds() const { return kinds_; }
  const std::map<std::string, int64_t>& pictures() const { return pictures_; }
  const std::string& picture_chain() const { return picture_chain_; }
  int64_t pictures_read() const { return pictures_read_; }
  int64_t pictures_named() const { return pictures_named_; }
  int64_t pictures_there() const { return pictures_there_; }
  const std::string& first_missing() const { return first_missing_; }  // where the first one was looked for that is not there

  // {"train": {"posts": .., "with_text": .., "with_image": .., "labels": {..}}, ..}, as count_posts() (data/data_set.h) has it.
  nlohmann::ordered_json counts(const std::vector<std::string>& labels) const;
  PrepareReport report(const std::vector<RuleCount>& rules) const;

 private:
  struct OfSplit {
    int64_t posts = 0, with_text = 0, with_image = 0, unlabelled = 0;
    std::vector<int64_t> labels;
  };
  std::array<OfSplit, 3> splits_;
  std::vector<std::pair<std::string, int64_t>> kinds_;    // of notes, in order of first appearance
  std::map<std::string, int64_t> pictures_;               // by status
  std::vector<PostNote> dropped_, notes_;                 // the first of them
  std::vector<std::pair<std::string, int64_t>> reasons_;  // of dropped posts
  int64_t dropped_count_ = 0, notes_count_ = 0, pictures_read_ = 0, pictures_named_ = 0, pictures_there_ = 0;
  std::string picture_chain_, first_missing_;
};

}  // namespace infig
