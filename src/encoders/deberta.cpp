#include "encoders/deberta.h"

#include <ATen/ATen.h>

#include <map>
#include <mutex>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "nn/initialize.h"
#include "nn/linear.h"
#include "nn/recompute.h"
#include "nn/weight_state.h"

namespace infig {
namespace {

// The parts of published checkpoints that an encoder has no use for, and names that have changed since.
const WeightNames kDebertaNames = {.prefixes = {"deberta.", "model."},
                                   .endings = {{"LayerNorm.gamma", "LayerNorm.weight"}, {"LayerNorm.beta", "LayerNorm.bias"}},
                                   .other_parts = {"pooler.", "cls.", "lm_predictions.", "mask_predictions.", "classifier.", "qa_outputs."},
                                   .other_endings = {"embeddings.position_ids"}};

// A table under NAME.weight. Zero at first: torch's own Embedding would draw 98 million normals only to have them overwritten.
at::Tensor add_table(torch::nn::Module& parent, const std::string& name, int64_t rows, int64_t width) {
  return add_scope(parent, name)->register_parameter("weight", at::zeros({rows, width}));
}

torch::nn::LayerNorm layer_norm(const DebertaOptions& options) {
  return torch::nn::LayerNorm(torch::nn::LayerNormOptions({options.hidden_size}).eps(options.layer_norm_eps));
}

DisentangledAttentionOptions attention_options(const DebertaOptions& options) {
  return {.hidden_size = options.hidden_size,
          .num_attention_heads = options.num_attention_heads,
          .hidden_dropout_prob = options.hidden_dropout_prob,
          .attention_probs_dropout_prob = options.attention_probs_dropout_prob,
          .relative_attention = options.relative_attention,
          .c2p = options.pos_att_c2p,
          .p2c = options.pos_att_p2c,
          .share_att_key = options.share_att_key};
}

}  // namespace

DebertaLayerImpl::DebertaLayerImpl(const DebertaOptions& options) {
  const int64_t hidden = options.hidden_size;
  const auto attention = add_scope(*this, "attention");
  self_ = attention->register_module("self", DisentangledAttention(attention_options(options)));
  attention_output_ =
      attention->register_module("output", ResidualOutput(hidden, hidden, options.hidden_dropout_prob, options.layer_norm_eps));
  const auto dense = add_scope(*this, "intermediate")->register_module("dense", linear(hidden, options.intermediate_size));
  intermediate_ = ActivatedLinear(dense, options.hidden_act);
  output_ =
      register_module("output", ResidualOutput(options.intermediate_size, hidden, options.hidden_dropout_prob, options.layer_norm_eps));
}

at::Tensor DebertaLayerImpl::forward(const at::Tensor& x, const at::Tensor& blocked, const at::Tensor& rows,
                                     const RelativePositions& positions, DropoutSource* source) {
  const at::Tensor hidden = attention_output_->forward(self_->forward(x, blocked, rows, positions, source), x, source);
  return output_->forward(intermediate_.forward(hidden), hidden, source);
}

at::Tensor DebertaLayerImpl::forward_packed(const at::Tensor& x, const at::Tensor& mask, const at::Tensor& table,
                                            const RelativePositions& positions) {
  const at::Tensor hidden = attention_output_->forward(self_->forward_packed(x, mask, table, positions), x, nullptr);
  return output_->forward(intermediate_.forward(hidden), hidden, nullptr);
}

DebertaConvolutionImpl::DebertaConvolutionImpl(const DebertaOptions& options)
    : dropout_prob_(options.hidden_dropout_prob), groups_(options.conv_groups), activation_(options.conv_act) {
  const int64_t hidden = options.hidden_size;
  const auto convolution = add_scope(*this, "conv");
  weight_ = convolution->register_parameter("weight", at::zeros({hidden, hidden / options.conv_groups, options.conv_kernel_size}));
  bias_ = convolution->register_parameter("bias", at::zeros({hidden}));
  norm_ = register_module("LayerNorm", layer_norm(options));
}

at::Tensor DebertaConvolutionImpl::forward(const at::Tensor& x, const at::Tensor& h, const at::Tensor& attention_mask,
                                           DropoutSource* source) {
  const at::Tensor mask = attention_mask.unsqueeze(2);
  const at::Tensor convolved = at::conv1d(x.transpose(1, 2), weight_, bias_, {1}, {(weight_.size(2) - 1) / 2}, {1}, groups_);
  const at::Tensor counted = convolved.transpose(1, 2).masked_fill(mask.eq(0), 0.0);
  const at::Tensor normed = norm_->forward(h + activate(dropout(counted, dropout_prob_, source), activation_));
  return normed * mask.to(normed.scalar_type());
}

// The normalised position table at inference. It is kept while its weights do not change, so that the layers can keep its projections.
struct DebertaModelImpl::Table {
  std::mutex mutex;
  std::vector<WeightState> of;
  at::Tensor rows;
  std::map<int64_t, std::shared_ptr<const RelativePositions>> by_length;
};

DebertaModelImpl::DebertaModelImpl(const DebertaOptions& options) : options_(options), table_(std::make_shared<Table>()) {
  options.validate();
  const auto embeddings = add_scope(*this, "embeddings");
  word_embeddings_ = add_table(*embeddings, "word_embeddings", options.vocab_size, options.embedding_width());
  if (options.position_biased_input) {
    position_embeddings_ = add_table(*embeddings, "position_embeddings", options.max_position_embeddings, options.embedding_width());
  }
  if (options.type_vocab_size > 0) {
    token_type_embeddings_ = add_table(*embeddings, "token_type_embeddings", options.type_vocab_size, options.embedding_width());
  }
  if (options.embedding_width() != options.hidden_size) {
    embed_projection_ = embeddings->register_module("embed_proj", linear(options.embedding_width(), options.hidden_size, false));
  }
  embeddings_norm_ = embeddings->register_module("LayerNorm", layer_norm(options));
  const auto encoder = add_scope(*this, "encoder");
  layers_ = encoder->register_module("layer", torch::nn::ModuleList());
  for (int64_t n = 0; n < options.num_hidden_layers; ++n) layers_->push_back(DebertaLayer(options));
  if (options.relative_attention) rel_embeddings_ = add_table(*encoder, "rel_embeddings", options.relative_rows(), options.hidden_size);
  if (options.norm_rel_ebd_layer_norm) relative_norm_ = encoder->register_module("LayerNorm", layer_norm(options));
  if (options.conv_kernel_size > 0) convolution_ = encoder->register_module("conv", DebertaConvolution(options));
}

nlohmann::json DebertaModelImpl::config() const { return to_json(options_); }

const WeightNames& DebertaModelImpl::names() const { return kDebertaNames; }

void DebertaModelImpl::initialize(uint64_t seed) {
  initialize_transformer(*this, options_.initializer_range, seed);
  const at::NoGradGuard no_grad;
  const double range = options_.embedding_initializer_range;
  if (range > 0) word_embeddings_.mul_(range / options_.initializer_range);
  word_embeddings_[options_.pad_token_id].zero_();
}

at::Tensor DebertaModelImpl::embed(const at::Tensor& input_ids, const at::Tensor& attention_mask, DropoutSource* source) {
  at::Tensor sum = at::embedding(word_embeddings_, input_ids, options_.pad_token_id);
  if (position_embeddings_.defined()) sum = sum + position_embeddings_.narrow(0, 0, input_ids.size(1));
  if (token_type_embeddings_.defined()) sum = sum + token_type_embeddings_[0];
  if (!embed_projection_.is_empty()) sum = embed_projection_->forward(sum);
  const at::Tensor normed = embeddings_norm_->forward(sum);
  return dropout(normed * attention_mask.unsqueeze(2).to(normed.scalar_type()), options_.hidden_dropout_prob, source);
}

std::shared_ptr<const RelativePositions> DebertaModelImpl::positions_of(int64_t length, const at::Device& device, bool keep) {
  const auto make = [&] {
    return std::make_shared<const RelativePositions>(
        relative_positions(length, options_.position_buckets, options_.relative_range(), device, !keep));
  };
  if (!keep) return make();
  const std::lock_guard<std::mutex> lock(table_->mutex);
  auto& kept = table_->by_length[length];
  if (kept == nullptr) kept = make();
  return kept;
}

at::Tensor DebertaModelImpl::position_table() {
  if (!options_.norm_rel_ebd_layer_norm) return rel_embeddings_;
  const std::vector<WeightState> now = {WeightState(rel_embeddings_), WeightState(relative_norm_->weight),
                                        WeightState(relative_norm_->bias)};
  const std::lock_guard<std::mutex> lock(table_->mutex);
  if (table_->of != now) {
    const c10::InferenceMode normal(false);  // the layers ask for its version
    const at::NoGradGuard no_grad;
    table_->rows = relative_norm_->forward(rel_embeddings_);
    table_->of = now;
  }
  return table_->rows;
}

std::vector<at::Tensor> DebertaModelImpl::forward(const at::Tensor& input_ids, const at::Tensor& attention_mask, DropoutSource* source) {
  check_text_input("DeBERTa", input_ids, attention_mask, options_.position_biased_input ? options_.max_position_embeddings : 0);
  std::vector<at::Tensor> states = {embed(input_ids, attention_mask, source)};
  const bool uses_positions = options_.relative_attention && (options_.pos_att_c2p || options_.pos_att_p2c);
  const bool packed = source == nullptr && layers_[0]->as<DebertaLayer>()->usable(states[0]);
  const at::Tensor tokens = attention_mask.to(at::kBool);
  // A batch without padding is common (short texts sorted by length, single posts): then no pass over [B, H, L, L] is spent on masks.
  // Asking a GPU would cost more, since it must first finish everything before.
  const bool padded = !tokens.device().is_cpu() || !tokens.all().item<bool>();
  const auto kept =
      uses_positions ? positions_of(input_ids.size(1), input_ids.device(), packed) : std::make_shared<const RelativePositions>();
  const RelativePositions& positions = *kept;
  at::Tensor blocked, rows;
  if (packed) {
    if (uses_positions) rows = position_table();
  } else {
    if (padded) blocked = at::logical_and(tokens.unsqueeze(2), tokens.unsqueeze(1)).logical_not_();
    if (uses_positions) {
      rows = rel_embeddings_.narrow(0, positions.first, positions.count);
      if (options_.norm_rel_ebd_layer_norm) rows = relative_norm_->forward(rows);
    }
  }
  const at::Tensor mask = padded ? attention_mask.to(at::kLong).contiguous() : at::Tensor();
  for (const auto& item : *layers_) {
    auto* layer = item->as<DebertaLayer>();
    const auto plain = [layer, blocked, kept](const at::Tensor& x, const at::Tensor& position_rows, DropoutSource* from) {
      return layer->forward(x, blocked, position_rows, *kept, from);
    };
    states.push_back(packed ? layer->forward_packed(states.back(), mask, rows, positions)
                            : recomputable(plain, states.back(), rows, source));
    if (states.size() == 2 && !convolution_.is_empty()) {
      states[1] = convolution_->forward(states[0], states[1], attention_mask, source);
    }
  }
  return states;
}

}  // namespace infig
