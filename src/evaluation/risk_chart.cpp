#include "evaluation/risk_chart.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "pages/svg.h"

namespace infig {
namespace {

// The same size as the other charts.
constexpr double kRiskWidth = 420, kRiskHeight = 252, kRiskLeft = 48, kRiskRight = 408, kRiskTop = 12, kRiskBottom = 208;
constexpr size_t kRiskMostPoints = 400;

double risk_x(double coverage) { return kRiskLeft + coverage * (kRiskRight - kRiskLeft); }
double risk_y(double risk, double top) { return kRiskBottom - risk / top * (kRiskBottom - kRiskTop); }

}  // namespace

std::string risk_chart(const std::vector<RiskPoint>& points) {
  if (points.empty()) throw ShapeError("risk-coverage chart: no points");
  double highest = 0;
  for (const RiskPoint& point : points) highest = std::max(highest, point.risk);
  const std::vector<double> ticks = round_ticks(0, std::max(highest, 0.02), 4);
  const double top = ticks.back();
  std::string html = fmt::format(
      "<figure class=\"chart risk\">\n<figcaption><b>Share of wrong answers</b><span class=\"legend\"><span class=\"key s1\">surest posts "
      "first</span><span class=\"key dashed\">at random</span></span></figcaption>\n<svg viewBox=\"0 0 {} {}\" role=\"img\" "
      "aria-label=\"Risk against coverage. Wrong on the surest posts: {:.1f} %, on all: {:.1f} %.\">\n<g class=\"axes\">\n",
      kRiskWidth, kRiskHeight, 100 * points.front().risk, 100 * points.back().risk);
  for (const double tick : ticks) {
    html += fmt::format("<line x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>", kRiskLeft, kRiskRight, risk_y(tick, top),
                        risk_y(tick, top));
    html += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{:.4g}\u00a0%</text>\n", kRiskLeft - 6, risk_y(tick, top) + 4,
                        100 * tick);
  }
  for (const double tick : {0.0, 0.25, 0.5, 0.75, 1.0})
    html += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{:.0f}\u00a0%</text>\n", risk_x(tick), kRiskBottom + 17,
                        100 * tick);
  html += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">posts answered</text>\n</g>\n", kRiskRight, kRiskBottom + 36);
  html += fmt::format("<line class=\"reference\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>\n", kRiskLeft, kRiskRight,
                      risk_y(points.back().risk, top), risk_y(points.back().risk, top));
  // Draw only so many points as a screen can show.
  const size_t stride = (points.size() + kRiskMostPoints - 1) / kRiskMostPoints;
  std::string path;
  for (size_t i = 0; i < points.size(); ++i) {
    if (i % stride != 0 && i + 1 != points.size()) continue;
    path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L", risk_x(points[i].coverage), risk_y(points[i].risk, top));
  }
  // A line through a single point would be invisible, so draw a dot.
  const std::string dot = points.size() > 1 ? ""
                                            : fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\"/>", risk_x(points.front().coverage),
                                                          risk_y(points.front().risk, top));
  return html + fmt::format("<g class=\"line s1\"><path d=\"{}\"/>{}</g>\n</svg>\n</figure>\n", path, dot);
}

}  // namespace infig
