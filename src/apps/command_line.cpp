#include "apps/command_line.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <filesystem>
#include <map>

#include "apps/config_keys.h"
#include "apps/help_format.h"
#include "apps/suggestions.h"
#include "core/error.h"

namespace infig {
namespace {

using Words = std::vector<std::string>;

const CLI::App* child_of(const CLI::App& parent, const std::string& name) {
  for (const CLI::App* child : parent.get_subcommands([](const CLI::App*) { return true; })) {
    if (child->get_name() == name) return child;
  }
  return nullptr;
}

bool is_flag(const std::string& word) {
  if (word.size() < 2 || word[0] != '-') return false;
  return std::isdigit(static_cast<unsigned char>(word[1])) == 0 && word[1] != '.';
}

bool is_help(const std::string& word) { return word == "--help" || word == "-h"; }

// The name in front of '=' where it could be a key: letters, digits, '_', '-', '.', beginning with a letter.
std::string key_of(const std::string& word) {
  const size_t equals = word.find('=');
  if (equals == std::string::npos || equals == 0 || std::isalpha(static_cast<unsigned char>(word[0])) == 0) return "";
  const std::string key = word.substr(0, equals);
  const bool plain =
      std::all_of(key.begin(), key.end(), [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.'; });
  return plain ? key : "";
}

// One verb's words, from left to right.
class VerbWords {
 public:
  VerbWords(const CLI::App& verb, Words path, Words words)
      : verb_(verb), path_(std::move(path)), words_(std::move(words)), takes_keys_(takes_keys(verb)) {}

  Words read() {
    while (at_ < words_.size()) {
      const std::string word = words_[at_++];
      if (word == "--") {
        result_.push_back(word);
        result_.insert(result_.end(), words_.begin() + static_cast<ptrdiff_t>(at_), words_.end());
        break;
      }
      if (is_help(word)) return help();
      if (is_flag(word)) {
        flag(word);
      } else {
        plain(word);
      }
    }
    Words all = path_;
    all.insert(all.end(), result_.begin(), result_.end());
    return all;
  }

 private:
  Words help() const {
    Words words = path_;
    words.emplace_back("--help");
    return words;
  }

  std::string next() const { return at_ < words_.size() ? words_[at_] : ""; }

  const CLI::Option* find(const std::string& name) const { return is_flag(name) ? verb_.get_option_no_throw(name) : nullptr; }

  void flag(const std::string& word) {
    const size_t equals = word.find('=');
    const std::string name = word.substr(0, equals);
    const CLI::Option* option = find(name);
    if (option == nullptr) {
      const std::string next_word = next();
      const std::string value = equals != std::string::npos ? word.substr(equals + 1) : is_flag(next_word) ? "" : next_word;
      throw ConfigError(unknown_flag(verb_, name, key_of(value).empty() ? value : ""));
    }
    if (option->get_items_expected_max() == 0) {  // it takes no value; --name=false is CLI11's
      result_.push_back(word);
      return;
    }
    if (equals != std::string::npos) return give(*option, name, word.substr(equals + 1), word);
    const bool another = find(next().substr(0, next().find('='))) != nullptr || is_help(next());
    if (option->get_items_expected_min() == 0) {  // whether the next word is its value is CLI11's to say
      result_.push_back(name);
      return;
    }
    if (at_ == words_.size() || another) {
      const std::string found = at_ == words_.size() ? "nothing" : next();
      const std::string hint = another ? fmt::format("; a value that looks so is typed {}={}", name, next()) : "";
      throw ConfigError(
          fmt::format("{} {}: its value is missing: expected {}, found {}{}", verb_path(verb_), name, shown_type(*option), found, hint));
    }
    const std::string value = words_[at_++];
    give(*option, name, value, fmt::format("{} {}", name, value));
  }

  // A value as the parser is to have it; `said` is what was typed.
  void give(const CLI::Option& option, const std::string& name, const std::string& value, const std::string& said) {
    // An empty value is most often a variable of the shell that is not set; a post's own sides may be empty.
    if (value.empty() && name != "--text" && name != "--image")
      throw ConfigError(fmt::format("{} {}: its value is empty: expected {}", verb_path(verb_), name, shown_type(option)));
    const bool once = option.get_items_expected_max() == 1;
    if (once && !is_new(option.get_name(), value, said)) return;
    if (option.get_items_expected_min() == 0) {
      result_.push_back(name + "=" + value);
    } else {
      result_.push_back(name);
      result_.push_back(value);
    }
  }

  // Whether the option has no value yet. Throws where it has another one.
  bool is_new(const std::string& option, const std::string& value, const std::string& said) {
    const auto [before, fresh] = values_.try_emplace(option, value, said);
    if (fresh) return true;
    if (before->second.first == value) return false;
    throw ConfigError(
        fmt::format("{}: {} and {} contradict each other; give one of the two", verb_path(verb_), before->second.second, said));
  }

  void plain(const std::string& word) {
    const std::string key = key_of(word);
    refuse_blanks(word, key);
    if (key.empty()) {
      result_.push_back(word);
    } else if (takes_keys_) {
      result_.push_back(key == "limit" ? "data." + word : word);
    } else {
      pair(word, key);
    }
  }

  // key = value, key= value, key =value
  void refuse_blanks(const std::string& word, const std::string& key) const {
    const bool known = takes_keys_ || find("--" + word.substr(0, word.find('='))) != nullptr;
    const std::string after = next(), name = word.substr(0, word.find('='));
    const bool parted_before = key.empty() && after.starts_with("=");
    const bool parted_behind = !key.empty() && word.ends_with("=") && !after.empty() && key_of(after).empty() && !is_flag(after);
    if (!known || (!parted_before && !parted_behind)) return;
    const std::string more = at_ + 1 < words_.size() ? words_[at_ + 1] : "";
    const std::string value = parted_behind ? after : after.size() > 1 ? after.substr(1) : more;
    throw ConfigError(
        fmt::format("{}: '{}' and '{}' are two words; type {}={} without blanks", verb_path(verb_), word, after, name, value));
  }

  // NAME=VALUE of a verb that reads no config: the flag of that name, or a file called so.
  void pair(const std::string& word, const std::string& key) {
    std::error_code ignored;
    std::string name = key == "data.limit" ? "limit" : key;
    std::replace(name.begin(), name.end(), '_', '-');
    const CLI::Option* option = find("--" + name);
    const bool has_value = option != nullptr && option->get_items_expected_max() > 0;
    if (has_value) return give(*option, "--" + name, word.substr(word.find('=') + 1), word);
    const bool a_place = !verb_.get_options([](const CLI::Option* one) { return one->get_positional(); }).empty();
    const bool a_key = find_config_key(key) != nullptr || !keys_ending_in(key).empty();
    if (a_place && (!a_key || std::filesystem::exists(word, ignored))) {
      result_.push_back(word);
    } else {
      throw ConfigError(unknown_pair(verb_, word));
    }
  }

  const CLI::App& verb_;
  Words path_, words_, result_;
  bool takes_keys_;
  size_t at_ = 0;                                                      // the next word
  std::map<std::string, std::pair<std::string, std::string>> values_;  // of an option: value, and how it was typed
};

// What is missing, all at once. CLI11 names the first alone.
std::string missing_of(const CLI::App& verb) {
  std::vector<std::string> missing;
  for (const CLI::Option* option : verb.get_options()) {
    if (!option->get_required() || option->count() > 0) continue;
    missing.push_back(option->get_positional() ? option->get_name(true) : fmt::format("{} {}", option->get_name(), shown_type(*option)));
  }
  return fmt::format("{}", fmt::join(missing, ", "));
}

const CLI::App& parsed_verb(const CLI::App& app) {
  const CLI::App* verb = &app;
  while (!verb->get_subcommands().empty()) verb = verb->get_subcommands().front();
  return *verb;
}

}  // namespace

std::vector<std::string> read_words(const CLI::App& app, const std::vector<std::string>& words) {
  const bool help = !words.empty() && words.front() == "help";
  const CLI::App* verb = &app;
  Words path;
  size_t at = help ? 1 : 0;
  for (; at < words.size(); ++at) {
    const bool has_kinds = !verb->get_subcommands([](const CLI::App*) { return true; }).empty();
    const std::string& word = words[at];
    if (help && is_help(word)) continue;
    if (!has_kinds) break;
    if (is_flag(word)) {
      if (verb->get_option_no_throw(word) != nullptr) {  // --help, --version
        path.push_back(word);
        return path;
      }
      throw ConfigError(fmt::format("{0}: {1} stands before the {2}; type {0} {3} {1} ...\n{0} --help lists the {2}s", verb_path(*verb),
                                    word, verb == &app ? "verb" : "kind", verb == &app ? "VERB" : "KIND"));
    }
    const CLI::App* child = child_of(*verb, word);
    if (child == nullptr) throw ConfigError(unknown_verb(*verb, word));
    verb = child;
    path.push_back(word);
  }
  if (help) {
    if (at < words.size()) throw ConfigError(fmt::format("infig help: '{}' is no part of {}", words[at], verb_path(*verb)));
    path.emplace_back("--help");
    return path;
  }
  if (at == words.size() && !verb->get_subcommands([](const CLI::App*) { return true; }).empty()) throw ConfigError(missing_kind(*verb));
  return VerbWords(*verb, path, Words(words.begin() + static_cast<ptrdiff_t>(at), words.end())).read();
}

int run_command_line(CLI::App& app, const std::vector<std::string>& words) {
  if (words.empty()) {
    std::fputs(app.help().c_str(), stderr);
    return 2;
  }
  Words read = read_words(app, words);
  std::reverse(read.begin(), read.end());  // as CLI11 takes a vector
  try {
    app.parse(read);
  } catch (const CLI::Success& shown) {  // --help, --version
    return app.exit(shown);
  } catch (const CLI::ParseError& problem) {
    const CLI::App& verb = parsed_verb(app);
    const std::string path = verb_path(verb), missing = missing_of(verb);
    std::string what = problem.what();
    if (!missing.empty() && dynamic_cast<const CLI::RequiredError*>(&problem) != nullptr) {
      const std::vector<std::string> rest = verb.remaining();  // a value whose flag was left out
      what = fmt::format("missing: {}{}", missing, rest.empty() ? "" : fmt::format("; found without a flag: {}", fmt::join(rest, " ")));
    }
    throw ConfigError(fmt::format("{}: {}\n{} --help explains each flag", path, what, path));
  }
  return 0;
}

}  // namespace infig
