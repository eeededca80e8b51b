#include "experiments/disagreements.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "core/words.h"
#include "evaluation/gallery.h"
#include "evaluation/reports.h"
#include "pages/html.h"

namespace infig {
namespace {

const VariantScores* best_other(const ExperimentScores& scores) {
  const VariantScores* best = nullptr;
  for (const VariantScores& one : scores.variants) {
    if (&one == &scores.variants[scores.reference] || one.seeds.empty()) continue;
    if (best == nullptr || one.accuracy.mean > best->accuracy.mean) best = &one;
  }
  return best;
}

double confidence_of(const Prediction& one) { return one.probabilities.at(static_cast<size_t>(one.predicted_id)); }

}  // namespace

Disagreements find_disagreements(const ExperimentScores& scores, const DataSet& data, size_t most) {
  if (scores.variants.empty() || scores.variants[scores.reference].seeds.empty()) return {};
  const VariantScores &first = scores.variants[scores.reference], *second = best_other(scores);
  if (second == nullptr) return {};
  const EvaluationResult own = read_evaluation(first.seeds.front().run, scores.split);
  const EvaluationResult other = read_evaluation(second->seeds.front().run, scores.split);
  Disagreements found{.first = first.variant.title, .second = second->variant.title, .labels = own.labels};
  std::unordered_map<std::string, const Prediction*> by_id;
  for (const Prediction& one : other.predictions) by_id[one.id] = &one;
  std::vector<std::pair<double, std::pair<const Prediction*, const Prediction*>>> differing;
  for (const Prediction& one : own.predictions) {
    const auto match = by_id.find(one.id);
    if (one.label_id < 0 || match == by_id.end()) continue;
    ++found.posts;
    const Prediction& theirs = *match->second;
    if (theirs.predicted_id == one.predicted_id) continue;
    ++found.differ;
    found.first_right += one.predicted_id == one.label_id ? 1 : 0;
    found.second_right += theirs.predicted_id == one.label_id ? 1 : 0;
    differing.push_back({std::min(confidence_of(one), confidence_of(theirs)), {&one, &theirs}});
  }
  std::ranges::stable_sort(differing, std::greater<>(), [](const auto& one) { return one.first; });
  differing.resize(std::min(differing.size(), most));
  std::unordered_map<std::string, const Post*> posts;
  for (const Post& post : data.posts) posts[post.id] = &post;
  for (const auto& [confidence, pair] : differing) {
    const auto post = posts.find(pair.first->id);
    if (post == posts.end()) continue;
    ShownPost shown = show_post(*post->second, *pair.first, {});
    shown.other_name = found.second;
    shown.other =
        fmt::format("{} ({:.0f} %)", found.labels.at(static_cast<size_t>(pair.second->predicted_id)), 100 * confidence_of(*pair.second));
    found.shown.push_back(std::move(shown));
  }
  return found;
}

std::string disagreements_html(const Disagreements& found) {
  if (found.first.empty() || found.differ == 0) return "";
  const int64_t neither = found.differ - found.first_right - found.second_right;
  return fmt::format(
             "<h3>Where {0} and {1} disagree</h3>\n<p class=\"lead\">On {2} of {3}: {0} is right on {4}, {1} on {5}, neither on {6}. The "
             "first "
             "seed of each; posts first of which both are surest.</p>\n",
             html_escape(found.first), html_escape(found.second), with_thousands(found.differ), counted(found.posts, "post"),
             with_thousands(found.first_right), with_thousands(found.second_right), with_thousands(neither)) +
         gallery_html(found.shown, found.labels);
}

}  // namespace infig
