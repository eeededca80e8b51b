#include "data/table_reading.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>

#include "core/error.h"
#include "core/log.h"
#include "core/words.h"
#include "data/utf8.h"

namespace infig {
namespace {

std::map<std::string, std::string> parse_field_pairs(const char* flag, const std::vector<std::string>& pairs,
                                                     const std::vector<std::string>& fields) {
  std::map<std::string, std::string> parsed;
  for (const std::string& pair : pairs) {
    const size_t equals = pair.find('=');
    const std::string field = pair.substr(0, equals);
    if (equals == std::string::npos || equals + 1 == pair.size() || std::find(fields.begin(), fields.end(), field) == fields.end()) {
      throw ConfigError(fmt::format("--{}: \"{}\", expected FIELD=NAME with one of the fields {}", flag, pair, fmt::join(fields, ", ")));
    }
    if (!parsed.emplace(field, pair.substr(equals + 1)).second)
      throw ConfigError(fmt::format("--{}: {} is named twice; give one name", flag, field));
  }
  return parsed;
}

// Names and cells come from anywhere: what is no text, or would move a terminal's cursor, becomes a question mark.
std::string shown_text(std::string text) {
  for (size_t at = find_invalid_utf8(text); at != std::string::npos; at = find_invalid_utf8(text)) text[at] = '?';
  std::replace_if(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; }, '?');
  return text;
}

}  // namespace

Quoting parse_quoting(const std::string& word) {
  if (word == "auto") return Quoting::kAuto;
  if (word == "none") return Quoting::kNone;
  if (word == "csv") return Quoting::kCsv;
  throw ConfigError(fmt::format("--quote: \"{}\", expected auto, none or csv", word));
}

void TableNotes::add(const std::filesystem::path& table, const std::string& what, int64_t count) {
  const std::string name = table.string();
  const auto found = std::find_if(notes_.begin(), notes_.end(), [&](const Note& note) { return note.what == what; });
  if (found == notes_.end()) {
    notes_.push_back({.first = name, .last = name, .what = what, .tables = 1, .count = count});
    return;
  }
  found->count += count;
  if (found->last != name) ++found->tables;
  found->last = name;
}

std::vector<std::string> TableNotes::lines(bool folders) const {
  std::vector<std::string> lines;
  for (const Note& note : notes_) {
    const std::string more = note.tables > 1 ? fmt::format(" and {} more", note.tables - 1) : "";
    const std::string first = folders ? note.first : std::filesystem::path(note.first).filename().string();
    lines.push_back(shown_text(fmt::format("{}{}: {}{}", first, more, note.what, note.count > 0 ? ": " + with_thousands(note.count) : "")));
  }
  return lines;
}

void TableNotes::say() const {
  for (const std::string& line : lines()) log_info("{}", line);
}

std::map<std::string, std::string> parse_columns(const std::vector<std::string>& pairs) {
  return parse_field_pairs("columns", pairs, {"id", "text", "image", "label", "split"});
}

std::map<std::string, std::string> parse_members(const std::vector<std::string>& pairs) {
  auto members = parse_field_pairs("members", pairs, {"image", "text", "label", "json"});
  for (auto& [field, extension] : members) {
    std::transform(extension.begin(), extension.end(), extension.begin(), [](unsigned char c) { return std::tolower(c); });
    if (extension.size() > 1 && extension.front() == '.') extension.erase(0, 1);
  }
  return members;
}

}  // namespace infig
