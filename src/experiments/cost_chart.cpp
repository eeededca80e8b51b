#include "experiments/cost_chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "pages/html.h"
#include "pages/svg.h"

namespace infig {
namespace {

constexpr double kWidth = 720, kLeftEdge = 58, kRightEdge = 706, kTopEdge = 14, kBottomEdge = 302;
constexpr double kLetter = 6.6, kLine = 14;  // width and height of a letter, pixels

struct Box {
  double left, top, right, bottom;
  bool meets(const Box& other) const { return left < other.right && other.left < right && top < other.bottom && other.top < bottom; }
};

std::string spoken_time(double seconds) {
  if (seconds < 90) return fmt::format("{:.3g} s", seconds);
  if (seconds < 5400) return fmt::format("{:.3g} min", seconds / 60);
  return fmt::format("{:.3g} h", seconds / 3600);
}

// 1, 2 or 5 times a power of ten of seconds, minutes or hours would read oddly in turn, so these are the times people say.
constexpr std::array<double, 18> kTimes = {1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 18000, 43200, 172800, 604800};

class CostFrame {
 public:
  explicit CostFrame(const std::vector<CostPoint>& points) {
    double low = 1, high = 0, least = points.front().seconds, most = least;
    for (const CostPoint& point : points) {
      low = std::min(low, point.interval ? point.interval->low : point.accuracy);
      high = std::max(high, point.interval ? point.interval->high : point.accuracy);
      least = std::min(least, point.seconds);
      most = std::max(most, point.seconds);
    }
    if (high - low < 0.01) {
      low = std::max(0.0, low - 0.005);
      high = std::min(1.0, high + 0.005);
    }
    ticks_ = round_ticks(low, high, 5);
    first_ = std::log(least * 0.7);
    last_ = std::log(most * 1.9);  // names stand to the right of their points
  }
  double x(double seconds) const { return kLeftEdge + (std::log(seconds) - first_) / (last_ - first_) * (kRightEdge - kLeftEdge); }
  double y(double value) const {
    const double inside = std::clamp(value, ticks_.front(), ticks_.back());
    return kBottomEdge - (inside - ticks_.front()) / (ticks_.back() - ticks_.front()) * (kBottomEdge - kTopEdge);
  }
  std::string axes() const {
    std::string svg = "<g class=\"axes\">\n";
    for (const double tick : ticks_) {
      svg += fmt::format("<line x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>", kLeftEdge, kRightEdge, y(tick), y(tick));
      svg +=
          fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{:.4g}\u00a0%</text>\n", kLeftEdge - 6, y(tick) + 4, 100 * tick);
    }
    for (const double time : kTimes) {
      if (std::log(time) < first_ || std::log(time) > last_) continue;
      svg +=
          fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>\n", x(time), kBottomEdge + 18, spoken_time(time));
    }
    return svg +
           fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">one training</text>\n</g>\n", kRightEdge, kBottomEdge + 36);
  }

 private:
  std::vector<double> ticks_;
  double first_ = 0, last_ = 1;
};

// Right of the point, left, above, below: the first place that is free and inside the frame, else the first.
Box name_place(double x, double y, size_t letters, const std::vector<Box>& taken) {
  const double width = kLetter * static_cast<double>(letters), half = width / 2;
  const std::array<Box, 4> places = {Box{x + 8, y - kLine / 2, x + 8 + width, y + kLine / 2},
                                     Box{x - 8 - width, y - kLine / 2, x - 8, y + kLine / 2}, Box{x - half, y - 8 - kLine, x + half, y - 8},
                                     Box{x - half, y + 8, x + half, y + 8 + kLine}};
  for (const Box& place : places) {
    const bool inside = place.left >= kLeftEdge && place.right <= kRightEdge + 8 && place.top >= 0 && place.bottom <= kBottomEdge;
    if (inside && std::none_of(taken.begin(), taken.end(), [&](const Box& other) { return place.meets(other); })) return place;
  }
  return places.front();
}

}  // namespace

std::string cost_chart(const std::vector<CostPoint>& points, const std::string& title) {
  if (points.empty()) return "";
  const CostFrame frame(points);
  std::string marks, names, spoken = "Chart, " + title + ". ";
  std::vector<Box> taken;
  for (const CostPoint& point : points) {
    const double x = frame.x(point.seconds), y = frame.y(point.accuracy);
    taken.push_back({x - 6, y - 6, x + 6, y + 6});
  }
  for (const CostPoint& point : points) {
    const double x = frame.x(point.seconds), y = frame.y(point.accuracy);
    if (point.interval)
      marks += fmt::format("<path class=\"interval\" d=\"M{:.1f} {:.1f}V{:.1f}\"/>", x, frame.y(point.interval->low),
                           frame.y(point.interval->high));
    marks += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4.2\"/>", x, y);
    const Box place = name_place(x, y, point.name.size(), taken);
    taken.push_back(place);
    names += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n", place.left, place.bottom - 3, html_escape(point.name));
    spoken += fmt::format("{}: {:.1f} % after {}. ", point.name, 100 * point.accuracy, spoken_time(point.seconds));
  }
  return fmt::format(
      "<figure class=\"chart scores many\" tabindex=\"0\">\n<figcaption><b>{}</b></figcaption>\n<svg viewBox=\"0 0 {} {}\" role=\"img\" "
      "aria-label=\"{}\">\n{}<g class=\"line s0\">{}</g>\n<g class=\"axes\">{}</g>\n</svg>\n</figure>\n",
      html_escape(title), kWidth, kBottomEdge + 46, html_escape(spoken), frame.axes(), marks, names);
}

}  // namespace infig
