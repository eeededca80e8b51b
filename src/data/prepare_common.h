// What preparing any data set has in common.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "data/post.h"
#include "data/prepare.h"

namespace infig {

// Notes kinds and posts of a report as they come up; tallies stay in order of first appearance.
class PrepareLog {
 public:
  void count(const std::string& rule, size_t left) { report_.counts.emplace_back(rule, static_cast<int64_t>(left)); }
  void drop(const std::string& id, const std::string& reason) { report_.dropped.push_back({id, reason}); }
  // `kind` is what is tallied ("picture absent"), `detail` what stands behind it in notes.csv.
  void note(const std::string& id, const std::string& kind, const std::string& detail = "");
  PrepareReport take() { return std::move(report_); }
  const PrepareReport& report() const { return report_; }

 private:
  PrepareReport report_;
  std::map<std::string, size_t> kinds_;  // place in report_.noted
};

// Throws Interrupted, with the signal's exit code, once `stop` holds a signal's number.
void stop_if_asked(const std::atomic<int>* stop);

// Brings the pictures (post.image, which need not exist) into the target as images/<id><extension>, notes those that are absent, drops
// posts with neither text nor picture, and returns the rest in order. Shows a progress bar.
std::vector<Post> place_pictures(std::vector<Post> posts, DataSetTarget& target, const PrepareOptions& options, PrepareLog& log);

// Writes posts.jsonl, dataset.json (rules and counts under "rules"), dropped.csv and notes.csv, and moves the folder into place.
void finish_data_set(const DataSet& data, nlohmann::json rules, DataSetTarget& target, const PrepareLog& log);

}  // namespace infig
