#include "experiments/score_chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "pages/html.h"
#include "pages/svg.h"

namespace infig {
namespace {

constexpr double kLeft = 58, kMargin = 14, kTop = 14, kBottom = 262;
constexpr size_t kFew = 3;  // up to so many variants fit into the width of the other charts

struct Line {
  const char* name;
  int colour;
  bool dashed;
  double shift;  // pixels to the side, so that the bars of one variant do not overlap
  Summary VariantScores::* summary;
  double SeedScores::* score;
};
constexpr Line kLines[] = {{"accuracy", 0, false, -5, &VariantScores::accuracy, &SeedScores::accuracy},
                           {"weighted F1", 2, true, 5, &VariantScores::f1_weighted, &SeedScores::f1_weighted}};

// Maps values and variants to positions in the drawing.
class Frame {
 public:
  Frame(const std::vector<const VariantScores*>& variants, size_t count) : count_(count) {
    double low = 1, high = 0;
    for (const auto* variant : variants) {
      for (const Line& line : kLines) {
        const Summary& summary = variant->*line.summary;
        low = std::min(low, summary.interval ? summary.interval->low : summary.mean);
        high = std::max(high, summary.interval ? summary.interval->high : summary.mean);
        for (const auto& one : variant->seeds) {
          low = std::min(low, one.*line.score);
          high = std::max(high, one.*line.score);
        }
      }
    }
    if (high - low < 0.01) {
      low = std::max(0.0, low - 0.005);
      high = std::min(1.0, high + 0.005);
    }
    ticks_ = round_ticks(low, high, 5);
  }
  double width() const { return count_ <= kFew ? 420 : 720; }
  double right() const { return width() - kMargin; }
  double slot() const { return (right() - kLeft) / static_cast<double>(count_); }
  double x(size_t place) const { return kLeft + (static_cast<double>(place) + 0.5) * slot(); }
  double y(double value) const {
    const double clamped = std::clamp(value, ticks_.front(), ticks_.back());
    return kBottom - (clamped - ticks_.front()) / (ticks_.back() - ticks_.front()) * (kBottom - kTop);
  }
  const std::vector<double>& ticks() const { return ticks_; }

 private:
  size_t count_;
  std::vector<double> ticks_;
};

constexpr double kNameLetter = 7;  // pixels of a letter, generously

// Names below the axis: in lines, one for each of the parts between commas, or slanted where these would overlap.
struct Names {
  std::vector<std::vector<std::string>> lines;  // of each variant; slanted: one
  bool slanted = false;
  double below = 0;  // pixels that they take below the axis
  double left = 0;   // and left of the drawing
};

std::vector<std::string> parts_of(const std::string& title) {
  std::vector<std::string> parts;
  for (size_t begin = 0;;) {
    const size_t comma = title.find(", ", begin);
    parts.push_back(title.substr(begin, comma == std::string::npos ? comma : comma + 1 - begin));
    if (comma == std::string::npos) return parts;
    begin = comma + 2;
  }
}

Names names_of(const Frame& frame, const std::vector<const VariantScores*>& variants) {
  Names names;
  size_t longest = 0, most = 0;
  for (const auto* variant : variants) {
    names.lines.push_back(parts_of(variant->variant.title));
    most = std::max(most, names.lines.back().size());
    for (const std::string& part : names.lines.back()) longest = std::max(longest, part.size());
  }
  names.below = 12 + 16 * static_cast<double>(most);
  if (static_cast<double>(longest) * kNameLetter <= frame.slot()) return names;
  names.slanted = true;
  for (size_t i = 0; i < variants.size(); ++i) {
    names.lines[i] = {variants[i]->variant.title};
    const double length = static_cast<double>(variants[i]->variant.title.size()) * kNameLetter;
    names.below = std::max(names.below, 26 + length * 0.5);          // sine of 30 degrees
    names.left = std::max(names.left, length * 0.867 - frame.x(i));  // cosine
  }
  return names;
}

std::string axes(const Frame& frame, const Names& names) {
  std::string svg = "<g class=\"axes\">\n";
  for (const double tick : frame.ticks()) {
    svg +=
        fmt::format("<line x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>", kLeft, frame.right(), frame.y(tick), frame.y(tick));
    svg +=
        fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{:.4g}\u00a0%</text>\n", kLeft - 6, frame.y(tick) + 4, 100 * tick);
  }
  for (size_t i = 0; i < names.lines.size(); ++i) {
    for (size_t line = 0; line < names.lines[i].size(); ++line) {
      const std::string place =
          names.slanted
              ? fmt::format("text-anchor=\"end\" transform=\"translate({:.1f} {:.1f}) rotate(-30)\"", frame.x(i) + 4, kBottom + 16)
              : fmt::format("text-anchor=\"middle\" x=\"{:.1f}\" y=\"{:.1f}\"", frame.x(i), kBottom + 18 + 16 * static_cast<double>(line));
      svg += fmt::format("<text {}>{}</text>\n", place, html_escape(names.lines[i][line]));
    }
  }
  return svg + "</g>\n";
}

std::string drawn(const Line& line, const Frame& frame, const std::vector<const VariantScores*>& variants, bool joined) {
  std::string path, marks;
  for (size_t i = 0; i < variants.size(); ++i) {
    const Summary& summary = variants[i]->*line.summary;
    const double x = frame.x(i) + line.shift, y = frame.y(summary.mean);
    path += fmt::format("{}{:.1f} {:.1f}", i == 0 ? "M" : "L", x, y);
    if (summary.count > 1) {
      if (summary.interval)
        marks += fmt::format("<path class=\"interval\" d=\"M{:.1f} {:.1f}V{:.1f}\"/>", x, frame.y(summary.interval->low),
                             frame.y(summary.interval->high));
      for (const auto& one : variants[i]->seeds)
        marks += fmt::format("<circle opacity=\"0.45\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"2.2\"/>", x, frame.y(one.*line.score));
    }
    marks += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4.2\"/>", x, y);
  }
  const std::string dash = line.dashed ? " stroke-dasharray=\"6 4\"" : "";
  return fmt::format("<g class=\"line s{}\">{}{}</g>\n", line.colour, joined ? fmt::format("<path d=\"{}\"{}/>", path, dash) : "", marks);
}

}  // namespace

std::string score_chart(const ExperimentScores& scores, const std::string& title, bool joined) {
  std::vector<const VariantScores*> variants;
  for (const auto& one : scores.variants) {
    if (!one.seeds.empty() && one.dropped_after == 0) variants.push_back(&one);
  }
  if (variants.empty()) return "";
  const Frame frame(variants, variants.size());
  std::string spoken = "Chart, " + title + ". ";
  for (const auto* one : variants)
    spoken += fmt::format("{}: accuracy {:.1f} %, weighted F1 {:.1f} %. ", one->variant.title, 100 * one->accuracy.mean,
                          100 * one->f1_weighted.mean);
  std::string html = fmt::format("<figure class=\"chart scores{}>\n<figcaption><b>{}</b><span class=\"legend\">",
                                 variants.size() > kFew ? " many\" tabindex=\"0\"" : "\"", html_escape(title));
  for (const Line& line : kLines) html += fmt::format("<span class=\"key s{}\">{}</span>", line.colour, line.name);
  const Names names = names_of(frame, variants);
  html += fmt::format("</span></figcaption>\n<svg viewBox=\"{:.0f} 0 {:.0f} {:.0f}\" role=\"img\" aria-label=\"{}\">\n",
                      names.left > 0 ? -names.left : 0.0, frame.width() + names.left, kBottom + names.below, html_escape(spoken));
  html += axes(frame, names);
  for (const Line& line : kLines) html += drawn(line, frame, variants, joined);
  return html + "</svg>\n</figure>\n";
}

}  // namespace infig
