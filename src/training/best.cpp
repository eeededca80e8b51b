#include "training/best.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "tensor/archive.h"
#include "training/checkpoint.h"

namespace infig {
namespace fs = std::filesystem;
using nlohmann::json;

const char* metric_name(BestMetric metric) {
  constexpr std::array<const char*, 6> kNames = {"accuracy",          "macro F1", "weighted F1", "Matthews correlation",
                                                 "calibration error", "loss"};
  return kNames.at(static_cast<size_t>(metric));
}

const char* metric_key(BestMetric metric) {
  constexpr std::array<const char*, 6> kKeys = {"eval_accuracy", "eval_f1_macro", "eval_f1_weighted", "eval_mcc", "eval_ece", "eval_loss"};
  return kKeys.at(static_cast<size_t>(metric));
}

double metric_value(BestMetric metric, const ClassificationScores& scores, double loss) {
  switch (metric) {
    case BestMetric::kF1Macro:
      return scores.f1_macro;
    case BestMetric::kF1Weighted:
      return scores.f1_weighted;
    case BestMetric::kMcc:
      return scores.mcc;
    case BestMetric::kEce:
      return scores.ece;
    case BestMetric::kLoss:
      return loss;
    case BestMetric::kAccuracy:
      break;
  }
  return scores.accuracy;
}

bool better(BestMetric metric, double value, double than, double by) {
  return metric == BestMetric::kLoss || metric == BestMetric::kEce ? value < than - by : value > than + by;
}

std::vector<int64_t> best_steps(const json& log_history, BestMetric metric, int64_t count) {
  struct Entry {
    int64_t step;
    double value, f1_weighted;
  };
  if (count == 0) return {};
  std::vector<Entry> entries;
  for (const json& line : log_history) {
    const auto value = line.find(metric_key(metric)), f1 = line.find("eval_f1_weighted");
    if (value == line.end() || f1 == line.end())
      throw CheckpointError(
          fmt::format("trainer_state.json: key log_history: an evaluation has no {} or eval_f1_weighted", metric_key(metric)));
    // Diverged evaluations are no candidates (JSON has no NaN: it is stored as null).
    if (value->is_number() && f1->is_number() && std::isfinite(value->get<double>())) entries.push_back({line.at("step"), *value, *f1});
  }
  std::stable_sort(entries.begin(), entries.end(), [metric](const Entry& a, const Entry& b) {
    return a.value != b.value ? better(metric, a.value, b.value) : a.f1_weighted > b.f1_weighted;
  });
  std::vector<int64_t> steps;
  for (const Entry& entry : entries) {
    if (static_cast<int64_t>(steps.size()) < count) steps.push_back(entry.step);
  }
  return steps;
}

void write_average(const fs::path& run, const std::vector<int64_t>& steps) {
  if (steps.empty()) return;
  const GuardedFolder folder = GuardedFolder(run).folder("checkpoints");
  TensorMap mean;
  for (const int64_t step : steps) {
    const fs::path file = folder.folder(checkpoint_name(step)).path() / "model.safetensors";
    const TensorMap weights = load_tensors(file);
    for (const auto& [name, tensor] : weights) {
      const bool floating = tensor.is_floating_point();
      const auto found = mean.find(name);
      if (found == mean.end() && step != steps.front())
        throw CheckpointError(fmt::format("{}: {} is not in the best checkpoint", file.string(), name));
      if (found == mean.end()) {
        mean[name] = floating ? tensor.to(at::kDouble) : tensor.clone();
      } else if (floating) {
        found->second.add_(tensor.to(at::kDouble));
      }
    }
  }
  for (auto& [name, tensor] : mean) {
    if (tensor.scalar_type() == at::kDouble) tensor = (tensor / static_cast<double>(steps.size())).to(at::kFloat);
  }
  StagingFolder staging(folder, "average");
  const GuardedFolder best = folder.folder(checkpoint_name(steps.front()));
  for (const std::string& name : best.names()) {
    if (name.ends_with(".safetensors") || name == "trainer_state.json" || best.kind(name) == GuardedFolder::Kind::kFolder) continue;
    write_file_atomic(staging.path() / name, best.read(name));  // read() refuses links: their targets must not be copied
  }
  save_tensors(staging.path() / "model.safetensors", mean, {{"format", "pt"}});
  write_file_atomic(staging.path() / "average.json", json{{"steps", steps}}.dump(2) + "\n");
  staging.replace();
  log_info("the weights of steps {} are averaged in {}", json(steps).dump(), (folder.path() / "average").string());
}

}  // namespace infig
