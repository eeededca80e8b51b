// Bars as inline SVG, in the style of svg.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace infig {

struct BarSeries {
  std::string name;
  int64_t colour = 0;               // 0..5
  std::vector<double> values = {};  // one a category, finite and >= 0
};

struct BarChart {
  std::string title;                         // plain text, above the chart
  std::vector<std::string> categories = {};  // plain text; at least one
  std::vector<BarSeries> series = {};        // at least one; side by side in each category
  bool percent = false;                      // values are shares of 1, drawn in percent
  std::string axis = {};                     // below the categories, plain text
  double mark = -1;                          // an upright line at this category's left edge (fractions between); below 0: none
  std::string mark_name = {};
};

// <figure> with title, legend (for several series or a mark), axes and bars, each with its value as a title; as many category names as have
// room, turned where they are long and few. Throws ShapeError where values and categories do not fit, or a value is negative or not finite.
std::string bar_chart(const BarChart& chart);

}  // namespace infig
