#include "evaluation/verdict.h"

#include <fmt/format.h>

#include "core/words.h"
#include "metrics/classification.h"

namespace infig {
namespace {

// Five posts show nothing: even if all of them differ between model and reference, the exact paired test gives 2 / 2^5 > .05.
constexpr int64_t kLeastPosts = 6;

Stand stand_of(const ClassificationScores& scores, double reference) {
  if (scores.count < kLeastPosts) return Stand::kNotShown;
  if (scores.accuracy_low > reference) return Stand::kBetter;
  return scores.accuracy_high < reference ? Stand::kWorse : Stand::kNotShown;
}

const char* words_of(Stand stand) {
  switch (stand) {
    case Stand::kBetter:
      return "is shown to be better than";
    case Stand::kWorse:
      return "is shown to be worse than";
    case Stand::kNotShown:
      break;
  }
  return "is not shown to be better than";
}

}  // namespace

const std::string& largest_class(const EvaluationResult& result) {
  size_t largest = 0;
  for (size_t i = 1; i < result.scores.classes.size(); ++i) {
    if (result.scores.classes[i].support > result.scores.classes[largest].support) largest = i;
  }
  return result.labels.at(largest);
}

const char* const kIntervalMethods =
    "Those of accuracy and weighted recall are Wilson's, the others percentile bootstrap over the posts (2,000 draws)";

const char* const kNoSpread = "all draws of the bootstrap have the same value, so that there is no interval to state";

Verdict verdict_of(const EvaluationResult& result) {
  const ClassificationScores& scores = result.scores;
  const double majority = majority_accuracy(scores);
  const std::string always = fmt::format("always answering {}", largest_class(result));
  Verdict verdict{.against_majority = stand_of(scores, majority), .best = always, .best_accuracy = majority};
  for (const AnchorLine& anchor : result.anchors) {
    verdict.anchors = true;
    if (anchor.accuracy <= verdict.best_accuracy) continue;
    verdict.best = fmt::format("the anchor {}", anchor.name);
    verdict.best_accuracy = anchor.accuracy;
  }
  verdict.against_best = stand_of(scores, verdict.best_accuracy);
  // Of anchors scores are kept and no predictions, so that there is no paired difference to look at.
  const std::string figures = fmt::format(": its accuracy is {:.1f} %, 95 % Wilson interval {:.1f} to {:.1f} %{}.", 100 * scores.accuracy,
                                          100 * scores.accuracy_low, 100 * scores.accuracy_high,
                                          verdict.best == always ? "" : ", of the model alone: the anchor is taken as a fixed figure");
  if (scores.count < kLeastPosts) {
    verdict.sentence =
        fmt::format("{} show nothing (it takes {} at least), neither that the model is better than {} ({:.1f} %) nor that it is worse{}",
                    counted(scores.count, "post"), kLeastPosts, verdict.best, 100 * verdict.best_accuracy, figures);
    if (scores.count == 1) verdict.sentence.replace(0, std::string("1 post show").size(), "1 post shows");
    return verdict;
  }
  const auto against = [](Stand stand, const std::string& name, double accuracy) {
    return fmt::format("{} {} ({:.1f} %)", words_of(stand), name, 100 * accuracy);
  };
  if (verdict.best == always || verdict.against_best == verdict.against_majority) {
    verdict.sentence = "The model " + against(verdict.against_best, verdict.best, verdict.best_accuracy);
    if (verdict.anchors && verdict.against_best == Stand::kBetter) verdict.sentence += ", the best of the simple references";
  } else {
    const char* joint = verdict.against_majority == Stand::kBetter ? "but" : "and";
    verdict.sentence = fmt::format("The model {}, {} {}", against(verdict.against_majority, always, majority), joint,
                                   against(verdict.against_best, verdict.best, verdict.best_accuracy));
  }
  verdict.sentence += figures;
  return verdict;
}

}  // namespace infig
