// The assembled INFIG as a golden case of tools/golden/make_objective.py asks for it. All that those tests know of the model's interface
// stands here.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "core/config.h"
#include "model/infig_objective.h"
#include "reference/tensors.h"

namespace infig::test {

inline InfigOptions golden_options(const nlohmann::json& settings) {
  InfigOptions options;
  ConfigBinder binder;
  options.bind(binder);
  for (const auto& [key, value] : settings.at("options").items()) apply_override(binder, key + "=" + value.dump());
  options.text.encoder.vocab_size = options.text.vocab_size;  // no tokenizer is at work here
  options.clip.embed_dim = settings.at("clip").get<int64_t>();
  options.finish();
  return options;
}

inline Batch golden_batch(const TensorMap& step) {
  const auto maybe = [&](const char* name) { return step.contains(name) ? step.at(name) : at::Tensor(); };
  Batch batch;
  batch.input_ids = step.at("ids");
  batch.attention_mask = step.at("mask");
  batch.pixel_values = maybe("pixels");
  batch.feature_map = maybe("map");
  batch.labels = step.at("labels");
  batch.has_text = step.at("has_text").to(at::kBool);
  batch.has_image = step.at("has_image").to(at::kBool);
  batch.post_ids = step.at("post_ids");
  if (step.contains("clip_image")) batch.clip_embeds = at::stack({step.at("clip_image"), step.at("clip_text")}, 1);
  for (int64_t i = 0; i < batch.post_ids.numel(); ++i) batch.rows.push_back(batch.post_ids[i].item<int64_t>());
  return batch;
}

class GoldenInfig {
 public:
  GoldenInfig(const nlohmann::json& settings, const TensorMap& weights)
      : model_(golden_options(settings), 3, 1), objective_(with_weights(settings, weights), 1000, 4, 1, classification(settings)) {}

  // Forward and backward. Losses sc, g, f and total by name.
  std::map<std::string, at::Tensor> step(const Batch& batch) {
    for (auto& parameter : model_->parameters()) parameter.mutable_grad() = at::Tensor();
    const Losses losses = objective_.step(batch, {.training = true});
    losses.total.backward();
    const auto mean = [](const LossTerm& term) { return term.count > 0 ? term.mean().detach() : at::zeros({}); };
    return {{"logits", losses.logits},
            {"loss.sc", mean(losses.classification)},
            {"loss.g", mean(losses.part("gam"))},
            {"loss.f", mean(losses.part("hfam"))},
            {"loss.total", losses.total}};
  }
  // What follows a good step: plain SGD, and what the objective does behind it.
  void update(double rate) {
    const at::NoGradGuard no_grad;
    for (auto& parameter : model_->parameters()) {
      if (parameter.grad().defined()) parameter.sub_(parameter.grad(), rate);
    }
    objective_.commit();
  }
  auto parameters() const { return model_->named_parameters(); }
  at::Tensor temperatures() const { return at::stack({model_->gam->temperature, model_->hfam->temperature}).detach(); }
  // Under the names of the model's own parameters.
  TensorMap twins() const {
    TensorMap twins;
    for (const auto& [name, tensor] : state_dict(*objective_.twins())) {
      const bool of_backbone = name.starts_with("backbone.");
      if (name != "gam.temperature" && !name.ends_with("num_batches_tracked")) twins[of_backbone ? "image_encoder." + name : name] = tensor;
    }
    return twins;
  }
  // The valid entries from the oldest to the newest; empty where GAM is off.
  TensorMap queue() const {
    const FeatureQueue* queue = objective_.queue();
    if (queue == nullptr || queue->valid() == 0) return {};
    const int64_t turn = queue->valid() == queue->capacity() ? -queue->pointer() : 0;
    return {{"image", queue->image().roll(turn, 0)}, {"text", queue->text().roll(turn, 0)}, {"ids", queue->ids().roll(turn, 0)}};
  }

 private:
  static ClassificationLossOptions classification(const nlohmann::json& settings) {
    return golden_options(settings).loss.classification({1, 1, 1});
  }
  // The model with the case's parameters, each of which it must have, and no others; only a backbone that no pixels reach keeps its own.
  const InfigModel& with_weights(const nlohmann::json& settings, const TensorMap& weights) {
    const at::NoGradGuard no_grad;
    TensorMap own = state_dict(*model_);
    for (const std::string name : settings.at("parameters")) {
      const auto found = own.find(name);
      if (found == own.end() || found->second.sizes() != weights.at(name).sizes()) {
        ADD_FAILURE() << name << " is not in the model or of another shape";
      } else {
        found->second.copy_(weights.at(name));
        own.erase(found);
      }
    }
    if (settings.contains("temperatures")) {
      model_->gam->temperature.fill_(settings.at("temperatures")[0].get<double>());
      model_->hfam->temperature.fill_(settings.at("temperatures")[1].get<double>());
    }
    const bool pixels = settings.at("architecture") == "pixels";
    for (const auto& [name, tensor] : own) {
      const bool unused = name.ends_with("num_batches_tracked") || (!pixels && name.starts_with("image_encoder.backbone."));
      EXPECT_TRUE(unused) << name << " is a parameter that the independent program does not have";
    }
    return model_;
  }
  InfigModel model_;
  InfigObjective objective_;
};

}  // namespace infig::test
