#include <fmt/format.h>

#include <memory>

#include "apps/commands.h"
#include "apps/config_keys.h"
#include "apps/dry_run_report.h"
#include "apps/duration.h"
#include "apps/experiments.h"
#include "apps/ranks_of_verb.h"
#include "apps/reading_flags.h"
#include "apps/run_description.h"
#include "apps/signals.h"
#include "core/error.h"
#include "core/log.h"
#include "data/data_set.h"
#include "training/trainer.h"

namespace infig {
namespace {

struct TrainFlags {
  std::string config, data, output_dir, resume, seeds, time_limit;
  KeyFlags keys;
  ReadingFlags reading;
  std::vector<std::string> overrides;
  bool random_init = false, dry_run = false;
};

// OUT/seed-S for every seed; dev scores, mean and spread.
void train_seeds(const TrainFlags& flags, const std::vector<std::string>& overrides) {
  refuse_seed(overrides, "train");
  if (!flags.time_limit.empty()) throw ConfigError("--time-limit: is the time of one run; leave out --seeds");
  if (flags.dry_run) throw ConfigError("--dry-run: looks at one run; leave out --seeds (every seed takes as much)");
  if (flags.random_init) throw ConfigError("--random-init: measures speed and memory of one run; leave out --seeds");
  load_run_config(flags.config, overrides);  // a wrong key is said before anything is written
  ExperimentRequest request;
  request.title = std::filesystem::path(flags.config).stem().string();
  request.config = flags.config;
  request.overrides = overrides;
  request.variants = {{.name = "", .title = request.title, .overrides = {}}};
  request.seeds = parse_seeds(flags.seeds);
  request.output = flags.output_dir;
  request.description_json = describe_run(flags.config);
  request.stop = watch_signals();
  run_and_print(request, flags.data, flags.reading.reading());
}

void dry_run_verb(const TrainFlags& flags, const std::vector<std::string>& overrides) {
  if (!flags.resume.empty()) throw ConfigError("--dry-run: looks at a new run; leave out --resume");
  if (!flags.time_limit.empty()) throw ConfigError("--dry-run: takes two steps, however long they are; leave out --time-limit");
  const FolderUntilTheEnd scratch("dry-run");  // first of all: see there
  if (ranks_of_verb().several()) throw ConfigError("--dry-run: measures one process; leave out mpirun");
  const RunConfig config = load_run_config({.file = flags.config, .overrides = overrides, .random_init = flags.random_init});
  const DataSet data = read_data_set(flags.data, flags.reading.reading());
  print_dry_run(dry_run(config, data, flags.output_dir, scratch.path(), watch_signals()), data, config, flags.output_dir);
}

void train_verb(const TrainFlags& flags) {
  const std::vector<std::string> overrides = flags.keys.overrides(flags.overrides);
  if (flags.dry_run && flags.seeds.empty()) {
    dry_run_verb(flags, overrides);
    return;
  }
  Ranks& ranks = ranks_of_verb();
  if (!flags.seeds.empty()) {
    train_seeds(flags, overrides);
    return;
  }
  TrainRequest request;
  request.ranks = &ranks;
  request.run = flags.output_dir;
  request.resume = !flags.resume.empty();
  request.config = load_run_config({.file = flags.config,
                                    .overrides = overrides,
                                    .random_init = flags.random_init,
                                    .run = request.resume ? request.run : std::filesystem::path()});
  request.description_json = describe_run(flags.config);
  request.stop = watch_signals();
  if (!flags.time_limit.empty()) request.time_limit = parse_duration("--time-limit", flags.time_limit);
  const DataSet data = read_data_set(flags.data, flags.reading.reading());
  train(request, data);
}

}  // namespace

void add_train(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("train", "train a model into a run folder");
  auto flags = std::make_shared<TrainFlags>();
  verb->add_option("--config", flags->config, "YAML file, as configs/tiny.yaml; configs/reference.yaml lists every key")->required();
  verb->add_option("--data", flags->data,
                   "data set folder that prepare wrote, a CSV/TSV/JSONL table, Parquet or WebDataset tars (a folder, or "
                   "'train-{000..009}.tar'), or a "
                   "folder of pictures")
      ->required();
  add_reading_flags(*verb, flags->reading);
  verb->add_option("--output-dir", flags->output_dir, "run folder to write")->required();
  verb->add_option("--resume", flags->resume,
                   "latest: continue the run folder's last checkpoint; start it where there is none; do nothing if it is finished")
      ->check(CLI::IsMember({"latest"}));
  flags->keys.add_common(*verb, true);
  flags->keys.add(*verb, "--bad-image", "data.bad_image", "posts whose picture cannot be used");
  verb->add_option("--seeds", flags->seeds,
                   "several runs OUT/seed-S and their table: how many (3 is 1,2,3), or which (4,7,1); goes on where it stopped");
  flags->keys.add(*verb, "--init-from", "train.init_from", "run folder whose best weights the run starts from");
  flags->keys.add(*verb, "--on-nan", "train.on_nan", "a loss or gradient that is not finite: stop, or skip the step with a count");
  flags->keys.add(*verb, "--report-to", "train.report_to", "event files in the run's tensorboard/, or none");
  verb->add_option(
      "--time-limit", flags->time_limit,
      "end after this time (90s, 30m, 2h, 1h30m): the step is ended, dev evaluated, all saved, exit code 0; --resume latest goes on");
  verb->add_flag("--dry-run", flags->dry_run,
                 "say what would be read, how many steps, and time, memory and disk as two steps measure them; nothing is left behind");
  verb->add_flag(
      "--random-init", flags->random_init,
      "no published weights: encoders of the config's sizes, and CLIP where clip.model is named, from random ones, for speed and memory");
  verb->add_option("overrides", flags->overrides, "key=value pairs over the config, as gam.layer=2 train.epochs=5");
  verb->footer("");  // the program's own would follow
  verb->footer([] {
    return common_keys_help() +
           "\nExamples:\n"
           "  infig train --config configs/tiny.yaml --data runs/postcards --output-dir runs/demo\n"
           "  infig train --config configs/tiny.yaml --data data/mvsa --output-dir runs/no-gam seed=2 loss.lambda_g=0\n"
           "  infig train --config configs/tiny.yaml --data data/mvsa --output-dir runs/text-only data.without=image\n"
           "  infig train --config configs/tiny.yaml --data 'shards/{train,dev}-*.tar' --output-dir runs/tars data.shuffle_buffer=5000\n"
           "  infig train --config configs/lite.yaml --data data/mvsa --output-dir runs/lite --seeds 3\n"
           "  infig train --config configs/lite.yaml --data data/mvsa --output-dir runs/lite --dry-run\n"
           "  infig train --config configs/lite.yaml --data data/mvsa --output-dir runs/lite --resume latest --time-limit 2h\n"
           "  mpirun -n 4 infig train --config configs/lite.yaml --data data/mvsa --output-dir runs/lite4";
  });
  verb->callback([flags] { train_verb(*flags); });
}

}  // namespace infig
