// The training step of Session: this rank's part of the batch, forward pass, backward pass and update.
#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/error.h"
#include "core/log.h"
#include "core/random.h"
#include "nn/recompute.h"
#include "training/session.h"

namespace infig {
namespace {

// Saves BatchNorm's running statistics, which the forward pass changes, so that a discarded step can be undone.
class BufferGuard {
 public:
  BufferGuard(const Model& model, bool active) {
    if (!active) return;
    for (const auto& buffer : model.buffers()) kept_.emplace_back(buffer, buffer.detach().clone());
  }
  void restore() {
    const at::NoGradGuard no_grad;
    for (auto& [buffer, before] : kept_) buffer.copy_(before);
  }

 private:
  std::vector<std::pair<at::Tensor, at::Tensor>> kept_;
};

std::string describe_losses(const StepResult& result) {
  std::string parts = fmt::format("classification {}", result.classification);
  for (const LossValue& loss : result.others) parts += fmt::format(", {} {}", loss.name, loss.value);
  return fmt::format("the loss is {} ({})", std::isnan(result.loss) ? std::abs(result.loss) : result.loss, parts);  // never "-nan"
}

// What tells of a picture goes with it: captions and attributes of posts without a picture are padding.
void hide_columns(Batch& batch, const at::Tensor& hidden) {
  for (const BatchColumn column : {BatchColumn::kCaptions, BatchColumn::kAttributes}) {
    const auto found = batch.columns.find(column);
    if (found != batch.columns.end()) found->second = found->second.masked_fill(hidden.unsqueeze(1), 0);
  }
}

}  // namespace

const LossValue& StepResult::part(std::string_view name) const {
  for (const LossValue& other : others) {
    if (other.name == name) return other;
  }
  throw ShapeError(fmt::format("step: the objective has no loss called {}", name));
}

std::vector<std::vector<int64_t>> Session::own_rows(const std::vector<std::vector<int64_t>>& batches) const {
  std::vector<std::vector<int64_t>> own;
  for (const auto& batch : batches) {
    const Ranks::Part part = ranks_->part(static_cast<int64_t>(batch.size()));
    own.emplace_back(batch.begin() + part.begin, batch.begin() + part.end);
  }
  return own;
}

// Pads texts to the longest of the whole batch, so that a post's dropout masks do not depend on the number of ranks.
void Session::widen(Batch& batch) const {
  if (!ranks_->several() || !batch.input_ids.defined()) return;
  const int64_t own = batch.input_ids.size(1);
  int64_t widest = own;
  for (const int64_t width : ranks_->gather(std::span(&own, 1))) widest = std::max(widest, width);
  if (widest == own) return;
  batch.input_ids = at::constant_pad_nd(batch.input_ids, {0, widest - own}, model_->pad_token_id());
  batch.attention_mask = at::constant_pad_nd(batch.attention_mask, {0, widest - own}, 0);
}

// Hides one side of posts that have both, text or picture with equal probability. Posts with a single side keep it.
void Session::drop_modalities(Batch& batch, int64_t all, int64_t step) const {
  const double probability = config_.train.modality_dropout;
  if (probability == 0) return;
  RandomStream stream(config_.seed, "modality", static_cast<uint64_t>(step));
  const at::Tensor had_image = batch.has_image;
  batch.has_text = batch.has_text.clone();
  batch.has_image = batch.has_image.clone();
  auto *has_text = batch.has_text.data_ptr<bool>(), *has_image = batch.has_image.data_ptr<bool>();
  const Ranks::Part part = ranks_->part(all);
  for (int64_t place = 0; place < part.end; ++place) {
    const double drawn = stream.uniform();  // one draw for each post of the whole batch, used or not
    const int64_t i = place - part.begin;
    if (i < 0 || !has_text[i] || !has_image[i] || drawn >= probability) continue;
    (drawn < probability / 2 ? has_text : has_image)[i] = false;
  }
  hide_columns(batch, had_image.logical_and(batch.has_image.logical_not()));
}

// Sums the losses over all ranks.
void Session::agree(const Losses& losses, StepResult& result) const {
  const auto value = [](const LossTerm& term) { return term.count > 0 ? term.mean().item<double>() : 0.0; };
  std::vector<double> sums = {losses.total.item<double>(), value(losses.classification)};
  for (const NamedLoss& loss : losses.others) sums.push_back(value(loss.term));
  ranks_->sum(sums);
  result.loss = sums[0];
  result.classification = sums[1];
  result.classification_count = losses.classification.count;
  for (size_t i = 0; i < losses.others.size(); ++i)
    result.others.push_back({.name = losses.others[i].name, .value = sums[2 + i], .count = losses.others[i].term.count});
}

// One step, in order: the batch, forward pass and losses, backward pass, update, and what follows a good step.
StepResult Session::step(const Batch& host_batch, const std::vector<int64_t>& rows, int64_t step, StageTimer* timer) {
  StepResult result;
  const auto all = static_cast<int64_t>(rows.size());
  const auto skip = [&](const std::string& what) {
    not_finite(rows, step, what);
    result.skipped = true;
    return result;
  };

  // The batch: this rank's part of it on the device, where train.modality_dropout has hidden a side of some posts.
  Batch kept = host_batch;
  widen(kept);
  drop_modalities(kept, all, step);
  const Batch batch = kept.to(device_);
  dropout_.begin_step(step);
  const bool may_undo = config_.train.on_nan == OnNan::kSkip || precision_ == Precision::kFp16;
  BufferGuard buffers(*model_, may_undo && config_.model->batch_statistics());

  // Forward, losses, backward: at once, or in parts of train.micro_batch posts.
  const ForwardOptions how = {.dropout = &dropout_, .training = true, .want_attention = false, .timer = timer};
  const RecomputeScope recompute(config_.train.activation_checkpointing);
  optimizer_->zero_grad();
  if (in_parts(all)) {
    parts_step(batch, how, result);
  } else {
    whole_step(batch, how, result);
  }
  if (!std::isfinite(result.loss)) {
    buffers.restore();
    return skip(describe_losses(result));
  }

  // The update: gradients are of scaler_.scale() times the loss.
  const StageScope scope(timer, "optimizer");
  if (!update(result, step)) {
    buffers.restore();
    if (result.overflow) return result;
    return skip(fmt::format("the gradient of {} is not finite (norm {}, loss {})", optimizer_->non_finite_gradient(), result.grad_norm,
                            result.loss));
  }

  // After a good step.
  objective_->commit();
  if (average_) average_->update();
  skipped_in_a_row_ = 0;
  return result;
}

// Whether the step is computed in parts. The answer is the same on every rank.
bool Session::in_parts(int64_t all) const {
  const int64_t micro_batch = config_.train.micro_batch;
  return micro_batch > 0 && micro_batch < ranks_->part(all, ranks_->size() - 1).size();
}

// Skips the backward pass if the loss is not finite.
void Session::whole_step(const Batch& batch, const ForwardOptions& how, StepResult& result) {
  Losses losses;
  {
    const AutocastScope autocast(precision_, device_);
    losses = objective_->step(batch, how);
  }
  agree(losses, result);
  if (!std::isfinite(result.loss)) return;
  const StageScope scope(how.timer, "backward");
  if (gradient_sum_) gradient_sum_->arm();
  (scaler_.scale() == 1 ? losses.total : losses.total * scaler_.scale()).backward();
  if (gradient_sum_) gradient_sum_->finish();
}

void Session::parts_step(const Batch& batch, const ForwardOptions& how, StepResult& result) {
  const PartOptions parts = {
      .micro_batch = config_.train.micro_batch, .precision = precision_, .loss_scale = scaler_.scale(), .before_last = [this] {
        if (gradient_sum_) gradient_sum_->arm();
      }};
  const Losses losses = objective_->step_in_parts(batch, how, parts);
  if (gradient_sum_) gradient_sum_->finish();
  agree(losses, result);
}

// Returns false if the gradient is not finite; nothing was updated then, and result.overflow tells whether fp16's loss scale was the cause.
bool Session::update(StepResult& result, int64_t step) {
  result.learning_rate = scheduled_rate(config_.optim, step, schedule_length(planned_epochs_, steps_per_epoch_, step), steps_per_epoch_);
  result.grad_norm = optimizer_->step(result.learning_rate, scaler_.scale());
  if (std::isfinite(result.grad_norm)) {
    scaler_.good_step();
    return true;
  }
  result.overflow = scaler_.overflow();
  return false;
}

void Session::not_finite(const std::vector<int64_t>& rows, int64_t step, const std::string& what) {
  constexpr int64_t kMost = 10;
  std::vector<std::string> ids;
  for (const int64_t row : rows) ids.push_back(data_->posts[static_cast<size_t>(row)].id);
  const std::string message = fmt::format("step {}: {}; posts of the batch: {}", step + 1, what, fmt::join(ids, ", "));
  if (config_.train.on_nan == OnNan::kSkip && ++skipped_in_a_row_ < kMost) {
    log_warning("{}. Nothing was updated, the run goes on (train.on_nan=skip)", message);
    return;
  }
  throw DataError(fmt::format("{}. Checkpoints that were saved before are kept.{} A lower optim.lr{} or a look at these posts may help",
                              message, config_.train.on_nan == OnNan::kSkip ? fmt::format(" It is the {}th in a row.", kMost) : "",
                              precision_ == Precision::kFp32 ? "" : ", precision=fp32"));
}

}  // namespace infig
