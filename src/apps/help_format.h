// How --help looks: lines as wide as the terminal, and what a flag takes in one word.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace infig {

// `text` in lines of at most `width` bytes where its words allow it; later lines begin with `indent` blanks. Its own line ends stay.
std::string wrapped(const std::string& text, size_t width, size_t indent);

// What an option takes: FILE, INT, {cpu,cuda,auto}, FLOAT in [0.05 - 1].
std::string shown_type(const CLI::Option& option);

class HelpFormat : public CLI::Formatter {
 public:
  std::string make_option_opts(const CLI::Option* option) const override;
  std::string make_option_desc(const CLI::Option* option) const override;
  std::string make_subcommand(const CLI::App* verb) const override;
};

}  // namespace infig
