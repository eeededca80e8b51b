// runs: a leaderboard of the run folders under a folder.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdio>
#include <memory>

#include "apps/commands.h"
#include "core/error.h"
#include "core/files.h"
#include "core/words.h"
#include "experiments/leaderboard.h"

namespace infig {
namespace {

struct RunsFlags {
  std::string folder, sort = "accuracy", csv;
  std::vector<std::string> filters;
  bool reverse = false;
  BoardOptions options;
};

void runs_verb(const RunsFlags& flags) {
  std::vector<BoardLine> lines = find_runs(flags.folder, flags.options);
  if (lines.empty()) throw DataError(fmt::format("{}: holds no run; a run is what train --output-dir writes", flags.folder));
  const size_t all = lines.size();
  sort_board(lines, flags.sort, flags.reverse);  // before the filters: what they leave may lack the column
  for (const std::string& word : flags.filters) lines = filtered(std::move(lines), word);
  if (flags.csv == "-") {
    std::fputs(board_csv(lines).c_str(), stdout);
    return;
  }
  std::fputs(board_text(lines).c_str(), stdout);
  if (lines.empty()) {
    fmt::print("none of {} is left by --filter {}; infig runs {} without it shows what there is\n",
               counted(static_cast<int64_t>(all), "line"), fmt::join(flags.filters, " --filter "), flags.folder);
  } else if (lines.size() < all) {
    fmt::print("{} of {} left by --filter\n", lines.size(), counted(static_cast<int64_t>(all), "line"));
  }
  if (flags.csv.empty()) return;
  make_folder_of(flags.csv);
  write_file_atomic(flags.csv, board_csv(lines));
  fmt::print("wrote {}\n", flags.csv);
}

}  // namespace

void add_runs(CLI::App& app) {
  auto* verb = app.add_subcommand("runs", "the runs under a folder, best first: what they score, and what they cost");
  auto flags = std::make_shared<RunsFlags>();
  verb->add_option("folder", flags->folder, "folder to search; a run, a folder of seeds or an experiment too")->required();
  verb->add_option("--split", flags->options.split, "that was scored: test | dev | train | all")
      ->capture_default_str()
      ->check(CLI::IsMember({"test", "dev", "train", "all"}));
  verb->add_option("--sort", flags->sort,
                   "column, or key of the config: accuracy | f1_macro | f1_weighted | mcc | ece | loss | train_seconds | parameters | ...")
      ->capture_default_str();
  verb->add_flag("--reverse", flags->reverse, "worst first");
  verb->add_option("--filter", flags->filters,
                   "only lines of which COLUMN=VALUE (or != < <= > >=) holds; several must all hold; a key of the config is a column too");
  verb->add_flag("--each", flags->options.each, "every seed in a line of its own, instead of the mean over the seeds of a folder");
  verb->add_option("--csv", flags->csv, "also write the table as CSV to this file; - writes it to the screen instead");
  verb->footer(
      "Lines are grouped by data set and split: scores on different posts do not compare. Runs that are unfinished or broken are listed "
      "with "
      "what is\nwrong. Training time is that of the seeds in the line.\n\n"
      "Examples:\n  infig runs runs\n  infig runs runs --split dev --sort f1_macro --filter preset=lite --filter 'accuracy>0.7'\n"
      "  infig runs runs --filter gam.layer=2 --csv board.csv");
  verb->callback([flags] { runs_verb(*flags); });
}

}  // namespace infig
