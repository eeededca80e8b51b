#include "data/published_counts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <numeric>

#include "core/error.h"
#include "data/tumemo.h"

namespace infig {
namespace {

using Totals = std::map<Split, std::vector<int64_t>>;

const std::map<std::string, PublishedSplits>& known_splits() {
  static const std::map<std::string, PublishedSplits> known{
      {"mvsa-single",
       {.labels = {"positive", "neutral", "negative"},
        .totals = {{Split::kTrain, {2147, 376, 1088}}, {Split::kDev, {268, 47, 135}}, {Split::kTest, {268, 47, 135}}}}},
      {"mvsa-multiple",
       {.labels = {"positive", "neutral", "negative"},
        .totals = {{Split::kTrain, {9056, 3528, 1040}}, {Split::kDev, {1131, 440, 129}}, {Split::kTest, {1131, 440, 129}}}}},
      {"hfm",
       {.labels = {"not_sarcastic", "sarcastic"},
        .totals = {{Split::kTrain, {11174, 8642}}, {Split::kDev, {1451, 959}}, {Split::kTest, {1450, 959}}}}},
      // The whole of TumEmo's split is not public: only its sizes are, and the classes of all posts.
      {"tumemo",
       {.labels = tumemo_labels(),
        .totals = {},
        .sizes = {{Split::kTrain, kTumemoTotals[0]}, {Split::kDev, kTumemoTotals[1]}, {Split::kTest, kTumemoTotals[2]}},
        .class_totals = {14554, 32283, 18109, 20264, 50267, 34511, 25277},
        .class_of = tumemo_class_of}},
  };
  return known;
}

int64_t sum(const std::vector<int64_t>& numbers) { return std::accumulate(numbers.begin(), numbers.end(), int64_t{0}); }

Totals count_labels(const DataSet& data) {
  Totals found;
  for (const auto& post : data.posts) {
    auto& totals = found[post.split];
    totals.resize(data.labels.size());
    if (post.label_id >= 0) ++totals.at(static_cast<size_t>(post.label_id));
  }
  return found;
}

void compare_splits(const Totals& found, const PublishedSplits& published, const std::string& name, std::vector<std::string>& misses) {
  for (const auto& [split, totals] : found) {
    if (const auto size = published.sizes.find(split); size != published.sizes.end() && size->second != sum(totals))
      misses.push_back(fmt::format("{} holds {} posts, {} has {}", split_name(split), sum(totals), name, size->second));
    const auto expected = published.totals.find(split);
    if (expected == published.totals.end()) continue;
    for (size_t label = 0; label < totals.size(); ++label) {
      if (totals[label] == expected->second[label]) continue;
      misses.push_back(fmt::format("{} holds {} posts labelled {}, {} has {}", split_name(split), totals[label], published.labels[label],
                                   name, expected->second[label]));
    }
  }
}

void compare_class_totals(const Totals& found, const PublishedSplits& published, const std::string& name,
                          std::vector<std::string>& misses) {
  constexpr size_t kSplits = 3;
  if (published.class_totals.empty() || found.size() < kSplits) return;
  for (size_t label = 0; label < published.labels.size(); ++label) {
    int64_t total = 0;
    for (const auto& [split, totals] : found) total += totals[label];
    if (total != published.class_totals[label])
      misses.push_back(
          fmt::format("{} posts are labelled {}, {} has {}", total, published.labels[label], name, published.class_totals[label]));
  }
}

void compare_ids(const DataSet& data, const PublishedSplits& published, const std::string& name, std::vector<std::string>& misses) {
  if (published.class_of == nullptr) return;
  int64_t count = 0;
  std::string first;
  for (const auto& post : data.posts) {
    int64_t id = -1;
    const auto [end, error] = std::from_chars(post.id.data(), post.id.data() + post.id.size(), id);
    const bool number = error == std::errc() && end == post.id.data() + post.id.size();
    const int64_t label = number ? published.class_of(id) : -1;
    if (label == post.label_id) continue;
    if (count++ == 0)
      first = fmt::format("{} is labelled {}, {}", post.id, post.label,
                          label < 0 ? fmt::format("and is not an id of {}", name)
                                    : "but its number is " + published.labels[static_cast<size_t>(label)] + "'s");
  }
  if (count > 0) misses.push_back(fmt::format("{} posts contradict the ids of {}, the first: {}", count, name, first));
}

}  // namespace

const PublishedSplits& published_splits(const std::string& name) {
  const auto found = known_splits().find(name);
  if (found != known_splits().end()) return found->second;
  throw ConfigError(fmt::format("published counts: \"{}\" is not known, expected {}", name, fmt::join(published_names(), " or ")));
}

std::vector<std::string> published_names() {
  std::vector<std::string> names;
  for (const auto& [name, splits] : known_splits()) names.push_back(name);
  return names;
}

std::vector<std::string> published_misses(const DataSet& data, const std::string& name) {
  const PublishedSplits& published = published_splits(name);
  if (data.labels != published.labels) {
    return {fmt::format("the labels are {}, {} has {}", fmt::join(data.labels, ", "), name, fmt::join(published.labels, ", "))};
  }
  const Totals found = count_labels(data);
  std::vector<std::string> misses;
  if (found.empty()) misses.emplace_back("there are no posts at all");
  compare_splits(found, published, name, misses);
  compare_class_totals(found, published, name, misses);
  compare_ids(data, published, name, misses);
  return misses;
}

}  // namespace infig
