// infig VERB ...: the list of verbs, exit codes, signals.
#include <c10/util/Exception.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "apps/command_line.h"
#include "apps/command_table.h"
#include "apps/commands.h"
#include "apps/help_format.h"
#include "apps/signals.h"
#include "apps/terminal.h"
#include "core/error.h"
#include "core/json.h"
#include "core/log.h"
#include "distributed/ranks.h"

namespace {

constexpr const char* kFooter =
    "Examples:\n"
    "  infig prepare postcards --out runs/postcards\n"
    "  infig train --config configs/tiny.yaml --data runs/postcards --output-dir runs/demo\n"
    "  infig evaluate --run runs/demo --data runs/postcards --split test\n"
    "  infig predict --run runs/demo --text \"What a lovely day\" --image runs/postcards/images/pc-1330.png\n\n"
    "infig help VERB explains a verb, infig completion SHELL completes what is typed (bash, zsh, fish).\n"
    "Exit codes: 0 done, 1 the work failed, 2 wrong usage or config, 130, 143 and 138 stopped by SIGINT, SIGTERM and SIGUSR1 after\n"
    "saving.";

// One rank's error ends all ranks. What goes wrong in every rank alike is said by the first one: the others wait a little for it.
int failed(const std::string& message, int code) {
  infig::Ranks& ranks = infig::Ranks::started();
  if (!ranks.several()) {
    std::fflush(stdout);  // in one log of both, what was printed before comes before
    infig::log_error("{}", message);
    return code;
  }
  if (!ranks.first()) std::this_thread::sleep_for(std::chrono::seconds(2));
  infig::log_error("rank {} of {}: {}", ranks.rank(), ranks.size(), message);
  ranks.abort(code);
  return code;
}

int run(int argc, char** argv) {
  CLI::App app{"infig reads a social-media post, its text and its image, and says what it expresses.", "infig"};
  app.set_version_flag("--version", "infig " INFIG_VERSION);
  app.require_subcommand(1);
  app.formatter(std::make_shared<infig::HelpFormat>());
  app.footer(kFooter);
  infig::add_prepare(app);
  infig::add_verify_data(app);
  infig::add_train(app);
  infig::add_evaluate(app);
  infig::add_ablate(app);
  infig::add_sweep(app);
  infig::add_reproduce(app);
  infig::add_compare(app);
  infig::add_runs(app);
  infig::add_predict(app);
  infig::add_encode(app);
  infig::add_tokenize(app);
  infig::add_weights(app);
  infig::add_anchors(app);
  infig::add_losses(app);
  infig::add_doctor(app);
  infig::add_bench(app);
  infig::add_help(app);
  infig::add_completion(app);
  infig::name_places(app);
  return infig::run_command_line(app, std::vector<std::string>(argv + 1, argv + argc));
}

}  // namespace

int main(int argc, char** argv) {
  infig::use_terminal();
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a limit on file sizes is then an error like a full disk
  try {
    const int code = run(argc, argv);
    infig::Ranks::started().finish();
    return code;
  } catch (const infig::Error& error) {
    return failed(error.what(), error.exit_code());
  } catch (const c10::Error& error) {
    return failed(std::string("libtorch: ") + error.what_without_backtrace(), 1);
  } catch (const std::bad_alloc&) {
    return failed("out of memory; a smaller train.batch_size, hfam.chunk_texts or data.cache_mb needs less", 1);
  } catch (const std::exception& error) {
    return failed(infig::json_fault(error), 1);
  }
}
