// The risk-coverage curve as inline SVG, in the style of the other charts.
#pragma once

#include <string>
#include <vector>

#include "metrics/calibration.h"

namespace infig {

// Returns a <figure>: error rate against the share of posts answered. Throws ShapeError if `points` is empty.
std::string risk_chart(const std::vector<RiskPoint>& points);

}  // namespace infig
