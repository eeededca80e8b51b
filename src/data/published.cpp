#include "data/published.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/error.h"

namespace infig {

const PublishedSplits& published_splits(const std::string& name) {
  static const std::map<std::string, PublishedSplits> known{
      {"mvsa-single",
       {.labels = {"positive", "neutral", "negative"},
        .totals = {{Split::kTrain, {2147, 376, 1088}}, {Split::kDev, {268, 47, 135}}, {Split::kTest, {268, 47, 135}}}}},
  };
  const auto found = known.find(name);
  if (found != known.end()) return found->second;
  std::vector<std::string> names;
  for (const auto& [known_name, splits] : known) names.push_back(known_name);
  throw ConfigError(fmt::format("published counts: \"{}\" is not known, expected {}", name, fmt::join(names, " or ")));
}

std::vector<std::string> published_misses(const DataSet& data, const std::string& name) {
  const PublishedSplits& published = published_splits(name);
  if (data.labels != published.labels) {
    return {fmt::format("the labels are {}, {} has {}", fmt::join(data.labels, ", "), name, fmt::join(published.labels, ", "))};
  }
  std::map<Split, std::vector<int64_t>> found;
  for (const auto& post : data.posts) {
    auto& totals = found[post.split];
    totals.resize(data.labels.size());
    ++totals.at(static_cast<size_t>(post.label_id));
  }
  std::vector<std::string> misses;
  if (found.empty()) misses.emplace_back("there are no posts at all");
  for (const auto& [split, totals] : found) {
    const auto& expected = published.totals.at(split);
    for (size_t label = 0; label < totals.size(); ++label) {
      if (totals[label] == expected[label]) continue;
      misses.push_back(fmt::format("{} holds {} posts labelled {}, {} has {}", split_name(split), totals[label], data.labels[label], name,
                                   expected[label]));
    }
  }
  return misses;
}

}  // namespace infig
