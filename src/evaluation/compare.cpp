#include "evaluation/compare.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <unordered_map>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "evaluation/reports.h"
#include "run/seeds.h"

namespace infig {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> split_words(const std::string& word) {
  std::vector<std::string> words;
  for (size_t begin = 0; begin <= word.size();) {
    const size_t comma = std::min(word.find(',', begin), word.size());
    words.push_back(word.substr(begin, comma - begin));
    begin = comma + 1;
  }
  return words;
}

// Lists the evaluations of a run for messages: "test of postcards-0123abcd, dev".
std::string what_there_is(const fs::path& run) {
  std::vector<std::string> words;
  for (const StoredEvaluation& one : stored_evaluations(run)) {
    words.push_back(fmt::format("{}{}{}", one.split, one.without.empty() ? "" : " without " + one.without,
                                one.own() ? "" : " of " + one.folder.filename().string()));
  }
  return words.empty() ? "nothing yet" : fmt::format("{}", fmt::join(words, ", "));
}

// The predicted classes of all runs, in the order of the posts of the first run read.
class Answers {
 public:
  Answers(const ComparedSide& first, const ComparedSide& second, const CompareOptions& options) : options_(options) {
    for (const auto& run : first.runs) first_.push_back(read(run, first_marks_));
    for (const auto& run : second.runs) second_.push_back(read(run, second_marks_));
  }
  const std::vector<int64_t>& truths() const { return truths_; }
  const std::vector<std::vector<int64_t>>& first() const { return first_; }
  const std::vector<std::vector<int64_t>>& second() const { return second_; }
  const std::set<std::string>& first_marks() const { return first_marks_; }
  const std::set<std::string>& second_marks() const { return second_marks_; }
  const std::string& data() const { return data_; }
  const std::string& data_sha256() const { return data_sha256_; }
  int64_t classes() const { return static_cast<int64_t>(labels_.size()); }

 private:
  StoredEvaluation find(const fs::path& run) const {
    const std::vector<StoredEvaluation> found = find_evaluations(run, options_.split, options_.without, options_.data);
    if (found.size() == 1) return found.front();
    const std::string title = options_.data_title.empty() ? options_.data : options_.data_title;
    if (found.empty()) {
      throw DataError(fmt::format(
          "{}: was not evaluated on {} of {}{} (it was on: {}); infig evaluate --run {} --data {} --split {}{} does{}", run.string(),
          options_.split, title.empty() ? "its own data set" : title, options_.without.empty() ? "" : " without " + options_.without,
          what_there_is(run), run.string(), title.empty() ? "DATA" : title, options_.split,
          options_.without.empty() ? "" : " --without " + options_.without, title.empty() ? "; --data chooses among data sets" : ""));
    }
    std::vector<std::string> names;
    for (const StoredEvaluation& one : found) names.push_back(one.data_sha256.substr(0, 8));
    throw DataError(fmt::format("{}: was evaluated on several data sets called {}; give the beginning of the hash of one: --data {}",
                                run.string(), title, fmt::join(names, " | ")));
  }

  // Data sets are compared by hash: equal ids do not imply equal posts.
  void check_same_data(const fs::path& run, const StoredEvaluation& stored) {
    if (stored.data_sha256.empty())
      log_warning("{}: written by an older infig, which did not record the data set: posts are matched by id and label alone",
                  stored.path(run, ".json").string());
    if (data_sha256_.empty()) {
      data_ = stored.data;
      data_sha256_ = stored.data_sha256;
    }
    if (stored.data_sha256.empty() || stored.data_sha256 == data_sha256_) return;
    throw DataError(
        fmt::format("{} was evaluated on {}, {} on {}: runs are compared on the same posts alone; evaluate both on one data "
                    "set, and choose it with --data (evaluated so far: {}; {})",
                    origin_.string(), data_words(data_, data_sha256_), run.string(), data_words(stored.data, stored.data_sha256),
                    what_there_is(origin_), what_there_is(run)));
  }

  std::vector<int64_t> read(const fs::path& run, std::set<std::string>& marks) {
    const StoredEvaluation stored = find(run);
    check_same_data(run, stored);
    const std::string best = outdated_by(run, stored);
    if (!best.empty())
      log_warning("{}: is of {}; the best checkpoint is {} now: evaluate the run again", stored.path(run, ".json").string(),
                  stored.checkpoint, best);
    const fs::path path = stored.path(run, "-predictions.csv");
    const EvaluationResult result = read_evaluation(run, stored);
    marks.insert(result.marks.begin(), result.marks.end());
    if (places_.empty()) begin(run, result);
    if (result.labels != labels_) {
      throw DataError(fmt::format("{}: the labels are {}, those of {} are {}; only runs with the same labels can be compared", run.string(),
                                  fmt::join(result.labels, ", "), origin_.string(), fmt::join(labels_, ", ")));
    }
    std::vector<int64_t> predicted(truths_.size(), -1);
    size_t found = 0;
    for (const auto& prediction : result.predictions) {
      if (prediction.label_id < 0) continue;
      const auto place = places_.find(prediction.id);
      if (place == places_.end() || predicted[place->second] >= 0) {
        throw DataError(fmt::format("{}: post '{}' {}; evaluate both runs on the same data set", path.string(), prediction.id,
                                    place == places_.end() ? "is not among those of " + origin_.string() : "occurs twice"));
      }
      if (prediction.label_id != truths_[place->second]) {
        throw DataError(fmt::format("{}: post '{}' is labelled {}, in {} it is {}; evaluate both runs on the same data set", path.string(),
                                    prediction.id, labels_[static_cast<size_t>(prediction.label_id)], origin_.string(),
                                    labels_[static_cast<size_t>(truths_[place->second])]));
      }
      predicted[place->second] = prediction.predicted_id;
      ++found;
    }
    if (found != truths_.size()) {
      throw DataError(fmt::format("{}: {} posts with a label, {} has {}; evaluate both runs on the same data set", path.string(), found,
                                  origin_.string(), truths_.size()));
    }
    return predicted;
  }

  void begin(const fs::path& run, const EvaluationResult& result) {
    origin_ = run;
    labels_ = result.labels;
    for (const auto& prediction : result.predictions) {
      if (prediction.label_id < 0) continue;
      places_.emplace(prediction.id, truths_.size());
      truths_.push_back(prediction.label_id);
    }
    if (truths_.empty()) throw DataError(fmt::format("{}: no post of the split {} has a label", run.string(), options_.split));
  }

  const CompareOptions& options_;
  fs::path origin_;
  std::string data_, data_sha256_;  // of the first run
  std::vector<std::string> labels_;
  std::unordered_map<std::string, size_t> places_;
  std::vector<int64_t> truths_;
  std::vector<std::vector<int64_t>> first_, second_;
  std::set<std::string> first_marks_, second_marks_;
};

nlohmann::ordered_json to_json(const ScoreDifference& score) {
  return {{"first", score.first},      {"second", score.second},      {"difference", score.difference},
          {"low", score.interval.low}, {"high", score.interval.high}, {"p_value", score.p_value}};
}

nlohmann::ordered_json to_json(const ComparedSide& side) {
  nlohmann::ordered_json runs = nlohmann::ordered_json::array();
  for (const auto& run : side.runs) runs.push_back(run.generic_string());
  nlohmann::ordered_json json{{"name", side.name}, {"runs", runs}};
  if (!side.marks.empty()) json["marks"] = side.marks;
  return json;
}

}  // namespace

ComparedSide parse_side(const std::string& word) {
  ComparedSide side;
  std::set<fs::path> seen;
  std::vector<std::string> names;
  for (const std::string& name : split_words(word)) {
    if (name.empty()) throw ConfigError(fmt::format("compare: \"{}\" names no run, expected RUN or RUN,RUN,...", word));
    const fs::path folder(name);
    std::error_code code;
    if (!fs::is_directory(folder, code)) throw DataError(fmt::format("{}: no such run folder", name));
    std::vector<fs::path> runs = {folder};
    if (!fs::exists(folder / "eval") && !fs::exists(folder / "config.yaml")) runs = seed_runs(folder);
    if (runs.empty()) {
      throw DataError(fmt::format("{}: is no run (no config.yaml, no eval/) and holds none (no seed-1, seed-2, ...)", name));
    }
    for (const fs::path& run : runs) {
      if (!seen.insert(fs::weakly_canonical(run)).second)
        throw ConfigError(fmt::format("compare: {} is named twice on one side", run.string()));
      side.runs.push_back(run);
    }
    names.push_back(last_name(folder));
  }
  constexpr size_t kNamed = 3;
  const size_t shown = names.size() > kNamed ? kNamed - 1 : names.size();
  side.name = fmt::format("{}", fmt::join(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(shown), " + "));
  if (shown < names.size()) side.name += fmt::format(" + {} more", names.size() - shown);
  return side;
}

Comparison compare_runs(const ComparedSide& first, const ComparedSide& second, const CompareOptions& options) {
  const Answers answers(first, second, options);
  Comparison comparison{.first = first,
                        .second = second,
                        .split = options.split,
                        .without = options.without,
                        .data = answers.data(),
                        .data_sha256 = answers.data_sha256(),
                        .level = options.bootstrap.level,
                        .posts = static_cast<int64_t>(answers.truths().size()),
                        .scores = {},
                        .mcnemar = {}};
  comparison.first.marks.assign(answers.first_marks().begin(), answers.first_marks().end());
  comparison.second.marks.assign(answers.second_marks().begin(), answers.second_marks().end());
  // Sides with equal names, such as the same seed of two experiments, are called by their whole paths instead.
  if (comparison.first.name == comparison.second.name) {
    comparison.first.name = first.runs.front().generic_string();
    comparison.second.name = second.runs.front().generic_string();
  }
  comparison.scores = paired_bootstrap(answers.truths(), answers.first(), answers.second(), answers.classes(), options.bootstrap);
  if (first.runs.size() == second.runs.size()) {
    for (size_t i = 0; i < first.runs.size(); ++i)
      comparison.mcnemar.push_back(mcnemar_exact(answers.truths(), answers.first()[i], answers.second()[i]));
  }
  return comparison;
}

bool is_shown(const ScoreDifference& score) { return score.interval.low > 0 || score.interval.high < 0; }

std::string conclusion(const Comparison& comparison) {
  const ScoreDifference& score = comparison.scores.accuracy;
  const bool turned = score.difference < 0;
  const std::string& better = turned ? comparison.first.name : comparison.second.name;
  const std::string& worse = turned ? comparison.second.name : comparison.first.name;
  const double low = 100 * (turned ? -score.interval.high : score.interval.low);
  const double high = 100 * (turned ? -score.interval.low : score.interval.high);
  const auto shown = [](double points) { return std::abs(points) < 0.05 ? 0.0 : points; };  // no "-0.0"
  const std::string interval = fmt::format("{:.0f} % interval {:.1f} to {:.1f}", 100 * comparison.level, shown(low), shown(high));
  if (std::abs(score.difference) < 1e-12) {
    return fmt::format("{} and {} are equally accurate, {}: no difference shown", worse, better, interval);
  }
  return fmt::format("{} scores {:.1f} points of accuracy higher than {}, {}: {}", better, 100 * std::abs(score.difference), worse,
                     interval, is_shown(score) ? "shown to be better" : "not shown to be better");
}

nlohmann::ordered_json to_json(const Comparison& comparison) {
  nlohmann::ordered_json json{{"split", comparison.split}, {"posts", comparison.posts}, {"level", comparison.level}};
  json["data"] = comparison.data;
  json["data_sha256"] = comparison.data_sha256;
  if (!comparison.without.empty()) json["without"] = comparison.without;
  json["first"] = to_json(comparison.first);
  json["second"] = to_json(comparison.second);
  json["accuracy"] = to_json(comparison.scores.accuracy);
  json["f1_macro"] = to_json(comparison.scores.f1_macro);
  json["f1_weighted"] = to_json(comparison.scores.f1_weighted);
  json["mcc"] = to_json(comparison.scores.mcc);
  json["mcnemar"] = nlohmann::ordered_json::array();
  for (const McNemar& test : comparison.mcnemar)
    json["mcnemar"].push_back({{"only_first", test.only_first}, {"only_second", test.only_second}, {"p_value", test.p_value}});
  json["conclusion"] = conclusion(comparison);
  return json;
}

}  // namespace infig
