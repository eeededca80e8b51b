// HTML's escapes in a text, as Python's html.unescape undoes them.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "text/aligned_text.h"

namespace infig {

using HtmlNames = std::unordered_map<std::string, std::string>;
const HtmlNames& html_names();   // names without "&", as the standard has them: "amp;", "amp"
const HtmlNames& html4_names();  // the 252 names of HTML 4: "amp"

// The number behind "&#" at `at` and where it ends, a semicolon included; npos where there is none.
size_t html_number_end(std::string_view text, size_t at, char32_t& code);
std::string html_number_text(char32_t code);  // what HTML says a number stands for
char32_t windows_1252(char32_t code);         // of U+0080 to U+009F, which are bytes of that encoding more often than control characters

// "&amp;" to "&", and so on; what an escape becomes has its place.
void html_unescape(AlignedText& text);
std::string html_unescape(std::string_view text);  // UTF-8; once: "&amp;lt;" becomes "&lt;"

}  // namespace infig
