#include "evaluation/gallery.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "core/error.h"
#include "core/parallel.h"
#include "image/decode.h"
#include "image/encode.h"
#include "image/thumbnail.h"

namespace infig {
namespace {

double confidence(const Prediction& prediction) { return prediction.probabilities.at(prediction.predicted_id); }

void sort_by_confidence(std::vector<int64_t>& rows, const std::vector<Prediction>& predictions) {
  std::stable_sort(rows.begin(), rows.end(), [&](int64_t a, int64_t b) { return confidence(predictions[a]) > confidence(predictions[b]); });
}

// How many of each class: one after the other in turn, until `count` are given or none is left.
std::vector<int64_t> quotas(const std::vector<std::vector<int64_t>>& by_class, int64_t count) {
  std::vector<int64_t> quota(by_class.size(), 0);
  for (bool given = true; given && count > 0;) {
    given = false;
    for (size_t c = 0; c < by_class.size() && count > 0; ++c) {
      if (quota[c] >= static_cast<int64_t>(by_class[c].size())) continue;
      ++quota[c];
      --count;
      given = true;
    }
  }
  return quota;
}

// The picture's cell: a thumbnail, or why there is none.
std::string picture_html(const Post& post, const ReportOptions& options) {
  if (post.image.empty()) return "<div class=\"picture none\">no picture</div>";
  const DecodedImage decoded = decode_image_file(post.image, {.max_pixels = options.max_pixels, .apply_exif = options.exif});
  if (!usable(decoded.status)) {
    return fmt::format("<div class=\"picture none\">picture unreadable<br>({})</div>", html_escape(image_status_name(decoded.status)));
  }
  const Image thumbnail = make_thumbnail(decoded.image, options.thumbnail);
  const std::string uri = data_uri("image/jpeg", encode_jpeg(thumbnail, static_cast<int>(options.jpeg_quality)));
  const char* mark = decoded.status == ImageStatus::kTruncated ? "<span class=\"mark\">truncated file</span>" : "";
  return fmt::format("<div class=\"picture\"><img src=\"{}\" width=\"{}\" height=\"{}\" alt=\"Picture of post {}\">{}</div>", uri,
                     thumbnail.width, thumbnail.height, html_escape(post.id), mark);
}

std::string probability_bars(const Prediction& prediction, const std::vector<std::string>& labels) {
  std::string html = "<ul class=\"bars\">\n";
  for (size_t c = 0; c < labels.size(); ++c) {
    const auto id = static_cast<int64_t>(c);
    const bool truth = id == prediction.label_id, predicted = id == prediction.predicted_id;
    const double share = std::clamp(prediction.probabilities[c], 0.0, 1.0);
    html += fmt::format(
        "<li{}><span class=\"name\">{}</span><span class=\"bar\"><i style=\"width:{:.1f}%\"></i></span><span>{:.0f}\u00a0%</span></li>\n",
        truth ? " class=\"truth\"" : (predicted ? " class=\"predicted\"" : ""), html_escape(labels[c]), 100 * share, 100 * share);
  }
  return html + "</ul>\n";
}

std::string post_html(const Post& post, const Prediction& prediction, const std::vector<std::string>& labels,
                      const ReportOptions& options) {
  const bool right = prediction.label_id == prediction.predicted_id;
  const std::string truth = html_escape(labels[prediction.label_id]), predicted = html_escape(labels[prediction.predicted_id]);
  std::string html =
      fmt::format("<article class=\"post {}\">\n{}\n<div class=\"words\">\n", right ? "right" : "wrong", picture_html(post, options));
  if (post.text.empty()) {
    html += "<p class=\"text none\">no text</p>\n";
  } else {
    html += fmt::format("<p class=\"text\" dir=\"auto\">{}</p>\n", html_escape(post.text));
  }
  html += fmt::format(
      "<dl class=\"verdict\"><div><dt>truth</dt><dd>{}</dd></div><div class=\"said\"><dt>prediction</dt><dd>{} {}</dd></div></dl>\n", truth,
      predicted, right ? "\u2713" : "\u2717");
  html += probability_bars(prediction, labels);
  return html + fmt::format("<p class=\"id\">post {}</p>\n</div>\n</article>\n", html_escape(post.id));
}

std::string gallery(const std::vector<int64_t>& rows, const std::vector<const Post*>& posts, const EvaluationResult& result,
                    const ReportOptions& options) {
  std::vector<std::string> parts(rows.size());
  parallel_for(static_cast<int64_t>(rows.size()), options.threads,
               [&](int64_t i) { parts[i] = post_html(*posts[rows[i]], result.predictions[rows[i]], result.labels, options); });
  std::string html = "<div class=\"gallery\">\n";
  for (const auto& part : parts) html += part;
  return html + "</div>\n";
}

// The post of every prediction. A run evaluated on another data set shows here, before a wrong text stands beside a prediction.
std::vector<const Post*> posts_of(const EvaluationResult& result, const DataSet& data) {
  std::unordered_map<std::string, const Post*> by_id;
  for (const auto& post : data.posts) by_id.emplace(post.id, &post);
  std::vector<const Post*> posts;
  for (size_t i = 0; i < result.predictions.size(); ++i) {
    const auto found = by_id.find(result.predictions[i].id);
    const bool same_truth = found != by_id.end() && found->second->label_id == result.predictions[i].label_id;
    if (!same_truth) {
      throw DataError(fmt::format(
          "predictions of {}: row {}: post '{}' {} data set {}; give the data set that the run was evaluated on, or evaluate it "
          "again",
          result.split, i + 2, result.predictions[i].id, found == by_id.end() ? "is not in" : "has another label in", data.name));
    }
    posts.push_back(found->second);
  }
  return posts;
}

}  // namespace

std::vector<int64_t> most_confident_wrong(const std::vector<Prediction>& predictions, int64_t count) {
  std::vector<int64_t> rows;
  for (size_t i = 0; i < predictions.size(); ++i) {
    if (predictions[i].label_id >= 0 && predictions[i].label_id != predictions[i].predicted_id) rows.push_back(static_cast<int64_t>(i));
  }
  sort_by_confidence(rows, predictions);
  rows.resize(std::min<size_t>(rows.size(), count));
  return rows;
}

std::vector<int64_t> spread_of_right(const std::vector<Prediction>& predictions, int64_t classes, int64_t count) {
  std::vector<std::vector<int64_t>> by_class(classes);
  for (size_t i = 0; i < predictions.size(); ++i) {
    if (predictions[i].label_id >= 0 && predictions[i].label_id == predictions[i].predicted_id) {
      by_class.at(predictions[i].label_id).push_back(static_cast<int64_t>(i));
    }
  }
  const auto quota = quotas(by_class, count);
  std::vector<int64_t> chosen;
  for (int64_t c = 0; c < classes; ++c) {
    auto& rows = by_class[c];
    sort_by_confidence(rows, predictions);
    for (int64_t k = 0; k < quota[c]; ++k) {
      const int64_t last = static_cast<int64_t>(rows.size()) - 1;
      chosen.push_back(rows[quota[c] == 1 ? 0 : k * last / (quota[c] - 1)]);
    }
  }
  std::sort(chosen.begin(), chosen.end());
  sort_by_confidence(chosen, predictions);
  return chosen;
}

std::vector<PageSection> gallery_sections(const EvaluationResult& result, const DataSet& data, const ReportOptions& options) {
  const auto posts = posts_of(result, data);
  const auto wrong = most_confident_wrong(result.predictions, options.wrong_posts);
  const auto right = spread_of_right(result.predictions, static_cast<int64_t>(result.labels.size()), options.right_posts);
  int64_t all_wrong = 0;
  for (const auto& p : result.predictions) all_wrong += p.label_id >= 0 && p.label_id != p.predicted_id ? 1 : 0;
  std::vector<PageSection> sections;
  if (options.wrong_posts > 0) {
    sections.push_back({"wrong", "Wrong",
                        all_wrong == 0
                            ? std::string("No post of the split was classified wrongly.")
                            : fmt::format("{} of {} wrong posts, the most confident mistakes first. The hatched bar is the truth.",
                                          wrong.size(), with_thousands(all_wrong)),
                        gallery(wrong, posts, result, options)});
  }
  if (options.right_posts > 0) {
    sections.push_back({"right", "Right",
                        fmt::format("{} of {} right posts: the same number of every class where there are enough, from sure to unsure.",
                                    right.size(), with_thousands(result.scores.count - all_wrong)),
                        gallery(right, posts, result, options)});
  }
  return sections;
}

}  // namespace infig
