// reproduce: the paper's tables on the available data sets.
#include <fmt/format.h>

#include <memory>
#include <string_view>

#include "apps/commands.h"
#include "apps/config_keys.h"
#include "apps/ranks_of_verb.h"
#include "apps/run_description.h"
#include "apps/signals.h"
#include "core/error.h"
#include "core/files.h"
#include "experiments/paper_figures.h"
#include "experiments/reproduce.h"

namespace infig {
namespace {

struct ReproduceFlags {
  std::string part, data_root, config_dir = "configs", output_dir, preset = "paper", seeds = "5", split = "test";
  std::vector<std::string> models;
  KeyFlags keys;
  std::vector<std::string> overrides;
};

void reproduce_verb(const ReproduceFlags& flags) {
  ReproduceRequest request;
  request.part = parse_paper_part(flags.part);
  request.data_root = flags.data_root;
  request.config_dir = flags.config_dir;
  request.preset = flags.preset;
  request.output = flags.output_dir;
  request.seeds = parse_seeds(flags.seeds);
  request.split = flags.split;
  request.models = flags.models;
  if (!request.models.empty() && request.part != PaperPart::kTable2) throw ConfigError("--models chooses rows of table2; leave it out");
  request.overrides = flags.keys.overrides(flags.overrides);
  refuse_seed(request.overrides, "reproduce");
  request.description_json = describe_run(flags.preset);
  if (ranks_of_verb().several()) throw ConfigError("several runs are trained in sequence by one process; leave out mpirun");
  request.stop = watch_signals();
  const Reproduction all = reproduce(request);
  const auto& folder = all.tables;
  fmt::print("{}", read_file(folder / "table.md"));
  fmt::print("\nwrote {0}/table.md, table.csv, table.tex, reproduction.json and report.html", folder.string());
  fmt::print("; {} of {} data sets\n", all.sets.size(), kPaperDataSets);
}

}  // namespace

void add_reproduce(CLI::App& app) {
  auto* verb = app.add_subcommand("reproduce",
                                  "the paper's Table 2, Table 3 or Figure 3 on the data sets that are there, beside the paper's figures");
  auto flags = std::make_shared<ReproduceFlags>();
  verb->add_option("part", flags->part, "table2 | table3 | figure3")->required()->check(CLI::IsMember({"table2", "table3", "figure3"}));
  verb->add_option("overrides", flags->overrides, "key=value pairs over the presets");
  verb->add_option("--data-root", flags->data_root,
                   "folder that holds mvsa-single, mvsa-multiple, hfm, tumemo, or some of them, as prepare writes them")
      ->required();
  verb->add_option("--output-dir", flags->output_dir,
                   "folder of it all; the same command line starts, continues and repeats it, and the three parts share their runs")
      ->required();
  verb->add_option("--config-dir", flags->config_dir, "folder of the presets")->capture_default_str();
  verb->add_option("--preset", flags->preset, "paper (paper-DATASET.yaml), or one config for all data sets: base | lite | tiny")
      ->capture_default_str()
      ->check(CLI::IsMember({"paper", "base", "lite", "tiny"}));
  verb->add_option("--seeds", flags->seeds, "how many (3 is 1,2,3), or which (4,7,1)")->capture_default_str();
  std::vector<std::string> models;
  for (const PaperRow& row : paper_table2()) models.emplace_back(row.variant == std::string_view("full") ? "infig" : row.variant);
  verb->add_option("--models", flags->models, "rows of table2, separated by commas (default: all that the paper has for a data set)")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::IsMember(models));
  verb->add_option("--split", flags->split, "test, as in the paper, or dev")->capture_default_str()->check(CLI::IsMember({"dev", "test"}));
  flags->keys.add_common(*verb, false);
  verb->footer(
      "Table 2 trains INFIG and the other models of its rows, cheapest first, and says about how long it takes; models whose weights are "
      "not\n"
      "there are left out with what to do.\n"
      "Examples:\n  infig reproduce table2 --data-root data --output-dir runs/paper\n"
      "  infig reproduce table2 --data-root data --output-dir runs/few --preset lite --models multisentinet,mvan,infig --seeds 3 --split "
      "dev\n"
      "  infig reproduce table3 --data-root data --output-dir runs/paper-lite --preset lite --seeds 3\n"
      "  infig reproduce figure3 --data-root data --output-dir runs/try --preset tiny --seeds 1 --limit 200 train.epochs=1");
  verb->callback([flags] { reproduce_verb(*flags); });
}

}  // namespace infig
