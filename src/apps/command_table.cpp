#include "apps/command_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <sstream>

#include "apps/config_keys.h"
#include "apps/suggestions.h"

namespace infig {
namespace {

// Flags, and words without a flag, that name a place on the disk. "PATH": a file or a folder.
const std::map<std::string, const char*>& table_places() {
  static const std::map<std::string, const char*> kPlaces = {{"--batches", "FILE"},
                                                             {"--clean-test", "FILE"},
                                                             {"--captions", "FILE"},
                                                             {"--config", "FILE"},
                                                             {"--csv", "FILE"},
                                                             {"--features", "FILE"},
                                                             {"--image", "FILE"},
                                                             {"--label-file", "FILE"},
                                                             {"--png", "FOLDER"},
                                                             {"--json", "FILE"},
                                                             {"--split-manifest", "FILE"},
                                                             {"--summary", "FILE"},
                                                             {"--write-clean-test", "FILE"},
                                                             {"--config-dir", "FOLDER"},
                                                             {"--data-root", "FOLDER"},
                                                             {"--images", "FOLDER"},
                                                             {"--init-from", "FOLDER"},
                                                             {"--out", "FOLDER"},
                                                             {"--output-dir", "FOLDER"},
                                                             {"--run", "FOLDER"},
                                                             {"--splits", "FOLDER"},
                                                             {"--data", "PATH"},
                                                             {"--image-model", "PATH"},
                                                             {"--input", "PATH"},
                                                             {"--model", "PATH"},
                                                             {"--output", "PATH"},
                                                             {"--raw", "PATH"},
                                                             {"--text-model", "PATH"},
                                                             {"--tokenizer", "PATH"},
                                                             {"data", "PATH"},
                                                             {"first", "FOLDER"},
                                                             {"second", "FOLDER"},
                                                             {"path", "PATH"},
                                                             {"source", "PATH"}};
  return kPlaces;
}

// Flags whose words are checked by what they are given to, not by the parser.
const std::map<std::string, std::vector<std::string>>& table_words() {
  static const std::map<std::string, std::vector<std::string>> kWords = {{"--bad-image", {"missing", "skip", "error"}},
                                                                         {"--expect", {"mvsa-single", "mvsa-multiple", "hfm", "tumemo"}},
                                                                         {"--resume", {"latest"}},
                                                                         {"--split", {"train", "dev", "test"}},
                                                                         {"--without", {"image", "text"}}};
  return kWords;
}

// "TEXT:{last,all}" -> last, all.
std::vector<std::string> words_of(const std::string& type) {
  const size_t open = type.find('{'), close = type.find('}');
  std::vector<std::string> words;
  if (open == std::string::npos || close == std::string::npos) return words;
  std::istringstream list(type.substr(open + 1, close - open - 1));
  for (std::string word; std::getline(list, word, ',');) words.push_back(word);
  return words;
}

std::string option_name(const CLI::Option& option) {
  return option.get_lnames().empty() ? option.get_name(true) : "--" + option.get_lnames().front();
}

TableValue value_of(const CLI::Option& option) {
  if (option.get_items_expected_max() == 0) return {.kind = ValueKind::kNone};
  const std::string type = option.get_type_name();
  std::vector<std::string> words = words_of(type);
  if (words.empty() && table_words().contains(option_name(option))) words = table_words().at(option_name(option));
  if (!words.empty()) return {.kind = ValueKind::kWords, .words = words};
  if (type.starts_with("FOLDER")) return {.kind = ValueKind::kFolder};
  if (type.starts_with("FILE") || type.starts_with("PATH")) return {.kind = ValueKind::kFile};
  return {.kind = ValueKind::kOther};
}

// What shells show beside a word: one line, cut where it gets long.
std::string short_help(const std::string& help) {
  constexpr size_t kLongest = 70;
  std::string line = help.substr(0, help.find('\n'));
  if (line.size() <= kLongest) return line;
  return line.substr(0, line.rfind(' ', kLongest)) + " ...";
}

TableVerb table_of(const CLI::App& app, const std::vector<std::string>& path) {
  TableVerb verb{
      .path = path, .help = short_help(app.get_description()), .flags = {}, .places = {}, .children = {}, .takes_keys = takes_keys(app)};
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_lnames().empty()) {
      const std::string name = option->get_name(true);
      if (name == "verb") verb.places.push_back({.kind = ValueKind::kWords, .words = children_of(*app.get_parent())});  // of help
      if (name != "overrides" && name != "keys" && name != "verb") verb.places.push_back(value_of(*option));
      continue;
    }
    for (const std::string& name : option->get_lnames())
      verb.flags.push_back({"--" + name, short_help(option->get_description()), value_of(*option)});
  }
  verb.children = children_of(app);
  return verb;
}

void collect_verbs(const CLI::App& app, const std::vector<std::string>& path, std::vector<TableVerb>& table) {
  table.push_back(table_of(app, path));
  for (const CLI::App* child : app.get_subcommands([](const CLI::App*) { return true; })) {
    std::vector<std::string> longer = path;
    longer.push_back(child->get_name());
    collect_verbs(*child, longer, table);
  }
}

}  // namespace

void name_places(CLI::App& app) {
  for (CLI::Option* option : app.get_options([](CLI::Option*) { return true; })) {
    const auto found = table_places().find(option_name(*option));
    if (found != table_places().end() && option->get_type_name().starts_with("TEXT")) option->type_name(found->second);
  }
  for (CLI::App* child : app.get_subcommands([](CLI::App*) { return true; })) name_places(*child);
}

std::vector<TableVerb> command_table(const CLI::App& app) {
  std::vector<TableVerb> table;
  collect_verbs(app, {}, table);
  return table;
}

TableValue value_of_key(const ConfigKey& key) {
  if (!key.words.empty()) return {.kind = ValueKind::kWords, .words = key.words};
  // Texts are in quotes; those that are empty by default name files and folders.
  if (key.value == "\"\"") return {.kind = ValueKind::kFile};
  return {.kind = ValueKind::kOther};
}

}  // namespace infig
