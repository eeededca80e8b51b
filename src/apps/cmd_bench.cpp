#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "apps/commands.h"
#include "apps/config_keys.h"
#include "apps/ranks_of_verb.h"
#include "apps/signals.h"
#include "apps/validators.h"
#include "core/error.h"
#include "core/files.h"
#include "core/process_memory.h"
#include "core/words.h"
#include "data/data_set.h"
#include "training/time_training.h"

namespace infig {
namespace {

struct BenchFlags {
  std::string config, data, batches;
  int64_t steps = 40, warmup = 10;
  KeyFlags keys;
  std::vector<std::string> overrides;
  bool random_init = false;
};

void bench_verb(const BenchFlags& flags) {
  const FolderUntilTheEnd folder("bench");  // first of all: see there
  Ranks& ranks = ranks_of_verb();
  const RunConfig config = load_run_config(flags.config, flags.keys.overrides(flags.overrides), flags.random_init);
  const DataSet data = read_data_set(flags.data);
  std::optional<AtomicFile> file;  // opened first: a file that cannot be written is known before the steps are
  if (!flags.batches.empty() && ranks.first()) {
    make_folder_of(flags.batches);
    file.emplace(flags.batches);
  }
  StageTimer timer;
  std::filesystem::path cache = ranks.broadcast(folder.path().string());
  if (!std::filesystem::exists(cache)) cache = folder.path();  // a rank on another machine than the first one
  std::vector<std::vector<std::string>> batches;
  const BenchResult result = time_training(
      config, data,
      {.warmup = flags.warmup, .steps = flags.steps, .cache = cache, .stop = watch_signals(), .batches = file ? &batches : nullptr}, timer,
      ranks);
  if (!ranks.first()) return;  // its stages are like the first one's
  if (file) {
    file->stream() << nlohmann::json(batches).dump() << "\n";
    file->commit();
  }
  const double total = result.seconds;
  std::printf("training: %.1f posts/s over %s of %s after %lld of warm-up, %s%s, peak memory %.0f MiB%s, %s\n", result.rate(),
              counted(flags.steps, "step").c_str(), counted(result.batch_size, "post").c_str(), static_cast<long long>(flags.warmup),
              counted(at::get_num_threads(), "thread").c_str(),
              ranks.several() ? fmt::format(" in each of {} ranks", ranks.size()).c_str() : "", peak_resident_mib(),
              ranks.several() ? " in one of them" : "", flags.config.c_str());
  std::printf("%-18s %9s %7s\n", "stage", "ms/step", "share");
  const auto seconds = timer.seconds();
  double listed = 0;
  for (const char* stage : {"waiting for data", "image", "text", "momentum", "GAM", "HFAM", "fusion", "backward", "optimizer"}) {
    const double value = seconds.contains(stage) ? seconds.at(stage) : 0;
    listed += value;
    std::printf("%-18s %9.2f %6.1f%%\n", stage, 1e3 * value / static_cast<double>(flags.steps), 100 * value / total);
  }
  std::printf("%-18s %9.2f %6.1f%%\n", "rest of the step", 1e3 * (total - listed) / static_cast<double>(flags.steps),
              100 * (total - listed) / total);
  std::printf("on worker threads, beside the step:\n");
  for (const char* stage : {"read", "decode", "resize", "normalize"}) {
    const double value = seconds.contains(stage) ? seconds.at(stage) : 0;
    std::printf("%-18s %9.2f %6.1f%%\n", stage, 1e3 * value / static_cast<double>(flags.steps), 100 * value / total);
  }
}

}  // namespace

void add_bench(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("bench", "posts/s of training and the share of each stage");
  auto flags = std::make_shared<BenchFlags>();
  verb->add_option("--config", flags->config, "YAML file")->required();
  verb->add_option("--data", flags->data, "data set folder, a table, or WebDataset tars")->required();
  verb->add_option("--steps", flags->steps, "steps timed")->capture_default_str()->check(whole_from(1));
  verb->add_option("--warmup", flags->warmup, "steps before them")->capture_default_str()->check(whole_from(1));
  verb->add_option(
      "--batches", flags->batches,
      "JSON file to write: the ids of the posts of every step, warm-up included, one list a step, to the end of the last epoch begun; "
      "for another program to do the same steps");
  verb->add_flag("--random-init", flags->random_init, "encoders of the config's sizes from random weights instead of published ones");
  flags->keys.add_common(*verb, true);
  verb->add_option("overrides", flags->overrides, "key=value pairs over the config");
  verb->footer(
      "Examples:\n  infig bench --config configs/tiny.yaml --data runs/postcards\n"
      "  mpirun -n 2 infig bench --config configs/lite.yaml --data data/mvsa threads=1");
  verb->callback([flags] { bench_verb(*flags); });
}

}  // namespace infig
