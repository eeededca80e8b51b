#include "pages/bar_chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "pages/html.h"
#include "pages/svg.h"

namespace infig {
namespace {

constexpr double kBarsLeft = 48, kBarsRight = 408, kBarsTop = 12, kBarsBottom = 208, kBarsWidth = 420;
constexpr double kCharacter = 6.6;  // mean width of one, at the axes' size

void check(const BarChart& chart) {
  const auto refuse = [&](const std::string& why) { throw ShapeError(fmt::format("chart '{}': {}", chart.title, why)); };
  if (chart.categories.empty() || chart.series.empty()) refuse("no categories or no series");
  for (const auto& series : chart.series) {
    if (series.values.size() != chart.categories.size())
      refuse(fmt::format("series '{}' has {} values for {} categories", series.name, series.values.size(), chart.categories.size()));
    for (const double value : series.values) {
      if (!std::isfinite(value) || value < 0) refuse(fmt::format("series '{}' holds {}", series.name, value));
    }
  }
}

size_t longest_name(const BarChart& chart) {
  size_t longest = 0;
  for (const auto& name : chart.categories) longest = std::max(longest, name.size());
  return longest;
}

std::string value_text(double value, bool as_percent) { return as_percent ? percent(value) : with_thousands(std::llround(value)); }

class Drawing {
 public:
  explicit Drawing(const BarChart& chart) : chart_(chart) {
    double most = 0;
    for (const auto& series : chart.series) most = std::max(most, *std::max_element(series.values.begin(), series.values.end()));
    ticks_ = round_ticks(0, most > 0 ? most : 1, 5);
    slot_ = (kBarsRight - kBarsLeft) / static_cast<double>(chart.categories.size());
    const double wide = static_cast<double>(longest_name(chart)) * kCharacter + 6;
    turned_ = wide > slot_ && chart.categories.size() <= 12;
    every_ = turned_ ? 1 : static_cast<size_t>(std::max(1.0, std::ceil(wide / slot_)));
  }

  double height() const {
    return kBarsBottom + (turned_ ? 24 + 0.5 * kCharacter * static_cast<double>(longest_name(chart_)) : 22) +
           (chart_.axis.empty() ? 4 : 18);
  }

  std::string axes() const {
    std::string svg = "<g class=\"axes\">\n";
    for (const double tick : ticks_) {
      svg += fmt::format("<line x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>", kBarsLeft, kBarsRight, y(tick), y(tick));
      svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>\n", kBarsLeft - 6, y(tick) + 4, tick_text(tick));
    }
    for (size_t i = 0; i < chart_.categories.size(); i += every_) {
      const double middle = kBarsLeft + (static_cast<double>(i) + 0.5) * slot_;
      const std::string place =
          turned_ ? fmt::format("text-anchor=\"end\" transform=\"translate({:.1f} {:.1f}) rotate(-30)\"", middle + 4, kBarsBottom + 15)
                  : fmt::format("text-anchor=\"middle\" x=\"{:.1f}\" y=\"{:.1f}\"", middle, kBarsBottom + 17);
      svg += fmt::format("<text {}>{}</text>\n", place, html_escape(chart_.categories[i]));
    }
    if (!chart_.axis.empty())
      svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>\n", kBarsRight, height() - 4,
                         html_escape(chart_.axis));
    return svg + "</g>\n";
  }

  std::string bars() const {
    const auto count = static_cast<double>(chart_.series.size());
    const double gap = std::min(0.3 * slot_, 12.0), wide = (slot_ - gap) / count;
    std::string svg;
    for (size_t s = 0; s < chart_.series.size(); ++s) {
      const auto& series = chart_.series[s];
      svg += fmt::format("<g class=\"bars s{}\">\n", series.colour);
      for (size_t i = 0; i < series.values.size(); ++i) {
        if (series.values[i] == 0) continue;
        const double left = kBarsLeft + static_cast<double>(i) * slot_ + gap / 2 + static_cast<double>(s) * wide;
        // Shares above zero stay visible, however small.
        const double tall = std::max(1.0, kBarsBottom - y(series.values[i]));
        svg += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\"><title>{}: {} {}</title></rect>\n", left,
                           kBarsBottom - tall, std::max(0.8, wide - (count > 1 ? 1 : 0)), tall, html_escape(chart_.categories[i]),
                           value_text(series.values[i], chart_.percent), html_escape(series.name));
      }
      svg += "</g>\n";
    }
    if (chart_.mark >= 0) {
      const double at = std::min(kBarsRight, kBarsLeft + chart_.mark * slot_);
      svg += fmt::format("<line class=\"reference\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1:.1f}\" y2=\"{2:.1f}\"/>\n", at, kBarsTop,
                         kBarsBottom);
    }
    return svg;
  }

 private:
  double y(double value) const { return kBarsBottom - value / ticks_.back() * (kBarsBottom - kBarsTop); }
  std::string tick_text(double tick) const {
    if (chart_.percent) return fmt::format("{:.4g}\u00a0%", 100 * tick);
    return tick >= 10000 ? fmt::format("{:.4g}k", tick / 1000) : fmt::format("{:.4g}", tick);
  }
  const BarChart& chart_;
  std::vector<double> ticks_;
  double slot_ = 0;
  bool turned_ = false;
  size_t every_ = 1;
};

// What a screen reader says instead of the drawing.
std::string spoken(const BarChart& chart) {
  std::string text = "Bar chart, " + chart.title + ". ";
  for (const auto& series : chart.series) {
    const auto most = std::max_element(series.values.begin(), series.values.end());
    text += fmt::format("{}: largest {} at {}. ", series.name, value_text(*most, chart.percent),
                        chart.categories[static_cast<size_t>(most - series.values.begin())]);
  }
  return html_escape(text);
}

}  // namespace

std::string bar_chart(const BarChart& chart) {
  check(chart);
  const Drawing drawing(chart);
  std::string html = fmt::format("<figure class=\"chart\">\n<figcaption><b>{}</b><span class=\"legend\">", html_escape(chart.title));
  if (chart.series.size() > 1) {
    for (const auto& series : chart.series)
      html += fmt::format("<span class=\"key s{}\">{}</span>", series.colour, html_escape(series.name));
  }
  if (chart.mark >= 0) html += fmt::format("<span class=\"key dashed\">{}</span>", html_escape(chart.mark_name));
  html += fmt::format("</span></figcaption>\n<svg viewBox=\"0 0 {} {:.0f}\" role=\"img\" aria-label=\"{}\">\n", kBarsWidth,
                      drawing.height(), spoken(chart));
  return html + drawing.axes() + drawing.bars() + "</svg>\n</figure>\n";
}

}  // namespace infig
