// infig help and infig completion: what helps to type.
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "apps/commands.h"
#include "apps/completion.h"

namespace infig {

void add_help(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("help", "explain a verb, as VERB --help does");
  // command_line.cpp turns it into --help before anything is parsed.
  auto words = std::make_shared<std::vector<std::string>>();
  verb->add_option("verb", *words, "the verb, and its kind where it has kinds");
  verb->footer("Examples:\n  infig help\n  infig help train\n  infig help prepare table");
  verb->callback([words] {});
}

void add_completion(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("completion", "print a script that completes infig's verbs, flags, keys and files in a shell");
  auto shell = std::make_shared<std::string>();
  verb->add_option("shell", *shell, "bash | zsh | fish")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  verb->footer(
      "The script is made of this program's own verbs and flags: make it anew after an update.\n"
      "Examples, for this shell alone:\n"
      "  source <(infig completion bash)\n"
      "  source <(infig completion zsh)     # behind compinit\n"
      "  infig completion fish | source\n"
      "and for good:\n"
      "  infig completion bash > ~/.local/share/bash-completion/completions/infig\n"
      "  infig completion zsh > FOLDER_OF_FPATH/_infig\n"
      "  infig completion fish > ~/.config/fish/completions/infig.fish");
  verb->callback([shell, &app] {
    const std::string script = *shell == "bash" ? bash_completion(app) : *shell == "zsh" ? zsh_completion(app) : fish_completion(app);
    std::fputs(script.c_str(), stdout);
  });
}

}  // namespace infig
