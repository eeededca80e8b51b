#include "model/classifier_loss_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <system_error>

#include "core/error.h"

namespace infig {
namespace {

// "1,2.5,1" as numbers; throws ConfigError for anything else.
std::vector<double> weight_list(const std::string& text) {
  std::vector<double> weights;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    double weight = 0;
    const auto [stop, error] = std::from_chars(text.data() + begin, text.data() + end, weight);
    if (error != std::errc() || stop != text.data() + end || !(weight > 0) || !std::isfinite(weight)) {
      throw ConfigError(fmt::format(
          "loss.class_weights: is \"{}\"; allowed is none, balanced, positive, or one number above 0 a class, as \"1,2.5,1\"", text));
    }
    weights.push_back(weight);
    begin = end + 1;
  }
  return weights;
}

// pos_weight of a binary cross-entropy: negatives / positives, of the class with the number 1.
std::vector<double> weight_of_positive(const std::vector<int64_t>& posts_of_class) {
  if (posts_of_class.size() != 2) {
    throw ConfigError(
        fmt::format("loss.class_weights=positive: weighs the second of two classes; the data set has {}", posts_of_class.size()));
  }
  if (posts_of_class[0] < 1 || posts_of_class[1] < 1)
    throw ConfigError("loss.class_weights=positive: one of both classes has no post in the training split");
  return {1, static_cast<double>(posts_of_class[0]) / static_cast<double>(posts_of_class[1])};
}

bool is_weight_rule(const std::string& weights) { return weights == "none" || weights == "balanced" || weights == "positive"; }

}  // namespace

ClassificationLossOptions ClassifierLossKeys::classification(const std::vector<int64_t>& posts_of_class) const {
  ClassificationLossOptions options{.label_smoothing = label_smoothing, .focal_gamma = focal_gamma};
  if (class_weights == "balanced") options.class_weights = balanced_class_weights(posts_of_class);
  if (class_weights == "positive") options.class_weights = weight_of_positive(posts_of_class);
  if (!is_weight_rule(class_weights)) options.class_weights = weight_list(class_weights);
  options.validate(static_cast<int64_t>(posts_of_class.size()));
  return options;
}

void ClassifierLossKeys::validate() const {
  if (!is_weight_rule(class_weights)) weight_list(class_weights);
}

void bind_options(ConfigBinder& binder, ClassifierLossKeys& keys) {
  binder.field("label_smoothing", keys.label_smoothing, {.low = 0, .high = 1, .high_open = true},
               "share of the classifier's target that is spread over all classes");
  binder.field("focal_gamma", keys.focal_gamma, {.low = 0}, "exponent of the focal loss: posts that are right already count less");
  binder.field(
      "class_weights", keys.class_weights,
      "none | balanced (posts / (classes x posts of the class)) | positive (of two classes the second: posts of the first / its own) "
      "| one number a class in label order, as \"1,2.5,1\"");
}

}  // namespace infig
