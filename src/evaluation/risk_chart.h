// The risk-coverage curve as inline SVG, in the style of the other charts.
#pragma once

#include <string>
#include <vector>

#include "metrics/calibration.h"

namespace infig {

// <figure>: share of wrong answers against the share of posts answered. Throws ShapeError for no points.
std::string risk_chart(const std::vector<RiskPoint>& points);

}  // namespace infig
