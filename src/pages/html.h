// A self-contained HTML page: inline style and script, a policy that forbids every connection, light and dark scheme.
// A page is a list of sections; a new kind of section is a function that returns one, and a line where the list is made.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/words.h"  // with_thousands, counted

namespace infig {

struct PageSection {
  std::string id;     // of its heading, for links: letters, digits, '-'; unique in a page
  std::string title;  // plain text
  std::string lead;   // HTML of one or two sentences below the title; may be empty
  std::string body;   // HTML
};

struct Page {
  std::string title;   // plain text: of the browser's tab
  std::string header;  // HTML above the sections, with the <h1>
  std::vector<PageSection> sections;
  std::string footer;  // HTML
};

// The whole document. `page.sections` are drawn in order, with a bar of links to them. Throws ShapeError for an id twice.
std::string render_page(const Page& page);

// Text made safe inside elements and quoted attributes: & < > " ' escaped, control characters that HTML forbids drawn as U+FFFD.
std::string html_escape(std::string_view text);

// The same of a name such as "optim.lr=1e-3 seed=2": no line breaks inside a word of it that holds an equals sign.
std::string html_name(std::string_view text);

// "data:image/jpeg;base64,..."
std::string data_uri(std::string_view mime, std::string_view bytes);

// The same with no-break spaces in front of every % sign.
std::string html_sentence(std::string_view text);

// 0.7124 -> "71.2 %", with a no-break space before the sign.
std::string percent(double share);

}  // namespace infig
