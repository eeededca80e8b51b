// The static parts of pages, embedded at build time from src/pages/assets (cmake/InfigEmbed.cmake): report.css -> report_css.
#pragma once

#include <string_view>

namespace infig::assets {

extern const std::string_view report_css;
extern const std::string_view report_js;

}  // namespace infig::assets
