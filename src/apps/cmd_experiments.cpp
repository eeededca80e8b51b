// ablate and sweep: several trainings that belong together. train --seeds comes here too.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <thread>

#include "apps/commands.h"
#include "apps/config_keys.h"
#include "apps/experiments.h"
#include "apps/ranks_of_verb.h"
#include "apps/reading_flags.h"
#include "apps/run_description.h"
#include "apps/signals.h"
#include "apps/validators.h"
#include "core/error.h"
#include "core/words.h"
#include "data/data_set.h"
#include "experiments/plans.h"
#include "experiments/tables.h"

namespace infig {
namespace {

struct ExperimentFlags {
  std::string config, data, output_dir, seeds = "1", split = "dev";
  KeyFlags keys;
  ReadingFlags reading;
  std::vector<std::string> words;
  int64_t random = 0, eta = 3, min_epochs = 1;
  bool halving = false;
  uint64_t draw = 1;
};

void print_scores(const ExperimentScores& scores) {
  size_t widest = 7;
  for (const auto& one : scores.variants) widest = std::max(widest, one.variant.title.size());
  fmt::print("{}: {}, {} of {}\n", scores.title, scores.data, counted(scores.posts, "post"), scores.split);
  fmt::print("  {:<{}}  runs  accuracy, weighted F1\n", "variant", widest);
  for (const auto& one : scores.variants)
    fmt::print("  {:<{}}  {:>4}  {}, {}{}\n", one.variant.title, widest, one.seeds.size(), score_cell(one.accuracy),
               score_cell(one.f1_weighted),
               one.dropped_after == 0 ? "" : fmt::format(" (dropped after {})", counted(one.dropped_after, "epoch")));
  fmt::print("  {}\n", summary_words(scores.seeds.size()));
  for (const auto& one : scores.variants) {
    if (one.against_first) fmt::print("{}\n", conclusion(*one.against_first));
  }
  fmt::print("wrote {0}/table.md, table.csv, table.tex, experiment.json and report.html\n", scores.tables.string());
}

ExperimentRequest base_request(const ExperimentFlags& flags, std::string title) {
  ExperimentRequest request;
  request.title = std::move(title);
  request.config = flags.config;
  request.seeds = parse_seeds(flags.seeds);
  request.output = flags.output_dir;
  request.split = flags.split;
  request.description_json = describe_run(flags.config);
  request.stop = watch_signals();
  return request;
}

void add_common(CLI::App& verb, const std::shared_ptr<ExperimentFlags>& flags) {
  verb.add_option("--config", flags->config, "YAML file, as configs/lite.yaml")->required();
  verb.add_option("--data", flags->data, "data set folder, a table, or WebDataset tars")->required();
  add_reading_flags(verb, flags->reading);
  verb.add_option("--output-dir", flags->output_dir, "folder of the experiment; the same command line starts, continues and repeats it")
      ->required();
  verb.add_option("--seeds", flags->seeds, "how many (3 is 1,2,3), or which (4,7,1)")->capture_default_str();
  verb.add_option("--split", flags->split, "dev, or test once nothing is chosen any more")
      ->capture_default_str()
      ->check(CLI::IsMember({"dev", "test"}));
  flags->keys.add_common(verb, false);
}

// The pairs that were typed and those that flags stand for.
std::vector<std::string> pairs_of(const ExperimentFlags& flags, const std::string& verb) {
  std::vector<std::string> pairs = flags.keys.overrides(flags.words);
  refuse_seed(pairs, verb);
  return pairs;
}

void ablate(const ExperimentFlags& flags) {
  ExperimentRequest request = base_request(flags, "Ablation of " + std::filesystem::path(flags.config).stem().string());
  request.overrides = pairs_of(flags, "ablate");
  request.variants = ablation_variants(load_run_config(flags.config, request.overrides));
  run_and_print(request, flags.data, flags.reading.reading());
}

// KEY=V1,V2 with one value alone is a plain override.
void sweep(const ExperimentFlags& flags) {
  ExperimentRequest request = base_request(flags, "Sweep of " + std::filesystem::path(flags.config).stem().string());
  std::vector<SweepAxis> axes;
  for (const auto& word : pairs_of(flags, "sweep")) {
    SweepAxis axis = parse_axis(word);
    if (axis.values.size() == 1) {
      request.overrides.push_back(word);
    } else {
      axes.push_back(std::move(axis));
    }
  }
  if (axes.empty()) throw ConfigError("sweep: no key has several values; expected KEY=V1,V2,..., as gam.layer=1,2,3,4");
  request.variants = sweep_variants(axes, flags.random, flags.draw);
  if (flags.halving) request.halving = HalvingOptions{.eta = flags.eta, .min_epochs = flags.min_epochs};
  // A key that does not exist, or a value that is not allowed, is said before hours of training.
  for (const Variant& variant : request.variants) {
    std::vector<std::string> overrides = request.overrides;
    overrides.insert(overrides.end(), variant.overrides.begin(), variant.overrides.end());
    load_run_config(flags.config, overrides);
  }
  run_and_print(request, flags.data, flags.reading.reading());
}

}  // namespace

void run_and_print(const ExperimentRequest& request, const std::string& data_path, const TableReading& reading) {
  if (ranks_of_verb().several()) throw ConfigError("several runs are trained in sequence by one process; leave out mpirun");
  const DataSet data = read_data_set(data_path, reading);
  print_scores(run_experiment(request, data));
}

void add_ablate(CLI::App& app) {
  auto* verb = app.add_subcommand("ablate", "Table 3: the model without CLIP, GAM, HFAM, both, each over several seeds");
  auto flags = std::make_shared<ExperimentFlags>();
  add_common(*verb, flags);
  verb->add_option("overrides", flags->words, "key=value pairs over the config, for all variants");
  verb->footer(
      "Examples:\n  infig ablate --config configs/lite.yaml --data data/mvsa --output-dir runs/table3 --seeds 3\n"
      "  infig ablate --config configs/tiny.yaml --data runs/postcards --output-dir runs/table3-tiny --seeds 5 train.epochs=4");
  verb->callback([flags] { ablate(*flags); });
}

void add_sweep(CLI::App& app) {
  auto* verb = app.add_subcommand("sweep", "Figure 3 and its like: one or more keys over lists of values, each over several seeds");
  auto flags = std::make_shared<ExperimentFlags>();
  add_common(*verb, flags);
  verb->add_option("keys", flags->words, "KEY=V1,V2,...: every combination is trained; KEY=V holds for all of them")->required();
  verb->add_option("--random", flags->random, "only so many combinations, drawn by --draw")->check(whole_from(1));
  verb->add_option("--draw", flags->draw, "seed of that draw")->capture_default_str();
  auto* halving =
      verb->add_flag("--halving", flags->halving,
                     "drop the poor ones early: after --min-epochs, and every --eta times as many, the best of --eta on dev go on");
  verb->add_option("--eta", flags->eta, "of so many variants one goes on")
      ->capture_default_str()
      ->check(whole_between(2, 1000))
      ->needs(halving);
  verb->add_option("--min-epochs", flags->min_epochs, "epochs before the first are dropped")
      ->capture_default_str()
      ->check(whole_from(1))
      ->needs(halving);
  verb->footer(
      "Examples:\n  infig sweep gam.layer=1,2,3,4 --config configs/lite.yaml --data data/mvsa --output-dir runs/figure3\n"
      "  infig sweep optim.lr=1e-5,3e-5,1e-4 loss.lambda_g=0.1,0.3 train.epochs=4 --random 4 --config configs/lite.yaml --data data/mvsa "
      "--output-dir runs/rates\n"
      "  infig sweep optim.lr=1e-5,3e-5,1e-4,3e-4 loss.lambda_g=0,0.1,0.3 --halving --eta 3 --config configs/lite.yaml --data data/mvsa "
      "--output-dir runs/halving");
  verb->callback([flags] { sweep(*flags); });
}

}  // namespace infig
