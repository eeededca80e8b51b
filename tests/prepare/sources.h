// What the tests of sources share: all posts of a source, and a made-up source.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "data/scratch.h"
#include "prepare/source.h"

namespace infig::test {

inline std::vector<RawPost> read_all(const PostSource& source) {
  std::vector<RawPost> posts;
  for (int64_t i = 0; i < source.size(); ++i) posts.push_back(source.read(i));
  return posts;
}

inline std::vector<std::string> dropped_of(const PostSource& source) {
  std::vector<std::string> lines;
  source.each_dropped([&](const std::string& id, const std::string& reason) { lines.push_back(id + ": " + reason); });
  return lines;
}

// "rule": how many were left.
inline std::vector<std::pair<std::string, int64_t>> counts_of(const PostSource& source) {
  std::vector<std::pair<std::string, int64_t>> counts;
  for (const auto& count : source.facts().counts) counts.emplace_back(count.rule, count.left);
  return counts;
}

// Posts by split and label: "train 3/1 dev 1/0 test 0/1".
inline std::string totals_of(const PostSource& source) {
  std::map<Split, std::vector<int64_t>> totals;
  for (const auto& post : read_all(source)) {
    if (!post.drop.empty()) continue;
    auto& split = totals[post.split];
    split.resize(source.facts().labels.size());
    ++split.at(static_cast<size_t>(post.label_id));
  }
  std::string text;
  for (const auto& [split, labels] : totals) {
    text += std::string(text.empty() ? "" : " ") + split_name(split);
    for (size_t i = 0; i < labels.size(); ++i) text += (i == 0 ? " " : "/") + std::to_string(labels[i]);
  }
  return text;
}

class MadeUpSource : public PostSource {
 public:
  explicit MadeUpSource(std::vector<RawPost> posts, std::vector<std::string> labels = {"a", "b"}) : posts_(std::move(posts)) {
    facts_.name = "made-up";
    facts_.labels = std::move(labels);
    facts_.rules = {{"source", "made-up"}};
  }
  const SourceFacts& facts() const override { return facts_; }
  int64_t size() const override { return static_cast<int64_t>(posts_.size()); }
  RawPost read(int64_t i) const override { return posts_.at(static_cast<size_t>(i)); }
  void each_dropped(const DroppedSink& sink) const override { sink("gone", "made up"); }

 private:
  SourceFacts facts_;
  std::vector<RawPost> posts_;
};

}  // namespace infig::test
