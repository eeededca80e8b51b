#include "pages/svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "pages/html.h"

namespace infig {
namespace {

// One drawing size for all charts; the page scales them.
constexpr double kWidth = 420, kHeight = 244, kLeft = 48, kRight = 408, kTop = 12, kBottom = 208;

// Data -> drawing.
struct Frame {
  double x_low, x_high, y_low, y_high;
  std::vector<double> x_ticks = {}, y_ticks = {};  // all of them inside
  double x(double value) const { return kLeft + (value - x_low) / (x_high - x_low) * (kRight - kLeft); }
  double y(double value) const { return kBottom - (value - y_low) / (y_high - y_low) * (kBottom - kTop); }
};

std::string plain_number(double value) {
  std::string text = fmt::format("{:.4g}", value == 0 ? 0.0 : value);
  const size_t exponent = text.find("e-0");
  if (exponent != std::string::npos) text.erase(exponent + 2, 1);
  return text;
}

std::string step_number(double value) { return value >= 10000 ? plain_number(value / 1000) + "k" : plain_number(value); }

// A tick with as many digits as tell it from its neighbours.
std::string tick_number(double value, double step, bool as_percent) {
  const double scale = as_percent ? 100 : 1;
  const double largest = std::max(std::abs(value * scale), 1e-300);
  const int64_t digits = static_cast<int64_t>(std::floor(std::log10(largest)) - std::floor(std::log10(step * scale))) + 1;
  const std::string text = fmt::format("{:.{}g}", std::abs(value) < step / 1000 ? 0.0 : value * scale, std::clamp<int64_t>(digits, 1, 12));
  return (text.find('e') == std::string::npos ? text : plain_number(value * scale)) + (as_percent ? "\u00a0%" : "");
}

std::string y_number(double value, bool as_percent) { return as_percent ? plain_number(100 * value) + "\u00a0%" : plain_number(value); }

void check(const LineChart& chart) {
  if (chart.series.empty()) throw ShapeError("chart '" + chart.title + "': no series");
  for (const auto& series : chart.series) {
    const size_t points = series.x.size();
    if (points == 0 || series.y.size() != points || (!series.epoch.empty() && series.epoch.size() != points)) {
      throw ShapeError(fmt::format("chart '{}': series '{}' has {} x, {} y and {} epochs; expected the same number, at least 1",
                                   chart.title, series.name, points, series.y.size(), series.epoch.size()));
    }
  }
}

// Means of equal runs of points, each placed where its run ends; returns how many points one mean covers.
int64_t thin_out(ChartSeries& series) {
  const auto points = static_cast<int64_t>(series.x.size());
  const int64_t run = (points + kChartPoints - 1) / kChartPoints;
  if (run <= 1) return 1;
  const auto means = [run, points](std::vector<double>& values) {
    std::vector<double> thinned;
    for (int64_t begin = 0; begin < points; begin += run) {
      const int64_t end = std::min(points, begin + run);
      double sum = 0;
      for (int64_t i = begin; i < end; ++i) sum += values[i];
      thinned.push_back(sum / static_cast<double>(end - begin));
    }
    values = std::move(thinned);
  };
  const auto ends = [run, points](std::vector<double>& values) {
    std::vector<double> thinned;
    for (int64_t begin = 0; begin < points; begin += run) thinned.push_back(values[std::min(points, begin + run) - 1]);
    values = std::move(thinned);
  };
  means(series.y);
  ends(series.x);
  if (!series.epoch.empty()) ends(series.epoch);
  return run;
}

double chart_least(const LineChart& chart) {
  double least = INFINITY;
  for (const auto& series : chart.series) least = std::min(least, *std::min_element(series.y.begin(), series.y.end()));
  return least;
}

double chart_most(const LineChart& chart) {
  double most = -INFINITY;
  for (const auto& series : chart.series) most = std::max(most, *std::max_element(series.y.begin(), series.y.end()));
  return most;
}

Frame frame_of(const LineChart& chart) {
  Frame frame{.x_low = INFINITY, .x_high = -INFINITY, .y_low = chart_least(chart), .y_high = chart_most(chart)};
  for (const auto& series : chart.series) {
    const auto [x_least, x_most] = std::minmax_element(series.x.begin(), series.x.end());
    frame.x_low = std::min(frame.x_low, *x_least);
    frame.x_high = std::max(frame.x_high, *x_most);
  }
  if (!chart.reference_name.empty()) {
    frame.y_low = std::min(frame.y_low, chart.reference);
    frame.y_high = std::max(frame.y_high, chart.reference);
  }
  // A loss that falls a long way is read against zero; scores that move little are read against each other.
  if (frame.y_low > 0 && frame.y_low < 0.5 * frame.y_high && !chart.percent) frame.y_low = 0;
  if (frame.x_high <= frame.x_low) {  // one step: it stands in the middle, and is the one tick
    frame.x_ticks = {frame.x_low};
    frame.x_low -= 1;
    frame.x_high += 1;
  } else {
    for (const double tick : round_ticks(frame.x_low, frame.x_high, 5)) {
      const bool whole = std::abs(tick - std::round(tick)) < 1e-9;  // there is no half a step
      if (whole && tick >= frame.x_low && tick <= frame.x_high) frame.x_ticks.push_back(tick);
    }
  }
  if (frame.y_high <= frame.y_low) {
    const double margin = frame.y_low == 0 ? 1 : 0.1 * std::abs(frame.y_low);
    frame.y_low -= margin;
    frame.y_high += margin;
  }
  if (chart.percent) {  // a share has nothing above 1 or below 0 to show
    frame.y_low = std::max(frame.y_low, std::min(0.0, chart_least(chart)));
    frame.y_high = std::min(frame.y_high, std::max(1.0, chart_most(chart)));
  }
  frame.y_ticks = round_ticks(frame.y_low, frame.y_high, 5);
  frame.y_low = frame.y_ticks.front();
  frame.y_high = frame.y_ticks.back();
  return frame;
}

std::string axes(const Frame& frame, bool as_percent, const std::string& note) {
  std::string svg = "<g class=\"axes\">\n";
  const double step = frame.y_ticks.at(1) - frame.y_ticks.at(0);
  for (const double tick : frame.y_ticks) {
    svg += fmt::format("<line x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>", kLeft, kRight, frame.y(tick), frame.y(tick));
    svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>\n", kLeft - 6, frame.y(tick) + 4,
                       tick_number(tick, step, as_percent));
  }
  for (const double tick : frame.x_ticks) {
    svg +=
        fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>\n", frame.x(tick), kBottom + 17, step_number(tick));
  }
  if (!note.empty()) svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n", kLeft, kBottom + 33, note);
  return svg + fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">step</text>\n</g>\n", kRight, kBottom + 33);
}

// Whether a line drawn before it has the same points: it is then dashed, so that both colours are seen.
bool covers_another(const std::vector<ChartSeries>& all, size_t place) {
  return std::any_of(all.begin(), all.begin() + static_cast<ptrdiff_t>(place),
                     [&](const ChartSeries& before) { return before.x == all[place].x && before.y == all[place].y; });
}

std::string series_path(const ChartSeries& series, const Frame& frame, bool over) {
  std::string path, dots;
  const bool with_dots = series.x.size() <= 30;
  for (size_t i = 0; i < series.x.size(); ++i) {
    const double x = frame.x(series.x[i]), y = frame.y(series.y[i]);
    path += fmt::format("{}{:.1f} {:.1f}", i == 0 ? "M" : "L", x, y);
    if (with_dots) dots += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"2.6\"/>", x, y);
  }
  return fmt::format("<g class=\"line s{}{}\"><path d=\"{}\"/>{}</g>\n", series.colour, over ? " over" : "", path, dots);
}

// What a screen reader says instead of the drawing.
std::string description(const LineChart& chart) {
  std::string text = "Line chart, " + chart.title + ". ";
  for (const auto& series : chart.series) {
    text += fmt::format("{}: {} at step {:.0f}, {} at step {:.0f}. ", series.name, y_number(series.y.front(), chart.percent),
                        series.x.front(), y_number(series.y.back(), chart.percent), series.x.back());
  }
  return html_escape(text);
}

// For the script: drawing size, data ranges, and the points of every series with few digits.
std::string hover_data(const LineChart& chart, const Frame& frame) {
  const auto shortened = [](const std::vector<double>& values) {
    auto list = nlohmann::ordered_json::array();
    for (const double value : values) list.push_back(nlohmann::ordered_json::parse(fmt::format("{:.5g}", value)));
    return list;
  };
  const auto steps = [](const std::vector<double>& values) {
    auto list = nlohmann::ordered_json::array();
    for (const double value : values) list.push_back(std::llround(value));
    return list;
  };
  nlohmann::ordered_json json;
  json["frame"] = {kLeft, kRight, kTop, kBottom, kWidth};
  json["range"] = {frame.x_low, frame.x_high, frame.y_low, frame.y_high};
  json["percent"] = chart.percent;
  for (const auto& series : chart.series) {
    json["series"].push_back({{"name", series.name},
                              {"colour", series.colour},
                              {"x", steps(series.x)},
                              {"epoch", shortened(series.epoch)},
                              {"y", shortened(series.y)}});
  }
  return html_escape(json.dump());
}

}  // namespace

std::vector<double> round_ticks(double low, double high, int64_t count) {
  const double raw = (high - low) / static_cast<double>(std::max<int64_t>(1, count));
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  double step = 10 * power;
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= raw * (1 - 1e-9)) {
      step = factor * power;
      break;
    }
  }
  std::vector<double> ticks;
  const auto first = std::llround(std::floor(low / step + 1e-9));
  const auto last = std::llround(std::ceil(high / step - 1e-9));
  for (auto i = first; i <= last; ++i) ticks.push_back(static_cast<double>(i) * step);
  return ticks;
}

std::string line_chart(const LineChart& given) {
  check(given);
  LineChart chart = given;
  std::string note;
  for (auto& series : chart.series) {
    const int64_t run = thin_out(series);
    if (run > 1) note = fmt::format("lines: means of {} logged steps", run);
  }
  const Frame frame = frame_of(chart);
  std::string html =
      fmt::format("<figure class=\"chart\" data-chart=\"{}\">\n<figcaption><b>{}</b>", hover_data(chart, frame), html_escape(chart.title));
  html += "<span class=\"legend\">";
  for (const auto& series : chart.series) html += fmt::format("<span class=\"key s{}\">{}</span>", series.colour, html_escape(series.name));
  if (!chart.reference_name.empty()) {
    html +=
        fmt::format("<span class=\"key dashed\">{} {}</span>", html_escape(chart.reference_name), y_number(chart.reference, chart.percent));
  }
  html += fmt::format("</span></figcaption>\n<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">\n", kWidth, kHeight,
                      description(chart));
  html += axes(frame, chart.percent, note);
  if (!chart.reference_name.empty()) {
    html += fmt::format("<line class=\"reference\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>\n", kLeft, kRight,
                        frame.y(chart.reference), frame.y(chart.reference));
  }
  for (size_t i = 0; i < chart.series.size(); ++i) html += series_path(chart.series[i], frame, covers_another(chart.series, i));
  return html + "</svg>\n</figure>\n";
}

std::string calibration_chart(const std::vector<CalibrationBin>& bins) {
  const Frame frame{.x_low = 0, .x_high = 1, .y_low = 0, .y_high = 1};
  int64_t most = 1, posts = 0;
  for (const auto& bin : bins) {
    most = std::max(most, bin.count);
    posts += bin.count;
  }
  std::string bars, counts;
  const double share = 1.0 / static_cast<double>(std::max<size_t>(1, bins.size()));
  for (size_t i = 0; i < bins.size(); ++i) {
    if (bins[i].count == 0) continue;
    const double left = frame.x(share * static_cast<double>(i)) + 1, width = frame.x(share) - frame.x(0) - 2;
    const double top = frame.y(bins[i].accuracy), tall = 26.0 * static_cast<double>(bins[i].count) / static_cast<double>(most);
    const std::string words = fmt::format("{}, mean confidence {}, accuracy {}", counted(bins[i].count, "post"),
                                          percent(bins[i].confidence), percent(bins[i].accuracy));
    bars += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\"><title>{}</title></rect>\n", left, top, width,
                        kBottom - top, words);
    counts += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\"><title>{}</title></rect>\n", left,
                          kBottom + 52 - tall, width, tall, words);
  }
  std::string html =
      "<figure class=\"chart\">\n<figcaption><b>Accuracy by confidence</b><span class=\"legend\"><span class=\"key s0\">accuracy</span>"
      "<span class=\"key dashed\">perfect calibration</span><span class=\"key faint\">posts</span></span></figcaption>\n";
  html += fmt::format(
      "<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"Bar chart: accuracy of the predictions by confidence, {} in {} "
      "ranges of confidence\">\n<g class=\"axes\">\n",
      kWidth, kBottom + 90, counted(posts, "post"), bins.size());
  for (const double tick : {0.0, 0.25, 0.5, 0.75, 1.0}) {
    html += fmt::format("<line x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>", kLeft, kRight, frame.y(tick), frame.y(tick));
    html +=
        fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>", kLeft - 6, frame.y(tick) + 4, y_number(tick, true));
    html += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>\n", frame.x(tick), kBottom + 70,
                        y_number(tick, true));
  }
  html += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">confidence</text>\n", kRight, kBottom + 84);
  html += fmt::format("</g>\n<g class=\"bars s0\">\n{}</g>\n<g class=\"bars faint\">\n{}</g>\n", bars, counts);
  return html + fmt::format("<line class=\"reference\" x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\"/>\n</svg>\n</figure>\n",
                            kLeft, kBottom, kRight, kTop);
}

std::string interval_bar(double value, double low, double high, double tick) {
  return fmt::format(
      "<svg class=\"interval\" viewBox=\"0 0 200 14\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect class=\"track\" "
      "width=\"200\" y=\"4\" "
      "height=\"6\"/><rect class=\"value\" width=\"{:.1f}\" y=\"4\" height=\"6\"/><rect class=\"range\" x=\"{:.1f}\" width=\"{:.1f}\" "
      "y=\"1\" "
      "height=\"12\"/><rect class=\"tick\" x=\"{:.1f}\" width=\"2\" height=\"14\"/></svg>",
      200 * value, 200 * low, 200 * (high - low), 200 * tick - 1);
}

}  // namespace infig
