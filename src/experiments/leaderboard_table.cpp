#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <utility>

#include "core/error.h"
#include "core/progress.h"
#include "core/words.h"
#include "evaluation/predictions.h"
#include "evaluation/stored.h"
#include "experiments/leaderboard.h"
#include "experiments/tables.h"

namespace infig {
namespace {

std::optional<double> number_of(const std::string& text) {
  double value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || stop != text.data() + text.size()) return std::nullopt;
  return value;
}

const char* state_word(RunState state) {
  return state == RunState::kFinished ? "finished" : state == RunState::kUnfinished ? "unfinished" : "broken";
}

struct Condition {
  std::string key, sign, value;
};

Condition parse_condition(const std::string& word) {
  constexpr std::array<const char*, 6> kSigns = {"!=", "<=", ">=", "=", "<", ">"};  // longer ones first
  size_t best = std::string::npos;
  std::string sign;
  for (const char* one : kSigns) {
    const size_t place = word.find(one);
    if (place >= best) continue;
    best = place;
    sign = one;
  }
  if (best == std::string::npos || best == 0)
    throw ConfigError(fmt::format("--filter: \"{}\": expected COLUMN, one of = != < <= > >=, and a value, as accuracy>0.7", word));
  return {.key = word.substr(0, best), .sign = sign, .value = word.substr(best + sign.size())};
}

bool holds(const Condition& condition, const std::string& found) {
  const auto left = number_of(found), right = number_of(condition.value);
  const bool numbers = left && right;
  const int order = numbers ? (*left < *right ? -1 : *left > *right ? 1 : 0) : found.compare(condition.value);
  if (condition.sign == "=") return order == 0;
  if (condition.sign == "!=") return order != 0;
  if (!numbers) return false;
  if (condition.sign == "<") return order < 0;
  if (condition.sign == "<=") return order <= 0;
  return condition.sign == ">" ? order > 0 : order >= 0;
}

void check_column(const std::vector<BoardLine>& lines, const std::string& flag, const std::string& key) {
  const auto& known = leaderboard_columns();
  if (std::find(known.begin(), known.end(), key) != known.end()) return;
  for (const BoardLine& line : lines) {
    if (line.settings.contains(key)) return;
  }
  throw ConfigError(
      fmt::format("{}: no column {}; there are {}, and every key of config.yaml, as gam.layer", flag, key, fmt::join(known, ", ")));
}

std::string figure(const Summary& summary, double value) { return summary.count == 0 ? "" : fmt::format("{:.9g}", value); }

// "0.7311 (0.6701 to 0.7842)" for one run; for several the same as score_cell().
std::string accuracy_cell(const BoardLine& line) {
  if (line.accuracy.count == 1 && line.interval)
    return fmt::format("{:.4f} ({:.4f} to {:.4f})", line.accuracy.mean, line.interval->low, line.interval->high);
  return score_cell(line.accuracy);
}

constexpr const char* kMarksTitle = "marks";

// Without the column of marks, if no line has any.
std::vector<std::vector<std::string>> without_empty_marks(std::vector<std::vector<std::string>> rows) {
  const auto found = std::find(rows.front().begin(), rows.front().end(), kMarksTitle);
  const auto place = found - rows.front().begin();
  if (found == rows.front().end() ||
      std::any_of(rows.begin() + 1, rows.end(), [place](const auto& row) { return !row[static_cast<size_t>(place)].empty(); }))
    return rows;
  for (auto& row : rows) row.erase(row.begin() + place);
  return rows;
}

// Width in code points, so that ± counts as one character.
size_t width_of(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

constexpr size_t kNoteWidth = 60;  // a longer note goes below its row

// Below its row, in lines of at most 110 characters where words allow it.
std::string broken_note(const std::string& note) {
  constexpr size_t kNoteIndent = 6, kNoteLine = 104;
  std::string text, line;
  for (size_t begin = 0; begin <= note.size();) {
    const size_t end = std::min(note.find(' ', begin), note.size());
    const std::string word = note.substr(begin, end - begin);
    if (!line.empty() && width_of(line) + 1 + width_of(word) > kNoteLine)
      text += std::string(kNoteIndent, ' ') + std::exchange(line, "") + "\n";
    line += (line.empty() ? "" : " ") + word;
    begin = end + 1;
  }
  return text + std::string(kNoteIndent, ' ') + line + "\n";
}

std::string in_columns(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths(rows.front().size(), 0);
  for (const auto& row : rows) {
    for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], width_of(row[c]));
  }
  std::string text;
  for (const auto& row : rows) {
    const bool long_note = width_of(row.back()) > kNoteWidth;
    std::string line = " ";
    for (size_t c = 0; c + (long_note ? 1 : 0) < row.size(); ++c) line += " " + row[c] + std::string(widths[c] - width_of(row[c]) + 1, ' ');
    while (line.ends_with(' ')) line.pop_back();
    text += line + "\n";
    if (long_note) text += broken_note(row.back());
  }
  return text;
}

std::vector<std::string> scored_row(const BoardLine& line) {
  const auto mean = [](const Summary& summary) { return summary.count == 0 ? std::string("-") : fmt::format("{:.4f}", summary.mean); };
  return {line.name,
          fmt::format("{}", fmt::join(line.seeds, ",")),
          accuracy_cell(line),
          mean(line.f1_macro),
          mean(line.f1_weighted),
          mean(line.mcc),
          line.train_seconds > 0 ? format_duration(line.train_seconds) : "-",
          line.parameters > 0 ? with_thousands(line.parameters) : "-",
          line.precision.empty() ? "-" : line.precision,
          fmt::format("{}", fmt::join(line.marks, ", ")),
          line.state == RunState::kFinished ? line.note : fmt::format("{}: {}", state_word(line.state), line.note)};
}

}  // namespace

const std::vector<std::string>& leaderboard_columns() {
  static const std::vector<std::string> kColumns = {"run",        "state",       "note",  "preset",   "data",         "data_sha256",
                                                    "split",      "posts",       "seeds", "accuracy", "accuracy_low", "accuracy_high",
                                                    "f1_macro",   "f1_weighted", "mcc",   "ece",      "loss",         "train_seconds",
                                                    "parameters", "precision",   "marks"};
  return kColumns;
}

std::map<std::string, std::string> columns_of(const BoardLine& line) {
  std::map<std::string, std::string> columns = line.settings;
  columns["run"] = line.name;
  columns["state"] = state_word(line.state);
  columns["note"] = line.note;
  columns["preset"] = line.preset;
  columns["data"] = line.data;
  columns["data_sha256"] = line.data_sha256;
  columns["split"] = line.split;
  columns["posts"] = line.split.empty() ? "" : std::to_string(line.posts);
  columns["seeds"] = fmt::format("{}", fmt::join(line.seeds, " "));
  columns["accuracy"] = figure(line.accuracy, line.accuracy.mean);
  columns["accuracy_low"] = line.interval ? figure(line.accuracy, line.interval->low) : "";
  columns["accuracy_high"] = line.interval ? figure(line.accuracy, line.interval->high) : "";
  columns["f1_macro"] = figure(line.f1_macro, line.f1_macro.mean);
  columns["f1_weighted"] = figure(line.f1_weighted, line.f1_weighted.mean);
  columns["mcc"] = figure(line.mcc, line.mcc.mean);
  columns["ece"] = figure(line.ece, line.ece.mean);
  columns["loss"] = figure(line.loss, line.loss.mean);
  columns["train_seconds"] = line.train_seconds > 0 ? fmt::format("{:.1f}", line.train_seconds) : "";
  columns["parameters"] = line.parameters > 0 ? std::to_string(line.parameters) : "";
  columns["precision"] = line.precision;
  columns["marks"] = fmt::format("{}", fmt::join(line.marks, ", "));
  return columns;
}

std::vector<BoardLine> filtered(std::vector<BoardLine> lines, const std::string& word) {
  const Condition condition = parse_condition(word);
  check_column(lines, "--filter", condition.key);
  std::erase_if(lines, [&](const BoardLine& line) {
    const auto columns = columns_of(line);
    const auto found = columns.find(condition.key);
    return found == columns.end() || found->second.empty() || !holds(condition, found->second);
  });
  return lines;
}

void sort_board(std::vector<BoardLine>& lines, const std::string& key, bool reverse) {
  static const std::set<std::string> kHigherIsBetter = {"accuracy",    "accuracy_low", "accuracy_high", "f1_macro",
                                                        "f1_weighted", "mcc",          "posts"};
  check_column(lines, "--sort", key);
  const bool down = kHigherIsBetter.contains(key) != reverse;
  const auto value = [&key](const BoardLine& line) {
    const auto columns = columns_of(line);
    const auto found = columns.find(key);
    return found == columns.end() ? std::string() : found->second;
  };
  std::stable_sort(lines.begin(), lines.end(), [&](const BoardLine& a, const BoardLine& b) {
    const auto group = [](const BoardLine& line) { return std::tuple(line.split.empty(), line.data, line.data_sha256, line.split); };
    if (group(a) != group(b)) return group(a) < group(b);
    const std::string left = value(a), right = value(b);
    if (left.empty() != right.empty()) return right.empty();
    const auto x = number_of(left), y = number_of(right);
    if (x && y) return down ? *x > *y : *x < *y;
    return down ? left > right : left < right;
  });
}

std::string board_text(const std::vector<BoardLine>& lines) {
  std::string text;
  std::vector<std::vector<std::string>> rows;
  const auto flush = [&] {
    if (!rows.empty()) text += in_columns(without_empty_marks(rows));
    rows.clear();
  };
  std::string shown;
  for (const BoardLine& line : lines) {
    const std::string title =
        line.split.empty() ? "without a score"
                           : fmt::format("{}, {}, {}", data_words(line.data, line.data_sha256), line.split, counted(line.posts, "post"));
    if (title != shown) {
      flush();
      text += (shown.empty() ? "" : "\n") + title + "\n";
      shown = title;
      rows.push_back(line.split.empty() ? std::vector<std::string>{"run", "state"}
                                        : std::vector<std::string>{"run", "seeds", "accuracy (95 % interval)", "macro F1", "weighted F1",
                                                                   "MCC", "training", "parameters", "precision", kMarksTitle, "note"});
    }
    if (!line.split.empty()) {
      rows.push_back(scored_row(line));
    } else {
      rows.push_back({line.name, fmt::format("{}{}{}", state_word(line.state), line.note.empty() ? "" : ": ", line.note)});
    }
  }
  flush();
  return text;
}

std::string board_csv(const std::vector<BoardLine>& lines) {
  std::string text = fmt::format("{}\n", fmt::join(leaderboard_columns(), ","));
  for (const BoardLine& line : lines) {
    const auto columns = columns_of(line);
    std::string row;
    for (const std::string& column : leaderboard_columns()) row += (row.empty() ? "" : ",") + csv_field(columns.at(column));
    text += row + "\n";
  }
  return text;
}

}  // namespace infig
