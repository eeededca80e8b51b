#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "data/label_words.h"
#include "pages/bar_chart.h"
#include "pages/svg.h"
#include "quality/data_report.h"

namespace infig {
namespace {

constexpr std::array kSectionSplits{Split::kTrain, Split::kDev, Split::kTest};
constexpr int64_t kBins = 30;

std::string table(const std::vector<std::string>& header, const std::string& rows) {
  std::string html = "<div class=\"scroll\" tabindex=\"0\"><table class=\"numbers\">\n<thead><tr>";
  for (const auto& name : header) {
    const bool prose = name == "what" || name == "reason" || name.starts_with("text");
    html += fmt::format("<th scope=\"col\"{}>{}</th>", name.empty() ? " class=\"wide\"" : prose ? " class=\"prose\"" : "", name);
  }
  return html + "</tr></thead>\n<tbody>\n" + rows + "</tbody>\n</table></div>\n";
}

std::string row_of(const std::string& head, const std::vector<std::string>& cells) {
  std::string html = "<tr><th scope=\"row\">" + head + "</th>";
  for (const auto& cell : cells) html += "<td>" + cell + "</td>";
  return html + "</tr>\n";
}

int64_t colour_of(Split split) { return split == Split::kTrain ? 0 : split == Split::kDev ? 1 : 2; }

// Posts by length, one series a split in shares of the split, in bins of a round width that reach to the 99.5th percentile; what is longer
// stands in the last one.
std::string length_chart(const VerifyReport& report, const std::vector<int32_t>& lengths, const std::string& unit, int64_t mark) {
  std::vector<int32_t> sorted = lengths;
  std::sort(sorted.begin(), sorted.end());
  const int64_t reach = std::max<int64_t>(sorted.empty() ? 1 : sorted[sorted.size() - 1 - sorted.size() / 200], 1);
  int64_t width = 1;
  for (const int64_t step : {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 100000}) {
    width = step;
    if ((reach + step) / step <= kBins) break;
  }
  const int64_t bins = std::min(reach / width + 1, kBins);
  const bool beyond = !sorted.empty() && sorted.back() >= bins * width;
  BarChart chart{.title = "Posts by " + unit,
                 .percent = true,
                 .axis = width == 1 ? unit : fmt::format("{}, from the number on, in steps of {}", unit, width)};
  for (int64_t bin = 0; bin < bins; ++bin)
    chart.categories.push_back(fmt::format("{}{}", bin * width, beyond && bin == bins - 1 ? "+" : ""));
  for (const Split split : kSectionSplits) {
    const auto rows = report.data.rows_of(split);
    if (rows.empty()) continue;
    BarSeries series{.name = split_name(split), .colour = colour_of(split), .values = std::vector<double>(static_cast<size_t>(bins))};
    for (const int64_t row : rows)
      series.values[static_cast<size_t>(std::min(lengths[static_cast<size_t>(row)] / width, bins - 1))] +=
          1.0 / static_cast<double>(rows.size());
    chart.series.push_back(std::move(series));
  }
  const double place = (static_cast<double>(mark) + 1) / static_cast<double>(width);
  if (mark > 0 && place <= static_cast<double>(bins)) {
    chart.mark = place;
    chart.mark_name = fmt::format("cut behind {}", mark);
  }
  return chart.series.empty() ? "" : bar_chart(chart);
}

std::string length_rows(const VerifyReport& report, const std::vector<int32_t>& lengths, const std::string& unit, bool cuts) {
  std::string rows;
  for (const Split split : kSectionSplits) {
    std::vector<int32_t> own;
    for (const int64_t row : report.data.rows_of(split)) own.push_back(lengths[static_cast<size_t>(row)]);
    if (own.empty()) continue;
    const LengthSummary sum = summarise_lengths(own);
    std::vector<std::string> cells{unit,
                                   fmt::format("{:.1f}", sum.mean),
                                   std::to_string(sum.median),
                                   std::to_string(sum.p95),
                                   std::to_string(sum.p99),
                                   std::to_string(sum.longest)};
    if (report.max_length > 0) {
      const int64_t cut = count_cut(report, split);
      cells.push_back(
          cuts ? fmt::format("{} ({})", with_thousands(cut), percent(static_cast<double>(cut) / static_cast<double>(own.size()))) : "");
    }
    rows += row_of(split_name(split), cells);
  }
  return rows;
}

std::string short_text(const std::string& text) {
  constexpr size_t kShown = 160;
  if (text.size() <= kShown) return html_escape(text);
  size_t end = kShown;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return html_escape(text.substr(0, end)) + "\u2026";
}

std::string side_summary(const char* name, std::vector<int32_t> sides) {
  const LengthSummary sum = summarise_lengths(sides);
  const int32_t least = sides.empty() ? 0 : *std::min_element(sides.begin(), sides.end());
  return row_of(name, {std::to_string(least), std::to_string(sum.median), std::to_string(sum.p95), std::to_string(sum.longest)});
}

}  // namespace

PageSection classes_of_splits_section(const VerifyReport& report) {
  const DataSet& data = report.data;
  BarChart chart{.title = "Share of each label", .categories = {}, .percent = true};
  for (const auto& label : data.labels) chart.categories.push_back(shown_label(label));
  std::string rows;
  const int64_t unlabelled = count_unlabelled(report);
  for (const Split split : kSectionSplits) {
    const auto of_split = data.rows_of(split);
    if (of_split.empty()) continue;
    std::vector<int64_t> totals(data.labels.size());
    int64_t texts = 0, images = 0;
    for (const int64_t row : of_split) {
      const Post& post = data.posts[static_cast<size_t>(row)];
      if (post.label_id >= 0) ++totals[static_cast<size_t>(post.label_id)];
      texts += post.text.empty() ? 0 : 1;
      images += post.image.empty() ? 0 : 1;
    }
    BarSeries series{.name = split_name(split), .colour = colour_of(split)};
    std::vector<std::string> cells{with_thousands(static_cast<int64_t>(of_split.size()))};
    for (const int64_t total : totals) {
      series.values.push_back(static_cast<double>(total) / static_cast<double>(of_split.size()));
      cells.push_back(with_thousands(total));
    }
    if (unlabelled > 0)
      cells.push_back(with_thousands(static_cast<int64_t>(of_split.size()) - std::accumulate(totals.begin(), totals.end(), int64_t{0})));
    cells.push_back(with_thousands(texts));
    cells.push_back(with_thousands(images));
    chart.series.push_back(std::move(series));
    rows += row_of(split_name(split), cells);
  }
  std::vector<std::string> header{"split", "posts"};
  for (const auto& label : data.labels) header.push_back(html_escape(shown_label(label)));
  if (unlabelled > 0) header.emplace_back("without label");
  header.insert(header.end(), {"with text", "with picture"});
  const std::string drawn = chart.series.empty() ? "" : "<div class=\"charts\">\n" + bar_chart(chart) + "</div>\n";
  return {"classes", "Splits and labels", "How many posts each split holds, by label.",
          drawn + "<p class=\"gap\"></p>" + table(header, rows)};
}

PageSection lengths_section(const VerifyReport& report) {
  const bool tokens = !report.texts.tokens.empty();
  std::string charts = "<div class=\"charts\">\n" + length_chart(report, report.texts.words, "words", 0);
  if (tokens) charts += length_chart(report, report.texts.tokens, "tokens", report.max_length);
  std::vector<std::string> header{"split", "unit", "mean", "median", "95\u00a0%", "99\u00a0%", "longest"};
  if (tokens) header.push_back(fmt::format("cut at {}", report.max_length));
  std::string rows = length_rows(report, report.texts.words, "words", false);
  if (tokens) rows += length_rows(report, report.texts.tokens, "tokens", true);
  return {"lengths", "Lengths",
          tokens ? "Texts in words, and in tokens with special ones. What is longer than the maximum is cut."
                 : "Texts in words. With a tokenizer (--tokenizer) the page also shows how many posts would be cut.",
          charts + "</div>\n<p class=\"gap\"></p>" + table(header, rows)};
}

PageSection texts_section(const VerifyReport& report, const DataReportOptions& options) {
  std::string body;
  int64_t texts = 0;
  std::vector<std::pair<int64_t, std::string>> scripts;
  for (const auto& [script, count] : report.texts.scripts) {
    texts += count;
    scripts.emplace_back(-count, script);
  }
  std::sort(scripts.begin(), scripts.end());
  std::string rows;
  for (const auto& [count, script] : scripts) {
    const double share = static_cast<double>(-count) / static_cast<double>(texts);
    rows += fmt::format(
        "<tr><th scope=\"row\">{}</th><td class=\"wide\"><span class=\"bar\"><i "
        "style=\"width:{:.1f}%\"></i></span></td><td>{}</td><td>{}</td></tr>\n",
        script == "none" ? "no letters" : html_escape(script), 100 * share, with_thousands(-count), percent(share));
  }
  body += table({"script", "", "posts", "share"}, rows);
  for (const auto& [kind, odd] : report.texts.odd) {
    const auto shown = std::min(odd.size(), static_cast<size_t>(options.listed));
    body += fmt::format("<details><summary>{}: {}</summary>\n", odd_text_name(kind), counted(std::ssize(odd), "post"));
    rows.clear();
    for (size_t i = 0; i < shown; ++i) {
      const Post& post = report.data.posts[static_cast<size_t>(odd[i])];
      rows += fmt::format("<tr><th scope=\"row\">{}</th><td>{}</td><td class=\"prose\" dir=\"auto\">{}</td></tr>\n", html_escape(post.id),
                          split_name(post.split), short_text(post.text));
    }
    body += table({"id", "split", fmt::format("text ({} of {})", shown, odd.size())}, rows) + "</details>\n";
  }
  return {"texts", "Texts", "The script most letters of a text belong to, and texts that look odd; the last kinds are suspicions.", body};
}

PageSection pictures_section(const VerifyReport& report, const DataReportOptions& options) {
  std::string rows;
  for (const auto& [status, count] : picture_statuses(report))
    rows += row_of(status == "none" ? "none named" : html_escape(status),
                   {with_thousands(count), percent(static_cast<double>(count) / static_cast<double>(report.pictures.size()))});
  std::string body = table({"outcome", "posts", "share"}, rows);
  std::vector<int32_t> widths, heights, kilobytes;
  std::map<std::string, int64_t> formats;
  int64_t misnamed = 0;
  for (const auto& facts : report.pictures) {
    misnamed += facts.wrong_extension ? 1 : 0;
    if (!facts.usable) continue;
    widths.push_back(static_cast<int32_t>(facts.width));
    heights.push_back(static_cast<int32_t>(facts.height));
    kilobytes.push_back(static_cast<int32_t>((facts.bytes + 1023) / 1024));
    ++formats[facts.format];
  }
  if (!widths.empty()) {
    body += "<p class=\"gap\"></p>" +
            table({"decoded pictures", "least", "median", "95\u00a0%", "most"},
                  side_summary("width, pixels", widths) + side_summary("height, pixels", heights) + side_summary("file, KiB", kilobytes));
  }
  std::string lead = "What became of each post's picture.";
  for (const auto& [format, count] : formats) lead += fmt::format(" {}: {}.", html_escape(format), with_thousands(count));
  if (misnamed > 0) lead += fmt::format(" {} the extension of another format.", counted(misnamed, "file has", "files have"));
  rows.clear();
  int64_t bad = 0;
  for (size_t i = 0; i < report.pictures.size(); ++i) {
    const auto& facts = report.pictures[i];
    if (facts.status == "ok" || facts.status == "none" || bad++ >= options.listed) continue;
    const Post& post = report.data.posts[i];
    rows += fmt::format("<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td class=\"prose\">{}</td></tr>\n", html_escape(post.id),
                        split_name(post.split), html_escape(facts.status), html_escape(facts.reason));
  }
  if (bad > 0)
    body += fmt::format("<details open><summary>{} with a fault</summary>\n", counted(bad, "file")) +
            table({"id", "split", "outcome", "reason"}, rows) + "</details>\n";
  return {"pictures", "Pictures", lead, body};
}

PageSection leaks_section(const VerifyReport& report) {
  std::string rows;
  for (const auto& count : report.leak_counts) {
    const std::string place = count.split == count.other ? fmt::format("inside {}", split_name(count.split))
                                                         : fmt::format("{} in {}", split_name(count.split), split_name(count.other));
    const auto all = static_cast<double>(report.data.rows_of(count.split).size());
    rows += fmt::format("<tr><th scope=\"row\">{}</th><td class=\"prose\">{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n", place,
                        leak_kind_words(count.kind), with_thousands(count.posts), percent(static_cast<double>(count.posts) / all),
                        with_thousands(count.other_label));
  }
  std::string lead =
      "Posts of one split that another holds as well, and posts that repeat an earlier one of their own split. <em>Other label</em>: no "
      "twin there has the post's label.";
  if (report.near_text_threshold > 0)
    lead += fmt::format(
        " Near texts share at least {} of their four-character shingles after normalisation; near pictures are one picture scaled, "
        "recompressed or cropped a little.",
        percent(report.near_text_threshold));
  return {"leaks", "Leaks and repetitions", lead,
          rows.empty() ? "<p>None was found.</p>\n" : table({"where", "what", "posts", "share", "other label"}, rows)};
}

PageSection shortcuts_section(const VerifyReport& report) {
  std::string rows;
  const Shortcut& majority = report.shortcuts.front();
  for (const auto& shortcut : report.shortcuts) {
    std::string row =
        fmt::format("<tr><th scope=\"row\">{}<small>{}</small></th>", html_escape(shortcut.name), html_escape(shortcut.detail));
    bool bar = true;
    for (const Split split : {Split::kTest, Split::kDev}) {
      const auto found = shortcut.splits.find(split);
      if (found == shortcut.splits.end()) continue;
      const ShortcutScore& score = found->second;
      if (bar)
        row += "<td class=\"wide\">" +
               interval_bar(score.accuracy, score.accuracy_low, score.accuracy_high, majority.splits.at(split).accuracy) + "</td>";
      row +=
          fmt::format("<td>{}{}{}</td><td>{}</td>", bar ? "<b>" : "", percent(score.accuracy), bar ? "</b>" : "", percent(score.f1_macro));
      bar = false;
    }
    rows += row + "</tr>\n";
  }
  std::vector<std::string> header{"rule", ""};
  for (const Split split : {Split::kTest, Split::kDev}) {
    if (majority.splits.contains(split)) header.insert(header.end(), {fmt::format("{} accuracy", split_name(split)), "macro F1"});
  }
  return {"shortcuts", "Shortcuts",
          "What rules score that look at one trait of a post, chosen on train alone. The tick marks the majority rule; a model that does "
          "no better than the best of them has shown nothing.",
          table(header, rows)};
}

}  // namespace infig
