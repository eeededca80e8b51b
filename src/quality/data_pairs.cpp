#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "core/parallel.h"
#include "image/decode.h"
#include "image/encode.h"
#include "image/thumbnail.h"
#include "quality/data_report.h"

namespace infig {
namespace {

std::string thumbnail_html(const Post& post, const DataReportOptions& options) {
  if (post.image.empty()) return "<div class=\"picture none\">no picture</div>";
  const DecodedImage decoded = decode_image_file(post.image, {.max_pixels = options.max_pixels, .shorter_side = 2 * options.thumbnail});
  if (!usable(decoded.status))
    return fmt::format("<div class=\"picture none\">picture unreadable<br>({})</div>", image_status_name(decoded.status));
  const Image thumbnail = make_thumbnail(decoded.image, options.thumbnail);
  return fmt::format(
      "<div class=\"picture\"><img src=\"{}\" width=\"{}\" height=\"{}\" alt=\"Picture of post {}\"><span class=\"mark\">{} x "
      "{}</span></div>",
      data_uri("image/jpeg", encode_jpeg(thumbnail, static_cast<int>(options.jpeg_quality))), thumbnail.width, thumbnail.height,
      html_escape(post.id), decoded.width, decoded.height);
}

std::string side_html(const Post& post, bool pictured, bool other_label, const DataReportOptions& options) {
  std::string html = "<div class=\"side\">\n" + (pictured ? thumbnail_html(post, options) : "") + "\n<div class=\"words\">\n";
  html += post.text.empty() ? std::string("<p class=\"text none\">no text</p>\n")
                            : fmt::format("<p class=\"text\" dir=\"auto\">{}</p>\n", html_escape(post.text));
  html += fmt::format("<dl class=\"verdict\"><div><dt>split</dt><dd>{}</dd></div><div class=\"{}\"><dt>label</dt><dd>{}</dd></div></dl>\n",
                      split_name(post.split), other_label ? "differs" : "agrees", html_escape(post.label));
  return html + fmt::format("<p class=\"id\">post {}</p>\n</div>\n</div>\n", html_escape(post.id));
}

std::string pair_html(const VerifyReport& report, const Leak& leak, const DataReportOptions& options) {
  const Post& post = report.data.posts[static_cast<size_t>(leak.row)];
  const Post& other = report.data.posts[static_cast<size_t>(leak.other)];
  const bool pictured = !post.image.empty() || !other.image.empty();
  const bool differs = labels_differ(post, other);
  const bool near = leak.kind == LeakKind::kNearText || leak.kind == LeakKind::kNearPicture;
  return fmt::format("<article class=\"pair\">\n<h4>{}{}</h4>\n<div class=\"sides\">\n{}{}</div>\n</article>\n", leak_kind_words(leak.kind),
                     near ? fmt::format(", similarity {:.3f}", leak.similarity) : "", side_html(post, pictured, differs, options),
                     side_html(other, pictured, differs, options));
}

// The pairs worth a look of one kind: across splits before inside one, other labels before the same, the least similar first, for there the
// doubtful ones stand.
std::vector<const Leak*> choose_pairs(const VerifyReport& report, LeakKind kind, int64_t count) {
  std::vector<const Leak*> chosen;
  for (const Leak& leak : report.leaks) {
    if (leak.kind == kind) chosen.push_back(&leak);
  }
  const auto rank = [&](const Leak* leak) {
    const Post& post = report.data.posts[static_cast<size_t>(leak->row)];
    const Post& other = report.data.posts[static_cast<size_t>(leak->other)];
    return std::tuple(post.split == other.split, !labels_differ(post, other), leak->similarity, leak->row, leak->other);
  };
  std::sort(chosen.begin(), chosen.end(), [&](const Leak* a, const Leak* b) { return rank(a) < rank(b); });
  chosen.resize(std::min(chosen.size(), static_cast<size_t>(count)));
  return chosen;
}

}  // namespace

PageSection pairs_section(const VerifyReport& report, const DataReportOptions& options) {
  std::string html;
  std::map<LeakKind, int64_t> totals;
  for (const Leak& leak : report.leaks) ++totals[leak.kind];
  for (const LeakKind kind :
       {LeakKind::kNearPicture, LeakKind::kPicture, LeakKind::kNearText, LeakKind::kNormalisedText, LeakKind::kText}) {
    const auto chosen = choose_pairs(report, kind, options.pairs);
    if (chosen.empty()) continue;
    std::vector<std::string> parts(chosen.size());
    parallel_for(static_cast<int64_t>(chosen.size()), options.threads,
                 [&](int64_t i) { parts[static_cast<size_t>(i)] = pair_html(report, *chosen[static_cast<size_t>(i)], options); });
    html += fmt::format("<details{}><summary>{}: {} of {}</summary>\n<div class=\"pairs\">\n", kind == LeakKind::kText ? "" : " open",
                        leak_kind_words(kind), chosen.size(), counted(totals[kind], "pair"));
    for (const auto& part : parts) html += part;
    html += "</div>\n</details>\n";
  }
  return {"pairs", "Twins side by side",
          "Across splits first, then pairs whose labels differ, the least similar first, since those are the doubtful ones. leaks.csv "
          "lists all.",
          html};
}

}  // namespace infig
