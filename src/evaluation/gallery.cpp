#include "evaluation/gallery.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace infig {
namespace {

double confidence(const Prediction& prediction) { return prediction.probabilities.at(prediction.predicted_id); }

void sort_by_confidence(std::vector<int64_t>& rows, const std::vector<Prediction>& predictions) {
  std::stable_sort(rows.begin(), rows.end(), [&](int64_t a, int64_t b) { return confidence(predictions[a]) > confidence(predictions[b]); });
}

// Number of posts per class: one from each class in turn, until `count` is reached or no posts are left.
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

// The picture's cell: a thumbnail, or the reason why there is none.
std::string picture_html(const ShownPost& post) {
  if (post.picture.empty()) return "<div class=\"picture none\">" + html_escape(post.note) + "</div>";
  const std::string mark = post.note.empty() ? "" : "<span class=\"mark\">" + html_escape(post.note) + "</span>";
  return fmt::format("<div class=\"picture\"><img src=\"{}\" width=\"{}\" height=\"{}\" alt=\"Picture of post {}\">{}</div>", post.picture,
                     post.width, post.height, html_escape(post.prediction.id), mark);
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

std::string post_html(const ShownPost& post, const std::vector<std::string>& labels) {
  const Prediction& prediction = post.prediction;
  const bool right = prediction.label_id == prediction.predicted_id;
  const std::string truth = html_escape(labels[prediction.label_id]), predicted = html_escape(labels[prediction.predicted_id]);
  std::string html = fmt::format("<article class=\"post {}\">\n{}\n<div class=\"words\">\n", right ? "right" : "wrong", picture_html(post));
  if (post.text.empty()) {
    html += "<p class=\"text none\">no text</p>\n";
  } else {
    html += fmt::format("<p class=\"text\" dir=\"auto\">{}</p>\n", html_escape(post.text));
  }
  const std::string other =
      post.other.empty() ? "" : fmt::format("<div><dt>{}</dt><dd>{}</dd></div>", html_escape(post.other_name), html_escape(post.other));
  html += fmt::format(
      "<dl class=\"verdict\"><div><dt>truth</dt><dd>{}</dd></div><div class=\"said\"><dt>prediction</dt><dd>{} {}</dd></div>{}</dl>\n",
      truth, predicted, right ? "\u2713" : "\u2717", other);
  html += probability_bars(prediction, labels);
  return html + fmt::format("<p class=\"id\">post {}</p>\n</div>\n</article>\n", html_escape(prediction.id));
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

std::string gallery_html(const std::vector<ShownPost>& posts, const std::vector<std::string>& labels) {
  std::string html = "<div class=\"gallery\">\n";
  for (const ShownPost& post : posts) html += post_html(post, labels);
  return html + "</div>\n";
}

std::string wrong_lead(const ShownPosts& posts) {
  if (posts.all_wrong == 0) return "No post of the split was classified wrongly.";
  return fmt::format("{} of {}, the most confident {} first. The hatched bar is the truth.", with_thousands(std::ssize(posts.wrong)),
                     counted(posts.all_wrong, "wrong post"), posts.all_wrong == 1 ? "mistake" : "mistakes");
}

std::string right_lead(const ShownPosts& posts) {
  if (posts.all_right == 0) return "No post of the split was classified correctly.";
  return fmt::format("{} of {}: the same number of every class where there are enough, from sure to unsure.",
                     with_thousands(std::ssize(posts.right)), counted(posts.all_right, "right post"));
}

std::vector<PageSection> gallery_sections(const ShownPosts& posts, const std::vector<std::string>& labels, const ReportOptions& options) {
  std::vector<PageSection> sections;
  if (options.wrong_posts > 0) sections.push_back({"wrong", "Wrong", wrong_lead(posts), gallery_html(posts.wrong, labels)});
  if (options.right_posts > 0) sections.push_back({"right", "Right", right_lead(posts), gallery_html(posts.right, labels)});
  return sections;
}

}  // namespace infig
