#include "apps/help_format.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>

namespace infig {
namespace {

// Of the right column, behind the 30 of CLI11's left one.
size_t description_width() {
  constexpr size_t kLeft = 30, kLeast = 40, kMost = 110, kWithoutTerminal = 100;
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kWithoutTerminal;
  return std::clamp<size_t>(size.ws_col > kLeft ? size.ws_col - kLeft - 1 : 0, kLeast, kMost);
}

}  // namespace

std::string wrapped(const std::string& text, size_t width, size_t indent) {
  std::string result;
  size_t column = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t stop = std::min(text.find_first_of(" \n", at), text.size());
    if (column > 0 && column + 1 + stop - at > width) {
      result += "\n" + std::string(indent, ' ');
      column = 0;
    } else if (column > 0) {
      result += ' ';
      ++column;
    }
    result += text.substr(at, stop - at);
    column += stop - at;
    if (stop < text.size() && text[stop] == '\n') {
      result += "\n" + std::string(indent, ' ');
      column = 0;
    }
    at = stop + 1;
  }
  return result;
}

std::string shown_type(const CLI::Option& option) {
  std::string type = option.get_type_name();
  const size_t colon = type.find(':');
  if (colon == std::string::npos) return type;
  std::string check = type.substr(colon + 1);
  if (check.find('{') != std::string::npos || check.find(" in [") != std::string::npos) return check;
  return type.substr(0, colon);
}

std::string HelpFormat::make_option_opts(const CLI::Option* option) const {
  std::string text = option->get_type_size() == 0 ? "" : " " + shown_type(*option);  // a switch takes nothing
  if (!option->get_default_str().empty()) text += "=" + option->get_default_str();
  if (option->get_expected_max() == CLI::detail::expected_max_vector_size) text += " ...";
  if (option->get_required()) text += " " + get_label("REQUIRED");
  for (const CLI::Option* other : option->get_needs()) text += " with " + other->get_name();
  return text;
}

std::string HelpFormat::make_option_desc(const CLI::Option* option) const {
  std::string text = option->get_description();
  std::string others;
  for (const CLI::Option* other : option->get_excludes()) others += (others.empty() ? "" : ", ") + other->get_name();
  if (!others.empty()) text += fmt::format(" (not with {})", others);
  return wrapped(text, description_width(), 0);
}

std::string HelpFormat::make_subcommand(const CLI::App* verb) const {
  std::ostringstream out;
  CLI::detail::format_help(out, verb->get_name(), wrapped(verb->get_description(), description_width(), 0), column_width_);
  return out.str();
}

}  // namespace infig
