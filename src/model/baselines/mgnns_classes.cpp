#include "model/baselines/mgnns_classes.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

#include "core/error.h"
#include "data/captions.h"
#include "encoders/picture_classifier.h"
#include "linear/cooccurrence.h"
#include "model/frozen_features.h"

namespace infig {
namespace {

constexpr int64_t kLikely = 5;        // classes of a picture that count
constexpr double kLeastLikely = 0.1;  // from this probability on

// The keys of `counts` from the most frequent, equal ones in their own order; the first `most`.
template <typename Key>
std::vector<Key> most_frequent(const std::map<Key, int64_t>& counts, int64_t most) {
  std::vector<std::pair<Key, int64_t>> sorted(counts.begin(), counts.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  std::vector<Key> keys;
  for (const auto& entry : sorted) {
    if (static_cast<int64_t>(keys.size()) == most) break;
    keys.push_back(entry.first);
  }
  return keys;
}

// The pictures' sets of keys as places in `kept`, and their graph.
template <typename Key>
std::vector<double> graph_of(const std::vector<std::set<Key>>& pictures, const std::vector<Key>& kept, const PictureClassOptions& options) {
  std::map<Key, int64_t> place;
  for (size_t k = 0; k < kept.size(); ++k) place.emplace(kept[k], static_cast<int64_t>(k));
  std::vector<std::vector<int64_t>> classes;
  for (const auto& picture : pictures) {
    std::vector<int64_t>& seen = classes.emplace_back();
    for (const Key& key : picture) {
      if (const auto found = place.find(key); found != place.end()) seen.push_back(found->second);
    }
  }
  return class_graph(classes, {.classes = options.classes, .threshold = options.threshold, .gamma = options.gamma});
}

std::string tidy_name(std::string_view name) {
  const size_t begin = name.find_first_not_of(" \r"), end = name.find_last_not_of(" \r");
  std::string tidy(begin == std::string_view::npos ? "" : name.substr(begin, end - begin + 1));
  for (char& c : tidy) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return tidy;
}

std::set<std::string> names_in(const std::string& list) {
  std::set<std::string> names;
  for (size_t begin = 0; begin <= list.size();) {
    const size_t end = std::min(list.find_first_of("\t,", begin), list.size());
    if (const std::string name = tidy_name(std::string_view(list).substr(begin, end - begin)); !name.empty()) names.insert(name);
    begin = end + 1;
  }
  return names;
}

}  // namespace

PictureClasses classes_from_file(const DataSet& data, const std::filesystem::path& file, const PictureClassOptions& options) {
  std::map<std::string, Split> split_of;
  for (const Post& post : data.posts) split_of.emplace(post.id, post.split);
  std::set<std::string> told;
  std::vector<std::set<std::string>> pictures;
  std::map<std::string, int64_t> counts;
  for_each_caption(file, [&](const std::string& id, std::string&& list, int64_t line) {
    const auto post = split_of.find(id);
    if (post == split_of.end())
      throw DataError(
          fmt::format("{}, line {}: no post of {} has the id {}; is the file another data set's?", file.string(), line, data.called(), id));
    if (!told.insert(id).second)
      throw DataError(fmt::format("{}, line {}: id {} is there twice; leave one of the lines out", file.string(), line, id));
    if (post->second != Split::kTrain) return;
    pictures.push_back(names_in(list));
    for (const std::string& name : pictures.back()) ++counts[name];
  });
  if (counts.empty())
    throw DataError(fmt::format("{}: names nothing in the picture of a training post of {}", file.string(), data.called()));
  PictureClasses classes;
  classes.names = most_frequent(counts, options.classes);
  classes.graph = graph_of(pictures, classes.names, options);
  return classes;
}

PictureClasses classes_from_classifier(const DataSet& data, const std::filesystem::path& model, const ImageOptions& pixels,
                                       const PictureClassOptions& options, const ClassifierRun& run) {
  const auto backbone = load_image_backbone(model).backbone;
  const PictureClassifier classifier = load_picture_classifier(model, *backbone);
  std::vector<Post> posts;
  for (const int64_t row : data.rows_of(Split::kTrain)) {
    if (data.posts[static_cast<size_t>(row)].names_picture()) posts.push_back(data.posts[static_cast<size_t>(row)]);
  }
  std::vector<std::set<int64_t>> pictures(posts.size());
  std::map<int64_t, int64_t> counts;
  const auto bad = for_each_grid(
      *backbone, posts, pixels, {.workers = run.workers, .title = run.title, .stop = run.stop}, [&](int64_t first, const at::Tensor& grid) {
        const at::Tensor odds = at::softmax(at::linear(backbone->pooled(grid), classifier.weight, classifier.bias), 1);
        const auto [highest, index] = odds.topk(std::min<int64_t>(kLikely, odds.size(1)), 1);
        for (int64_t i = 0; i < highest.size(0); ++i) {
          for (int64_t k = 0; k < highest.size(1); ++k) {
            if (highest[i][k].item<double>() >= kLeastLikely) pictures[static_cast<size_t>(first + i)].insert(index[i][k].item<int64_t>());
          }
        }
      });
  for (const auto& fault : bad) pictures[static_cast<size_t>(fault.first)].clear();
  for (const auto& picture : pictures) {
    for (const int64_t seen : picture) ++counts[seen];
  }
  return {.names = {}, .graph = graph_of(pictures, most_frequent(counts, options.classes), options)};
}

PictureClasses isolated_classes(int64_t classes) { return {.names = {}, .graph = class_graph({}, {.classes = classes, .threshold = 1})}; }

}  // namespace infig
