#include "evaluation/slices.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <set>

#include "core/error.h"
#include "metrics/classification.h"
#include "text/script.h"
#include "text/unicode.h"

namespace infig {
namespace {

struct Length {
  const char* name;
  int64_t low, high;  // characters, both included
};
constexpr std::array<Length, 5> kLengths = {
    {{"1-40", 1, 40}, {"41-80", 41, 80}, {"81-120", 81, 120}, {"121-160", 121, 160}, {"161+", 161, INT64_MAX}}};

struct Parts {
  const char* name;
  bool picture, text;
};
constexpr std::array<Parts, 4> kParts = {
    {{"picture and text", true, true}, {"text alone", false, true}, {"picture alone", true, false}, {"neither", false, false}}};

class Slicer {
 public:
  Slicer(const std::vector<Prediction>& predictions, const std::vector<PostFacts>& facts, size_t classes)
      : predictions_(predictions), facts_(facts), classes_(classes) {}

  void add(const char* group, const std::string& name, const std::function<bool(const PostFacts&)>& belongs) {
    std::vector<std::vector<int64_t>> confusion(classes_, std::vector<int64_t>(classes_, 0));
    int64_t count = 0, hits = 0;
    for (size_t i = 0; i < predictions_.size(); ++i) {
      const Prediction& one = predictions_[i];
      if (one.label_id < 0 || !belongs(facts_[i])) continue;
      ++confusion.at(static_cast<size_t>(one.label_id)).at(static_cast<size_t>(one.predicted_id));
      ++count;
      hits += one.label_id == one.predicted_id ? 1 : 0;
    }
    if (count == 0) return;
    const ClassificationScores scores = score_confusion(std::move(confusion));
    const Interval interval = wilson_interval(hits, count);
    slices_.push_back({.group = group,
                       .name = name,
                       .count = count,
                       .accuracy = scores.accuracy,
                       .accuracy_low = interval.low,
                       .accuracy_high = interval.high,
                       .f1_macro = scores.f1_macro,
                       .f1_weighted = scores.f1_weighted});
  }
  std::vector<SliceScores> take() { return std::move(slices_); }

 private:
  const std::vector<Prediction>& predictions_;
  const std::vector<PostFacts>& facts_;
  size_t classes_;
  std::vector<SliceScores> slices_;
};

}  // namespace

PostFacts facts_of(const Post& post, bool picture_readable) {
  return {.characters = static_cast<int64_t>(count_characters(post.text)),
          .script = dominant_script(post.text),
          .picture = picture_readable && !post.image.empty(),
          .text = !post.text.empty()};
}

std::vector<SliceScores> score_slices(const std::vector<Prediction>& predictions, const std::vector<PostFacts>& facts, size_t classes) {
  if (predictions.size() != facts.size())
    throw ShapeError(
        fmt::format("slices: {} predictions and facts of {} posts, expected the same number", predictions.size(), facts.size()));
  Slicer slicer(predictions, facts, classes);
  for (const Length& length : kLengths)
    slicer.add("text_length", length.name, [&](const PostFacts& f) { return f.characters >= length.low && f.characters <= length.high; });
  for (const Parts& parts : kParts)
    slicer.add("parts", parts.name, [&](const PostFacts& f) { return f.picture == parts.picture && f.text == parts.text; });
  std::set<std::string> scripts;
  for (const PostFacts& one : facts) scripts.insert(one.script);
  Slicer by_script(predictions, facts, classes);
  for (const std::string& script : scripts) by_script.add("script", script, [&](const PostFacts& f) { return f.script == script; });
  std::vector<SliceScores> all = slicer.take(), last = by_script.take();
  std::stable_sort(last.begin(), last.end(), [](const SliceScores& a, const SliceScores& b) { return a.count > b.count; });
  all.insert(all.end(), last.begin(), last.end());
  return all;
}

}  // namespace infig
