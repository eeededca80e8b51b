// A network of Table 2 as a model: words, features of frozen image networks, captions and attributes are made here, in one way for all of
// them (BaselineInputs in baseline_net.h). The features are computed once and cached where pictures are not augmented: the grid where the
// network reads it, else only its mean. baseline_inputs.cpp has what the loader is told.
#pragma once

#include <torch/types.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "encoders/image_backbone.h"
#include "model/baselines/baseline_net.h"
#include "model/baselines/baseline_options.h"
#include "model/classification_objective.h"
#include "model/model.h"
#include "model/region_passes.h"

namespace infig {

// Parameters: net.* of the network; frozen image_encoder.backbone.* and scene_encoder.backbone.*, where there are such towers. Buffers:
// vectors_found [V] uint8, 1 for a word whose vector is from words.vectors; class_weight [K, c], class_bias [K] float and class_words [K,
// w] int64, where names of classes stand in (class_words.h).
class BaselineModel : public Model {
 public:
  // options.finish() must have been called. Throws ConfigError for a network that cannot tell so many classes apart.
  BaselineModel(const BaselineOptions& options, int64_t num_labels);

  ModelOutput forward(const Batch& batch, const ForwardOptions& how) override;
  std::unique_ptr<Objective> make_objective(const ObjectiveContext& context) override;
  void initialize(uint64_t seed) override;
  void load_pretrained() override;
  LoaderInputs inputs(const Tokenizer* tokenizer) const override;
  std::map<std::string, std::string> add_training_inputs(PostLoader& loader, const InputContext& context) override;
  void add_found_inputs(PostLoader& loader, const FoundInputs& found) override;  // the regions of pictures
  nlohmann::json facts() const override;
  std::vector<std::string> marks() const override { return options_->marks(); }

  BaselineInputs read(const Batch& batch, const ForwardOptions& how);  // what the network is given
  BaselineNet& net() { return *net_; }

 private:
  struct Features {
    at::Tensor grid, pooled;  // undefined where they are not needed
  };
  Features features(ImageBackbone& backbone, const at::Tensor& stored, const Batch& batch, bool grid, bool pooled) const;
  Features region_features(const Batch& batch) const;
  at::Tensor rounded(const at::Tensor& features) const;  // to fp16, where a cache would hold them so
  void add_picture(BaselineInputs& inputs, const Batch& batch);
  void add_class_words(BaselineInputs& inputs, const at::Tensor& pooled) const;
  std::vector<at::Tensor> word_tables() const;
  void load_vectors();
  void load_class_names();

  std::shared_ptr<const BaselineOptions> options_;
  BaselineNeeds needs_;
  std::shared_ptr<BaselineNet> net_;
  std::shared_ptr<ImageBackbone> backbone_, scene_backbone_;  // null where they are not needed
  std::unique_ptr<RegionPasses> passes_;                      // null unless image.regions=passes
  at::Tensor vectors_found_, class_weight_, class_bias_, class_words_;
};

// The classifier's loss and, where the network has one, its penalty, as the loss "penalty".
class BaselineObjective : public Objective {
 public:
  BaselineObjective(BaselineModel& model, const ObjectiveContext& context);
  Losses step(const Batch& batch, const ForwardOptions& how) override;
  Losses step_in_parts(const Batch& batch, const ForwardOptions& how, const PartOptions& parts) override;
  std::vector<std::string> loss_names() const override { return names_; }

 private:
  at::Tensor share_of_penalty(const at::Device& device);  // this rank's share, in float32; undefined without a penalty

  BaselineModel& model_;
  ClassificationObjective classifier_;
  int64_t ranks_;
  std::vector<std::string> names_;
};

}  // namespace infig
