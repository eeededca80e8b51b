#include "pages/html.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <set>

#include "core/error.h"
#include "pages/assets.h"

namespace infig {

std::string render_page(const Page& page) {
  std::string links, sections;
  std::set<std::string> seen;
  for (const auto& section : page.sections) {
    if (!seen.insert(section.id).second) throw ShapeError(fmt::format("page '{}': two sections have the id {}", page.title, section.id));
    links += fmt::format("<a href=\"#{}\">{}</a>\n", section.id, html_escape(section.title));
    sections += fmt::format("<section aria-labelledby=\"{0}\">\n<h2 id=\"{0}\">{1}</h2>\n", section.id, html_escape(section.title));
    if (!section.lead.empty()) sections += fmt::format("<p class=\"lead\">{}</p>\n", section.lead);
    sections += section.body + "</section>\n";
  }
  std::string html = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n";
  html += "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
  html += "<meta name=\"color-scheme\" content=\"light dark\">\n";
  // Nothing is ever fetched, regardless of the content of a post's text.
  html +=
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
      "script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n";
  html += fmt::format("<title>{}</title>\n<style>\n{}</style>\n</head>\n<body>\n", html_escape(page.title), assets::report_css);
  html += fmt::format("<header class=\"top\">\n{}</header>\n", page.header);
  html += fmt::format("<nav aria-label=\"Sections\">\n{}</nav>\n<main>\n{}</main>\n", links, sections);
  html += fmt::format("<footer class=\"bottom\">\n{}</footer>\n<script>\n{}</script>\n</body>\n</html>\n", page.footer, assets::report_js);
  return html;
}

std::string html_escape(std::string_view text) {
  std::string safe;
  safe.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    switch (c) {
      case '&':
        safe += "&amp;";
        break;
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '"':
        safe += "&quot;";
        break;
      case '\'':
        safe += "&#39;";
        break;
      case '\t':
      case '\n':
      case '\r':
        safe += c;
        break;
      default:
        if (byte < 0x20 || byte == 0x7f) {
          safe += "\xEF\xBF\xBD";
        } else {
          safe += c;
        }
    }
  }
  return safe;
}

std::string html_sentence(std::string_view text) {
  std::string safe = html_escape(text);
  for (size_t at = safe.find(" %"); at != std::string::npos; at = safe.find(" %", at)) safe.replace(at, 1, "\u00a0");
  return safe;
}

std::string html_name(std::string_view text) {
  std::string html;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(' ', begin), text.size());
    const std::string word = html_escape(text.substr(begin, end - begin));
    html += (begin == 0 ? "" : " ") + (word.find('=') == std::string::npos ? word : "<span class=\"whole\">" + word + "</span>");
    begin = end + 1;
  }
  return html;
}

std::string data_uri(std::string_view mime, std::string_view bytes) {
  std::string base64(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(base64.data()), reinterpret_cast<const unsigned char*>(bytes.data()),
                                     static_cast<int>(bytes.size()));
  base64.resize(length);
  return fmt::format("data:{};base64,{}", mime, base64);
}

std::string percent(double share) { return fmt::format("{:.1f}\u00a0%", 100 * share); }

}  // namespace infig
