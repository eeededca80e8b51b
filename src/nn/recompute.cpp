#include "nn/recompute.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/ivalue.h>
#include <torch/autograd.h>

#include <optional>
#include <vector>

namespace infig {
namespace {

thread_local bool recompute_active = false;

// State for the second pass, apart from tensors.
struct RecomputeState : torch::CustomClassHolder {
  RecomputableLayer layer;
  bool has_other = false;               // autograd accepts no undefined input, so it is replaced by an empty tensor
  std::optional<DropoutSource> source;  // in its state before the first pass
  c10::DeviceType device = c10::DeviceType::CPU;
  bool autocast = false;
  at::ScalarType autocast_dtype = at::kFloat;
};

// Restores the autocast state of the forward pass, because backward runs outside it.
class AutocastAsBefore {
 public:
  explicit AutocastAsBefore(const RecomputeState& state)
      : device_(state.device),
        was_enabled_(at::autocast::is_autocast_enabled(device_)),
        was_dtype_(at::autocast::get_autocast_dtype(device_)) {
    at::autocast::set_autocast_enabled(device_, state.autocast);
    if (state.autocast) at::autocast::set_autocast_dtype(device_, state.autocast_dtype);
    at::autocast::increment_nesting();
  }
  ~AutocastAsBefore() {
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(device_, was_enabled_);
    at::autocast::set_autocast_dtype(device_, was_dtype_);
  }
  AutocastAsBefore(const AutocastAsBefore&) = delete;
  AutocastAsBefore& operator=(const AutocastAsBefore&) = delete;

 private:
  c10::DeviceType device_;
  bool was_enabled_;
  at::ScalarType was_dtype_;
};

at::Tensor leaf_of(const at::Tensor& tensor) { return tensor.detach().set_requires_grad(tensor.requires_grad()); }

class Recomputed : public torch::autograd::Function<Recomputed> {
 public:
  // `anchor` always requires a gradient, so that backward runs even if only the layer's parameters require one.
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& /*anchor*/, const at::Tensor& x,
                            const at::Tensor& other, const c10::intrusive_ptr<RecomputeState>& state, DropoutSource* source) {
    context->save_for_backward({x, other});
    context->saved_data["state"] = c10::IValue::make_capsule(state);
    return state->layer(x, state->has_other ? other : at::Tensor(), source);
  }

  static std::vector<at::Tensor> backward(torch::autograd::AutogradContext* context, const std::vector<at::Tensor>& gradients) {
    const auto saved = context->get_saved_variables();
    const auto capsule = context->saved_data["state"].toCapsule();
    const auto& state = static_cast<const RecomputeState&>(*capsule);
    const at::Tensor x = leaf_of(saved[0]), other = state.has_other ? leaf_of(saved[1]) : at::Tensor();
    at::Tensor y;
    {
      const at::AutoGradMode with_graph(true);
      const AutocastAsBefore autocast(state);
      std::optional<DropoutSource> source = state.source ? std::optional(state.source->fork()) : std::nullopt;
      y = state.layer(x, other, source ? &*source : nullptr);
    }
    if (y.requires_grad()) torch::autograd::backward({y}, {gradients[0]});
    return {at::Tensor(), x.grad(), other.defined() ? other.grad() : at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

RecomputeScope::RecomputeScope(bool active) : before_(recompute_active) { recompute_active = active; }
RecomputeScope::~RecomputeScope() { recompute_active = before_; }

at::Tensor recomputable(const RecomputableLayer& layer, const at::Tensor& x, const at::Tensor& other, DropoutSource* source) {
  if (!recompute_active || !at::GradMode::is_enabled()) return layer(x, other, source);
  auto state = c10::make_intrusive<RecomputeState>();
  state->layer = layer;
  state->has_other = other.defined();
  if (source != nullptr) state->source = source->fork();
  state->device = x.device().type();
  state->autocast = at::autocast::is_autocast_enabled(state->device);
  if (state->autocast) state->autocast_dtype = at::autocast::get_autocast_dtype(state->device);
  const at::Tensor anchor = at::empty({0}, x.options().dtype(at::kFloat)).set_requires_grad(true);
  const at::Tensor second = other.defined() ? other : at::empty({0}, anchor.options().requires_grad(false));
  return Recomputed::apply(anchor, x, second, state, source);
}

}  // namespace infig
