#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>

#include "apps/build_info.h"
#include "apps/commands.h"
#include "apps/signals.h"
#include "core/error.h"
#include "core/log.h"
#include "data/data_set.h"
#include "training/trainer.h"

namespace infig {
namespace {

struct TrainFlags {
  std::string config, data, output_dir, resume, bad_image, report_to;
  std::vector<std::string> overrides;
  bool random_init = false;
};

// The command that was typed, for description.json.
std::string command_line() {
  std::ifstream in("/proc/self/cmdline", std::ios::binary);
  std::string all((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>()), line;
  for (const char c : all) line += c == '\0' ? ' ' : c;
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

std::string describe_run(const std::string& config) {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  return nlohmann::json{{"version", INFIG_VERSION},
                        {"git", build_commit()},
                        {"command", command_line()},
                        {"host", host.data()},
                        {"preset", std::filesystem::path(config).stem().string()}}
      .dump();
}

void train_verb(const TrainFlags& flags) {
  if (!flags.resume.empty() && flags.resume != "latest") {
    throw ConfigError("--resume: expected latest, found " + flags.resume);
  }
  std::vector<std::string> overrides = flags.overrides;
  if (!flags.bad_image.empty()) overrides.push_back("data.bad_image=" + flags.bad_image);
  if (!flags.report_to.empty()) overrides.push_back("train.report_to=" + flags.report_to);
  TrainRequest request;
  request.config = load_run_config(flags.config, overrides, flags.random_init);
  request.run = flags.output_dir;
  request.resume = !flags.resume.empty();
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
  verb->add_option("--data", flags->data, "data set folder that prepare wrote, or a CSV/TSV/JSONL table")->required();
  verb->add_option("--output-dir", flags->output_dir, "run folder to write")->required();
  verb->add_option("--resume", flags->resume,
                   "latest: continue the run folder's last checkpoint; start it where there is none; do nothing if it is finished");
  verb->add_option("--bad-image", flags->bad_image, "posts whose picture cannot be used: missing (default) | skip | error");
  verb->add_option("--report-to", flags->report_to, "tensorboard (default): event files in the run's tensorboard/ | none");
  verb->add_flag(
      "--random-init", flags->random_init,
      "no published weights: encoders of the config's sizes, and CLIP where clip.model is named, from random ones, for speed and memory");
  verb->add_option("overrides", flags->overrides, "key=value pairs over the config, as gam.layer=2 train.epochs=5");
  verb->footer(
      "Examples:\n"
      "  infig train --config configs/tiny.yaml --data runs/postcards --output-dir runs/demo\n"
      "  infig train --config configs/tiny.yaml --data data/mvsa --output-dir runs/no-gam seed=2 loss.lambda_g=0\n"
      "  infig train --config configs/tiny.yaml --data data/mvsa --output-dir runs/text-only data.without=image");
  verb->callback([flags] { train_verb(*flags); });
}

}  // namespace infig
