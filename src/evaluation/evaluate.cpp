#include "evaluation/evaluate.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>

#include "core/error.h"
#include "core/files.h"
#include "core/words.h"
#include "evaluation/details.h"
#include "evaluation/slices.h"
#include "model/inference.h"

namespace infig {
namespace {

// Returns the model's id of each of the data set's labels; -1 if the model has none of this name. Their order and number may differ.
std::vector<int64_t> label_map(const DataSet& data, const std::vector<std::string>& model) {
  std::vector<int64_t> map;
  for (const auto& label : data.labels) {
    const auto found = std::find(model.begin(), model.end(), label);
    map.push_back(found == model.end() ? -1 : found - model.begin());
  }
  return map;
}

std::vector<SplitCount> counts_in_order(const DataSet& data, const std::vector<std::string>& model) {
  const std::vector<int64_t> map = label_map(data, model);
  std::vector<SplitCount> counts = count_splits(data);
  for (SplitCount& one : counts) {
    std::vector<int64_t> of_label(model.size(), 0);
    for (size_t i = 0; i < map.size(); ++i) {
      if (map[i] >= 0) of_label[static_cast<size_t>(map[i])] = one.of_label[i];
    }
    one.of_label = std::move(of_label);
  }
  return counts;
}

// Posts whose class the model cannot answer: a score over the others alone would hide them, and one with them as always wrong would be of
// another task.
[[noreturn]] void refuse_labels(const DataSet& data, Split split, const std::map<std::string, int64_t>& unknown,
                                const std::vector<std::string>& model) {
  std::string list;
  for (const auto& [label, posts] : unknown) list += fmt::format("{}\"{}\" in {}", list.empty() ? "" : ", ", label, counted(posts, "post"));
  throw DataError(
      fmt::format("{}: the split {} has labels that the model does not know: {}; it knows {}. Give these posts one of its labels, empty "
                  "their label (they "
                  "are then predicted and not scored), or leave them out",
                  data.name.empty() ? data.folder.string() : data.name, split_name(split), list, fmt::join(model, ", ")));
}

// Returns the split's posts, with label ids in the order of the model's labels.
std::vector<Post> posts_of(const DataSet& data, Split split, const std::vector<std::string>& model) {
  const std::vector<int64_t> map = label_map(data, model);
  std::vector<Post> posts;
  std::map<std::string, int64_t> unknown;
  for (const int64_t row : data.rows_of(split)) {
    Post post = data.posts[static_cast<size_t>(row)];
    if (post.label_id >= 0) {
      const int64_t id = map[static_cast<size_t>(post.label_id)];
      if (id < 0) ++unknown[post.label];
      post.label_id = id;
    }
    posts.push_back(std::move(post));
  }
  if (!unknown.empty()) refuse_labels(data, split, unknown, model);
  if (posts.empty()) throw DataError(fmt::format("{}: the split {} has no posts", data.called(), split_name(split)));
  return posts;
}

// Takes out the posts that leave nothing to judge by, neither a text nor a picture that can be used, as predict does
// (docs/data.md, "Which posts get a prediction"). A side that this evaluation alone hides (--without) counts as there: the posts are then
// the same as with both sides. Returns how many there were.
int64_t leave_out_empty(const std::vector<Post>& posts, Without trained_without, ScoredPosts& scored) {
  const std::vector<size_t> kept =
      places_to_judge(posts, scored.rows, scored.bad_pictures, trained_without != Without::kText, trained_without != Without::kImage);
  const auto empty = static_cast<int64_t>(scored.rows.size() - kept.size());
  keep_places(kept, scored.rows, scored.probabilities);
  return empty;
}

// Counts missing texts and pictures: of all posts at `rows`, and of those that were scored.
void count_inputs(const std::vector<Post>& posts, const std::vector<int64_t>& rows, const ScoredPosts& scored, bool with_pictures,
                  const LostPictures& by_prepare, EvaluationResult& result) {
  for (const int64_t row : scored.rows) {
    const Post& post = posts[static_cast<size_t>(row)];
    const auto bad = scored.bad_pictures.find(row);
    const bool lost = bad != scored.bad_pictures.end() && !bad->second.truncated();
    result.texts_missing += post.text.empty() ? 1 : 0;
    result.images_missing += with_pictures && (!post.names_picture() || lost) ? 1 : 0;
  }
  for (const auto& [row, bad] : scored.bad_pictures) result.images_truncated += bad.truncated() ? 1 : 0;
  result.images_skipped = static_cast<int64_t>(rows.size() - scored.rows.size()) - result.posts_empty;
  if (!with_pictures) return;
  result.pictures = count_pictures(posts, rows, scored.bad_pictures);
  result.pictures.lost = by_prepare;
}

// Probabilities of the split's posts; what training's cache holds of them is read from there.
ScoredPosts score_split(const Predictor& predictor, const DataSet& data, Split split, const std::vector<Post>& posts,
                        const std::vector<int64_t>& all, const EvaluateOptions& options) {
  const std::vector<int64_t> places = data.rows_of(split);
  const FoundInputs found = {.data = &data, .rows = &places, .folder = options.feature_cache};
  return predictor.score(posts, all,
                         {.loader = options.loader,
                          .batch_size = options.batch_size,
                          .reading_title = "reading pictures",
                          .title = "evaluating",
                          .stop = options.stop,
                          .ranks = options.ranks,
                          .found = options.feature_cache.empty() ? nullptr : &found});
}

}  // namespace

void bind_options(ConfigBinder& binder, EvaluateOptions& options) {
  bind_options(binder, options.loader);
  binder.field("batch_size", options.batch_size, {.low = 1}, "posts a batch");
  bind_options(binder, options.predictor);
}

EvaluationResult evaluate(const std::filesystem::path& run, const DataSet& data, Split split, const EvaluateOptions& options) {
  const Predictor predictor(run, options.predictor);
  if (!predictor.options().completes_posts()) return evaluate(predictor, data, split, options);
  return evaluate(predictor, completed(predictor, data), split, options);
}

DataSet completed(const Predictor& predictor, const DataSet& data, const std::string& captions) {
  DataSet own = data;
  const std::unique_ptr<ModelOptions> options = predictor.options().clone();
  if (!captions.empty()) {
    ConfigBinder binder;
    options->bind(binder);
    const auto reads = [](const ConfigField& field) { return field.key == "captions.file"; };
    if (std::none_of(binder.fields().begin(), binder.fields().end(), reads))
      throw ConfigError(fmt::format("--captions {}: the model of this run reads no captions; leave it out", captions));
    apply_override(binder, "captions.file=" + nlohmann::json(captions).dump());
    options->finish();
  }
  options->complete_posts(own);
  return own;
}

EvaluationResult evaluate(const Predictor& predictor, const DataSet& data, Split split, const EvaluateOptions& options) {
  const std::vector<Post> posts = posts_of(data, split, predictor.labels());
  std::vector<int64_t> all(posts.size());
  std::iota(all.begin(), all.end(), int64_t{0});
  const bool with_pictures = options.loader.without != Without::kImage && predictor.trained_without() != Without::kImage;
  const bool may_lose = options.may_lose_pictures || !with_pictures;
  if (!may_lose) require_a_picture(data.called(), posts, all);
  ScoredPosts scored = score_split(predictor, data, split, posts, all, options);
  const size_t classes = predictor.labels().size();
  EvaluationResult result;
  result.posts_empty = leave_out_empty(posts, predictor.trained_without(), scored);
  const std::vector<int64_t>& rows = scored.rows;
  result.split = split_name(split);
  result.data = data.name;
  result.data_sha256 = data.sha256;
  result.checkpoint = last_name(predictor.checkpoint());
  result.data_counts = counts_in_order(data, predictor.labels());
  result.without = side_name(options.loader.without);
  result.trained_without = side_name(predictor.trained_without());
  result.marks = predictor.marks();
  result.labels = predictor.labels();
  std::vector<double> labelled;
  std::vector<int64_t> truths;
  std::vector<PostFacts> facts;
  for (size_t i = 0; i < rows.size(); ++i) {
    const Post& post = posts[static_cast<size_t>(rows[i])];
    Prediction prediction;
    prediction.id = post.id;
    const double* row = scored.probabilities.data() + i * classes;
    prediction.probabilities.assign(row, row + classes);
    prediction.predicted_id = std::max_element(row, row + classes) - row;
    if (post.label_id >= 0) {
      prediction.label_id = post.label_id;
      truths.push_back(prediction.label_id);
      labelled.insert(labelled.end(), row, row + classes);
    }
    const auto bad = scored.bad_pictures.find(rows[i]);
    facts.push_back(facts_of(post, bad == scored.bad_pictures.end() || bad->second.truncated()));
    result.predictions.push_back(std::move(prediction));
  }
  count_inputs(posts, all, scored, with_pictures, data.lost_pictures, result);
  result.rows_left_out = data.empty_rows.at(static_cast<size_t>(split));
  if (!may_lose) require_a_used_picture(data.called(), result.pictures);
  if (rows.empty() && result.posts_empty > 0)
    throw DataError(fmt::format("{}: no post of the split {} has a text or a picture that can be used ({} left out)", data.called(),
                                split_name(split), counted(result.posts_empty, "post")));
  if (truths.empty())
    throw DataError(fmt::format("{}: no post of the split {} has a label; use predict", data.called(), split_name(split)));
  result.loss = mean_cross_entropy(labelled, truths);
  result.scores = score_classification(labelled, truths, static_cast<int64_t>(classes));
  result.slices = score_slices(result.predictions, facts, classes);
  add_intervals(result, options.loader.workers);
  return result;
}

}  // namespace infig
