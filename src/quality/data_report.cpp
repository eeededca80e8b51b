#include "quality/data_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"

namespace infig {
namespace {

std::string fact(const std::string& name, const std::string& value) {
  return value.empty() ? "" : fmt::format("<div><dt>{}</dt><dd>{}</dd></div>\n", name, html_escape(value));
}

std::string card(const std::string& name, const std::string& value, const std::string& below, const char* extra_class = "") {
  return fmt::format("<div class=\"card{}\"><h2>{}</h2><p class=\"figure\">{}</p><p>{}</p></div>\n", extra_class, name, value, below);
}

std::string share_of(int64_t part, int64_t all) { return all == 0 ? "" : percent(static_cast<double>(part) / static_cast<double>(all)); }

bool names_pictures(const VerifyReport& report) {
  return std::any_of(report.pictures.begin(), report.pictures.end(), [](const PictureFacts& facts) { return facts.status != "none"; });
}

const Shortcut* best_shortcut(const VerifyReport& report) {
  const Shortcut* best = nullptr;
  for (const auto& one : report.shortcuts) {
    if (!one.splits.contains(Split::kTest)) continue;
    if (best == nullptr || one.splits.at(Split::kTest).accuracy > best->splits.at(Split::kTest).accuracy) best = &one;
  }
  return best;
}

std::string cards(const VerifyReport& report) {
  std::string html = "<div class=\"cards\">\n";
  const auto posts = static_cast<int64_t>(report.data.posts.size());
  const auto tests = static_cast<int64_t>(report.data.rows_of(Split::kTest).size());
  const auto leaked = static_cast<int64_t>(leaked_test_rows(report).size());
  if (tests > 0) {
    html += card("Test posts seen before", with_thousands(leaked),
                 fmt::format("of {} {} a twin in train or dev{}", counted(tests, "test post"), leaked == 1 || tests == 1 ? "has" : "have",
                             leaked > 0 ? fmt::format(": {}", share_of(leaked, tests)) : ""),
                 " hero");
  }
  html += card("Posts", with_thousands(posts), "with " + counted(std::ssize(report.data.labels), "label"));
  if (names_pictures(report)) {
    const int64_t bad = count_unusable(report), lost = count_raw_lost(report);
    std::string words = bad == 0   ? "every named picture can be decoded"
                        : bad == 1 ? "is named and cannot be used"
                                   : "are named and cannot be used";
    if (lost > 0) words += fmt::format("; {} more {} not in the data set", with_thousands(lost), lost == 1 ? "is" : "are");
    html += card("Bad pictures", with_thousands(bad), words);
  }
  int64_t odd = 0;
  for (const auto& [kind, rows] : report.texts.odd) odd += static_cast<int64_t>(rows.size());
  html += card("Odd texts", with_thousands(odd), "empty, broken or suspicious");
  if (const Shortcut* best = best_shortcut(report); best != nullptr) {
    html += card("Best simple rule", percent(best->splits.at(Split::kTest).accuracy),
                 fmt::format("accuracy on test: {}", html_escape(best->name)));
  }
  return html + "</div>\n";
}

// What is no miss, and yet should be seen before anything is trained.
std::string notices(const VerifyReport& report) {
  std::vector<std::string> lines = report.odd_labels;
  if (report.raw_pictures_there < report.raw_pictures_named)
    lines.push_back(fmt::format("{} of the {} pictures that the raw files name {} not in the data set",
                                with_thousands(report.raw_pictures_named - report.raw_pictures_there),
                                with_thousands(report.raw_pictures_named),
                                report.raw_pictures_named - report.raw_pictures_there == 1 ? "is" : "are"));
  if (const int64_t unlabelled = count_unlabelled(report); unlabelled > 0)
    lines.push_back(fmt::format("{} of test without a label, to be predicted and not scored", counted(unlabelled, "post")));
  if (lines.empty()) return "";
  std::string html = "<p class=\"lead\">No fault, and yet worth a look before training:</p>\n<ul class=\"notices\">\n";
  for (const auto& line : lines) html += "<li>" + html_escape(line) + "</li>\n";
  return html + "</ul>\n";
}

std::string verdict(const VerifyReport& report, const DataReportOptions& options) {
  if (report.good()) return "<p class=\"lead\">Everything that the data set states, and was asked for, holds.</p>\n";
  std::string html = fmt::format("<p class=\"lead\"><em>Not good</em>: {} missed.</p>\n<ul class=\"notices\">\n",
                                 counted(std::ssize(report.misses), "check was", "checks were"));
  for (const auto& miss : report.misses) html += "<li>" + html_escape(miss) + "</li>\n";
  html += "</ul>\n";
  if (report.row_faults.empty()) return html;
  const auto shown = std::min(report.row_faults.size(), static_cast<size_t>(options.listed));
  html += fmt::format("<details><summary>{} of {}</summary>\n<pre tabindex=\"0\">", shown,
                      counted(std::ssize(report.row_faults), "faulty row"));
  for (size_t i = 0; i < shown; ++i) html += html_escape(report.row_faults[i]) + "\n";
  return html + "</pre>\n</details>\n";
}

void check_range(const char* key, int64_t value, int64_t low, int64_t high) {
  if (value < low || value > high) throw ConfigError(fmt::format("data report: {} is {}; allowed is {} to {}", key, value, low, high));
}

}  // namespace

void DataReportOptions::validate() const {
  check_range("pairs", pairs, 0, 1000);
  check_range("listed", listed, 0, 10000);
  check_range("thumbnail", thumbnail, 16, 2048);
  check_range("jpeg_quality", jpeg_quality, 1, 100);
  check_range("max_pixels", max_pixels, 1, INT64_MAX);
  check_range("threads", threads, 1, 1024);
}

std::string leak_kind_words(LeakKind kind) {
  switch (kind) {
    case LeakKind::kText:
      return "equal text";
    case LeakKind::kNormalisedText:
      return "equal text, normalised";
    case LeakKind::kNearText:
      return "near text";
    case LeakKind::kPicture:
      return "equal picture file";
    case LeakKind::kNearPicture:
      return "near picture";
  }
  return "";
}

std::string render_data_report(const VerifyReport& report, const DataReportOptions& options) {
  options.validate();
  Page page{.title = report.data.name + " \u2013 infig data report", .header = "", .sections = {}, .footer = ""};
  std::string splits;
  for (const Split split : {Split::kTrain, Split::kDev, Split::kTest}) {
    const auto rows = static_cast<int64_t>(report.data.rows_of(split).size());
    if (rows > 0) splits += fmt::format("{}{} {}", splits.empty() ? "" : ", ", split_name(split), with_thousands(rows));
  }
  page.header = "<p class=\"overline\">infig data report</p>\n<h1>" + html_escape(report.data.name) + "</h1>\n<dl class=\"facts\">\n" +
                fact("splits", splits) + fact("checks", report.good() ? "good" : "not good") + "</dl>\n" + cards(report) +
                verdict(report, options) + notices(report);
  page.sections.push_back(classes_of_splits_section(report));
  page.sections.push_back(leaks_section(report));
  if (options.pairs > 0 && !report.leaks.empty()) page.sections.push_back(pairs_section(report, options));
  if (!report.shortcuts.empty()) page.sections.push_back(shortcuts_section(report));
  page.sections.push_back(lengths_section(report));
  page.sections.push_back(texts_section(report, options));
  if (names_pictures(report)) page.sections.push_back(pictures_section(report, options));
  page.footer = fmt::format("<p>Made by infig verify-data; the page opens no connection. SHA-256 of the posts <code>{}</code>.</p>\n",
                            report.data.sha256);
  return render_page(page);
}

}  // namespace infig
