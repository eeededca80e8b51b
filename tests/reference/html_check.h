// A plain check of a page of HTML: what a strict reader would complain about first.
#pragma once

#include <cctype>
#include <set>
#include <string>
#include <vector>

namespace infig::reference {

// Tags that do not nest, ids that come twice, links to ids that are not there, pictures without alt or with a source outside the page.
inline std::vector<std::string> html_faults(const std::string& page) {
  static const std::set<std::string> kVoid = {"meta", "br", "img", "link", "input", "hr", "!doctype"};
  std::vector<std::string> faults, open, links;
  std::set<std::string> ids;
  int64_t elements = 0;
  const auto attribute = [](const std::string& tag, const std::string& name) -> std::string {
    const size_t at = tag.find(" " + name + "=\"");
    if (at == std::string::npos) return "(none)";
    const size_t begin = at + name.size() + 3;
    return tag.substr(begin, tag.find('"', begin) - begin);
  };
  for (size_t i = page.find('<'); i != std::string::npos; i = page.find('<', i)) {
    size_t end = i;
    bool quoted = false;
    while (end < page.size() && (quoted || page[end] != '>')) {
      if (page[end] == '"') quoted = !quoted;
      ++end;
    }
    const std::string tag = page.substr(i + 1, end - i - 1);
    std::string name;
    for (const char c : tag) {
      if (std::isspace(static_cast<unsigned char>(c)) || (c == '/' && !name.empty())) break;
      name += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    i = end;
    ++elements;
    if (name.starts_with("/")) {
      if (open.empty() || open.back() != name.substr(1))
        faults.push_back("</" + name.substr(1) + "> closes " + (open.empty() ? "nothing" : open.back()));
      if (!open.empty()) open.pop_back();
      continue;
    }
    const std::string id = attribute(tag, "id");
    if (id != "(none)" && !ids.insert(id).second) faults.push_back("id twice: " + id);
    const std::string href = attribute(tag, "href");
    if (href != "(none)") links.push_back(href);
    if (name == "img") {
      if (attribute(tag, "alt").size() < 3 || attribute(tag, "alt") == "(none)") faults.emplace_back("picture without alt");
      if (!attribute(tag, "src").starts_with("data:image/"))
        faults.push_back("picture from outside: " + attribute(tag, "src").substr(0, 80));
    }
    if (kVoid.contains(name) || tag.ends_with("/")) continue;
    open.push_back(name);
    if (name == "style" || name == "script") i = page.find("</" + name, i);
  }
  for (const auto& name : open) faults.push_back("never closed: " + name);
  for (const auto& link : links) {
    if (!link.starts_with("#") || !ids.contains(link.substr(1))) faults.push_back("link to nowhere: " + link);
  }
  if (elements < 50) faults.push_back("hardly a page: " + std::to_string(elements) + " tags");
  return faults;
}

}  // namespace infig::reference
