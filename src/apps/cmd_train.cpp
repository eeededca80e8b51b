#include <fmt/format.h>

#include <memory>

#include "apps/commands.h"
#include "apps/config_keys.h"
#include "apps/experiments.h"
#include "apps/ranks_of_verb.h"
#include "apps/run_description.h"
#include "apps/signals.h"
#include "core/error.h"
#include "core/log.h"
#include "data/data_set.h"
#include "training/trainer.h"

namespace infig {
namespace {

struct TrainFlags {
  std::string config, data, output_dir, resume, seeds;
  KeyFlags keys;
  std::vector<std::string> overrides;
  bool random_init = false;
};

// OUT/seed-S for every seed; dev scores, mean and spread.
void train_seeds(const TrainFlags& flags, const std::vector<std::string>& overrides) {
  refuse_seed(overrides, "train");
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
  run_and_print(request, flags.data);
}

void train_verb(const TrainFlags& flags) {
  if (!flags.resume.empty() && flags.resume != "latest") {
    throw ConfigError("--resume: expected latest, found " + flags.resume);
  }
  const std::vector<std::string> overrides = flags.keys.overrides(flags.overrides);
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
  const DataSet data = read_data_set(flags.data);
  train(request, data);
}

}  // namespace

void add_train(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("train", "train a model into a run folder");
  auto flags = std::make_shared<TrainFlags>();
  verb->add_option("--config", flags->config, "YAML file, as configs/tiny.yaml; configs/reference.yaml lists every key")->required();
  verb->add_option("--data", flags->data,
                   "data set folder that prepare wrote, a CSV/TSV/JSONL table, or WebDataset tars: a folder, or 'train-{000..009}.tar'")
      ->required();
  verb->add_option("--output-dir", flags->output_dir, "run folder to write")->required();
  verb->add_option("--resume", flags->resume,
                   "latest: continue the run folder's last checkpoint; start it where there is none; do nothing if it is finished");
  flags->keys.add_common(*verb, true);
  flags->keys.add(*verb, "--bad-image", "data.bad_image", "posts whose picture cannot be used");
  verb->add_option("--seeds", flags->seeds,
                   "several runs OUT/seed-S and their table: how many (3 is 1,2,3), or which (4,7,1); goes on where it stopped");
  flags->keys.add(*verb, "--init-from", "train.init_from", "run folder whose best weights the run starts from");
  flags->keys.add(*verb, "--on-nan", "train.on_nan", "a loss or gradient that is not finite: stop, or skip the step with a count");
  flags->keys.add(*verb, "--report-to", "train.report_to", "event files in the run's tensorboard/, or none");
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
           "  mpirun -n 4 infig train --config configs/lite.yaml --data data/mvsa --output-dir runs/lite4";
  });
  verb->callback([flags] { train_verb(*flags); });
}

}  // namespace infig
