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

// Whether names are drawn slanted, because they would overlap otherwise.
bool turned_names(const Frame& frame, const std::vector<const VariantScores*>& variants) {
  size_t longest = 0;
  for (const auto* variant : variants) longest = std::max(longest, variant->variant.title.size());
  return static_cast<double>(longest) * 7 > frame.slot();
}

std::string axes(const Frame& frame, const std::vector<const VariantScores*>& variants, bool turned) {
  std::string svg = "<g class=\"axes\">\n";
  for (const double tick : frame.ticks()) {
    svg +=
        fmt::format("<line x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>", kLeft, frame.right(), frame.y(tick), frame.y(tick));
    svg +=
        fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{:.4g}\u00a0%</text>\n", kLeft - 6, frame.y(tick) + 4, 100 * tick);
  }
  for (size_t i = 0; i < variants.size(); ++i) {
    const std::string place =
        turned ? fmt::format("text-anchor=\"end\" transform=\"translate({:.1f} {:.1f}) rotate(-30)\"", frame.x(i) + 4, kBottom + 16)
               : fmt::format("text-anchor=\"middle\" x=\"{:.1f}\" y=\"{:.1f}\"", frame.x(i), kBottom + 18);
    svg += fmt::format("<text {}>{}</text>\n", place, html_escape(variants[i]->variant.title));
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
  std::string html = fmt::format("<figure class=\"chart scores{}\">\n<figcaption><b>{}</b><span class=\"legend\">",
                                 variants.size() > kFew ? " many" : "", html_escape(title));
  for (const Line& line : kLines) html += fmt::format("<span class=\"key s{}\">{}</span>", line.colour, line.name);
  const bool turned = turned_names(frame, variants);
  html += fmt::format("</span></figcaption>\n<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">\n", frame.width(),
                      kBottom + (turned ? 68 : 28), html_escape(spoken));
  html += axes(frame, variants, turned);
  for (const Line& line : kLines) html += drawn(line, frame, variants, joined);
  return html + "</svg>\n</figure>\n";
}

}  // namespace infig
