#include "training/disk_plan.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <vector>

#include "core/disk.h"
#include "core/error.h"
#include "tensor/archive.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

int64_t bytes_of(const TensorMap& tensors) {
  int64_t bytes = 0;
  for (const auto& [name, tensor] : tensors) bytes += static_cast<int64_t>(tensor.nbytes());
  return bytes;
}

}  // namespace

CheckpointSize checkpoint_size(Session& session) {
  CheckpointSize size{.model = bytes_of(state_dict(session.model())),
                      .optimizer = bytes_of(session.optimizer().state()),
                      .training = bytes_of(session.objective().state())};
  if (session.average() != nullptr) size.training += bytes_of(session.average()->online());
  return size;
}

int64_t planned_saves(const TrainOptions& train, int64_t steps_per_epoch) {
  const int64_t steps = train.epochs * steps_per_epoch;
  // At the end of every epoch, the last of which is the end of the run; or after every train.eval_every steps, and at the end.
  int64_t saves = train.eval_every > 0 && !train.eval_epochs ? steps / train.eval_every + 1 : train.epochs;
  if (train.save_every > 0) saves += steps / train.save_every;
  return std::min(saves, steps);
}

DiskPlan plan_disk(const CheckpointSize& size, const TrainOptions& train, int64_t saves) {
  // The best checkpoint is one of those that are averaged.
  const int64_t kept = std::min(saves, train.save_total_limit + std::max<int64_t>(1, train.average_best));
  const int64_t average = train.average_best > 0 ? size.model : 0;
  const auto bytes = [&](int64_t all, int64_t with_state) { return all * size.model + with_state * (size.all() - size.model); };
  const int64_t at_once = std::min(saves, kept + 1);
  DiskPlan plan{.checkpoint = size, .saves = saves};
  plan.with_state = std::min(at_once, train.save_state_limit + 1);
  plan.models = at_once - plan.with_state;
  const int64_t left = bytes(kept, std::min(kept, train.save_state_limit)) + average;
  plan.most = std::max(bytes(at_once, plan.with_state), left);
  plan.at_end = train.keep == Keep::kBest ? size.model + average : left;
  return plan;
}

std::string describe(const DiskPlan& plan) {
  const CheckpointSize& one = plan.checkpoint;
  return fmt::format(
      "a checkpoint takes {} (model {}, optimizer {}, twins, queue and averages {}); checkpoints take up to {} at once ({} whole, {} "
      "of the model alone) and {} at the end",
      format_bytes(one.all()), format_bytes(one.model), format_bytes(one.optimizer), format_bytes(one.training), format_bytes(plan.most),
      plan.with_state, plan.models, format_bytes(plan.at_end));
}

void check_disk(const fs::path& run, const DiskPlan& plan, const TrainOptions& train) {
  const int64_t free = free_bytes(run);
  const int64_t present = bytes_below(run / "checkpoints"), wanted = plan.most - present;
  if (free < 0 || wanted <= free) return;
  std::vector<std::string> less;
  TrainOptions smaller = train;
  const auto lower = [&less](const char* key, int64_t& value, int64_t least) {
    if (value <= least) return;
    value = least;
    less.push_back(fmt::format("{}={}", key, least));
  };
  lower("train.save_total_limit", smaller.save_total_limit, 1);
  lower("train.save_state_limit", smaller.save_state_limit, 1);
  lower("train.average_best", smaller.average_best, 0);
  const int64_t least = plan_disk(plan.checkpoint, smaller, plan.saves).most;
  if (least - present > free) less.clear();  // advice that does not help is none
  throw ResourceError(
      fmt::format("{}: its checkpoints need {} more on this disk, which has {} left ({}); make room, choose another --output-dir{}",
                  run.string(), format_bytes(wanted), format_bytes(free), describe(plan),
                  less.empty() ? "" : fmt::format(", or keep less ({} at once): {}", format_bytes(least), fmt::join(less, ", "))));
}

}  // namespace infig
