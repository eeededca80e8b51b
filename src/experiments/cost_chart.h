// Chart of what models score against what their training costs, as inline SVG in the style of report.html.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "metrics/summary.h"

namespace infig {

struct CostPoint {
  std::string name;
  double seconds = 0;                     // of one training, > 0
  double accuracy = 0;                    // mean over the seeds
  std::optional<Interval> interval = {};  // 95 %, drawn as a bar
};

// <figure>: training time on a logarithmic axis from left to right, accuracy upwards, a name at every point; names avoid each other and
// the points as far as there is room. Empty without points.
std::string cost_chart(const std::vector<CostPoint>& points, const std::string& title);

}  // namespace infig
