// Charts as inline SVG. Colours come from the page's style (classes s0..s5), so that they follow the light and dark scheme; the numbers
// stand in a data attribute, from which the page's script shows the values under the pointer. The charts are readable without it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace infig {

struct ChartSeries {
  std::string name;
  int64_t colour = 0;                  // 0..5
  std::vector<double> x = {}, y = {};  // finite, x ascending, same length, at least one point
  std::vector<double> epoch = {};      // same length, or empty: shown beside x under the pointer
};

struct LineChart {
  std::string title;  // plain text, above the chart
  std::vector<ChartSeries> series = {};
  bool percent = false;             // y is a share of 1, drawn in percent
  std::string reference_name = {};  // a level line at `reference`, "" = none
  double reference = 0;
};

// <figure> with title, legend, axes (x: steps) and lines. Series of more than kChartPoints points are drawn as means of equal runs of
// points, each placed where its run ends, and the figure says so. Throws ShapeError for a series without points or of unequal lengths.
constexpr int64_t kChartPoints = 240;
std::string line_chart(const LineChart& chart);

struct CalibrationBin {
  double confidence = 0;  // mean top probability of its posts
  double accuracy = 0;
  int64_t count = 0;  // 0: not drawn
};

// <figure>: accuracy of each bin as a bar over its range of confidence, against the diagonal; below it how many posts each bin holds.
std::string calibration_chart(const std::vector<CalibrationBin>& bins);

// A horizontal bar from 0 to 1 with an interval and a tick for comparison, for cards and tables.
std::string interval_bar(double value, double low, double high, double tick);

// At most `count` + 2 round values (steps of 1, 2 or 5 times a power of ten) from at or below low to at or above high. low < high.
std::vector<double> round_ticks(double low, double high, int64_t count);

}  // namespace infig
