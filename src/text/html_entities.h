// HTML 5's named characters: "amp;=26 " and so on, with and without a semicolon as the standard has them.
#pragma once

namespace infig {

extern const char* const kHtmlEntities;
extern const char* const kHtml4Entities;  // "amp=26 "

}  // namespace infig
