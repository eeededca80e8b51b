// CLMLF (Li, Xu, Zhu, Zhao: CLMLF: A Contrastive Learning and Multi-Layer Fusion Method for Multimodal Sentiment Detection, Findings of
// NAACL 2022; released code: Link-Li/CLMLF). Of a post, with hidden size d of the text encoder:
//   text     H = last hidden states of the text encoder [B, L, d], X = gelu(A H + a)
//   picture  G: the backbone's grid [B, P, c]; cells gelu(Q G + q), before them the CLS gelu(R mean(G) + r) [B, 1 + P, d]; then BERT layers
//            without positions or mask: I
//   fusion   BERT layers over [X; I], padding masked; r = attention pooling (fusion/fusion.h): softmax of v . gelu(V x + v0) + c, weighted
//   sum logits   C gelu(D dropout(r) + d0) + c0, D [d / 2, d]
// In training a second view of the post (another text, another look at the picture) gives r', and with z = MLP1(r), z' = MLP2(r')
// (d-d, GELU, d; not normalised):
//   L = CE + data_weight L_data + label_weight L_label
//   L_data  = mean over i of -log softmax_j(z_i . z'_j / tau)_i
//   L_label = mean over all (i, j) of equal labels, i = j included, of -log softmax_j(z_i . z_j) / tau: tau is outside the softmax
// i and j run over the whole batch, over all ranks. The released code divides L by the batch size, which Adam does not see; left out.
// What is missing takes no part in fusion and pooling.
//
// strict=true restores what the released code does and no equation says: (1) the grid is read as [P, c] without being transposed, so that a
// cell mixes channels of all places; (2) the frozen backbone's BatchNorm uses the statistics of the batch in training, and its running ones
// drift; (3) three logits whatever the classes: scores are those of the first ones; (4) a text that is cut loses its [SEP].
// clmlf.cpp: the network; clmlf_inputs.cpp: what is computed once before training; clmlf_options.cpp: keys.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>
#include <torch/types.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "encoders/image_backbones.h"
#include "encoders/text_encoder.h"
#include "fusion/fusion.h"
#include "model/baselines/clmlf_options.h"
#include "model/model.h"

namespace infig {

class RandomStream;

// The texts of a back-translation file by post id. Throws DataError naming file and item: no list of {"id", "text_translation"}, an id with
// two texts.
std::map<std::string, std::string> read_back_translations(const std::filesystem::path& file);
// The text without each word (cut at white space) with probability `share`, joined by single blanks; at least one word stays.
std::string drop_words(const std::string& text, double share, RandomStream& stream);

// MLP of the contrastive losses. Parameters hidden.*, output.*.
class ContrastMlpImpl : public torch::nn::Module {
 public:
  explicit ContrastMlpImpl(int64_t size);
  at::Tensor forward(const at::Tensor& x);  // [B, d] -> [B, d]

 private:
  torch::nn::Linear hidden_{nullptr}, output_{nullptr};
};
TORCH_MODULE(ContrastMlp);

// A look at the posts of a batch: the texts as ids, the pictures as pixels or as features of the backbone.
struct ClmlfView {
  at::Tensor input_ids, attention_mask;  // [B, L] int64
  at::Tensor pixel_values;               // [B, 3, S, S] float, if features is undefined
  at::Tensor features;                   // [B, c, h, w] float, of the backbone
  at::Tensor has_image;                  // [B] bool
};

// Parameters: text_encoder.*, image_backbone.*, text_projection.*, grid_projection.*, cls_projection.*, image.layer.N.*, fusion.layer.N.*,
// pooling.{hidden,score}.*, head.{dense,classifier}.*, contrast.{first,second}.{hidden,output}.*.
class ClmlfModelImpl : public Model {
 public:
  ClmlfModelImpl(const ClmlfOptions& options, int64_t num_labels);  // weights not yet set; options.finish() must have been called

  ClmlfView first_view(const Batch& batch) const;
  // What the text's second view is made of (BatchColumn::kSecondText: ids + 1, 0 = padding), and the picture of the first. Throws
  // ShapeError if the batch has no such column.
  ClmlfView second_view(const Batch& batch) const;
  // The backbone's features of a view, [B, c, h, w].
  at::Tensor features_of(const ClmlfView& view, const ForwardOptions& how);
  // r [B, d]. view.features must be set.
  at::Tensor represent(const ClmlfView& view, const Batch& batch, const ForwardOptions& how);
  at::Tensor classify(const at::Tensor& pooled, DropoutSource* source);  // [B, d] -> logits [B, C], with strict [B, max(3, C)], float

  ModelOutput forward(const Batch& batch, const ForwardOptions& how) override;
  std::unique_ptr<Objective> make_objective(const ObjectiveContext& context) override;  // ClmlfObjective
  void initialize(uint64_t seed) override;
  void load_pretrained() override;
  LoaderInputs inputs(const Tokenizer* tokenizer) const override;
  std::map<std::string, std::string> add_training_inputs(PostLoader& loader, const InputContext& context) override;
  std::optional<int64_t> layers_above(const std::string& parameter) const override;
  int64_t pad_token_id() const override { return text_encoder->pad_token_id(); }
  nlohmann::json facts() const override;
  std::vector<std::string> marks() const override { return options_.marks(); }
  const ClmlfOptions& options() const { return options_; }
  void freeze_text(bool frozen) { text_frozen_ = frozen; }  // the text encoder gets no gradient

  std::shared_ptr<TextEncoder> text_encoder;
  std::shared_ptr<ImageBackbone> image_backbone;
  torch::nn::Linear text_projection{nullptr}, grid_projection{nullptr}, cls_projection{nullptr};
  FusionTransformer image{nullptr}, fusion{nullptr};
  AttentionPooling pooling{nullptr};
  torch::nn::Linear head_dense{nullptr}, head_classifier{nullptr};
  ContrastMlp contrast_first{nullptr}, contrast_second{nullptr};

 private:
  at::Tensor text_tokens(const ClmlfView& view, const ForwardOptions& how);
  at::Tensor image_tokens(const at::Tensor& features, const Batch& batch, const ForwardOptions& how);
  int64_t logits_width() const;
  ClmlfOptions options_;
  bool text_frozen_ = false;
};
TORCH_MODULE(ClmlfModel);

}  // namespace infig
