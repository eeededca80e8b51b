// MVAN (Yang, Feng, Wang, Zhang: Image-text Multimodal Emotion Classification via Multi-view Attentional Network, TMM 2020), as the tables'
// "MVAN-M". **Reconstruction**: the authors published no code and the paper could not be read in full. The idea is the paper's (views of
// the text, of the picture's objects and of its scene that guide each other in a memory network, then fusion); the equations are decisions
// of this project.
//   M = BiLstm(words) [B, W, 2h]    O_i = tanh(A_o object_i + a_o), S_i = tanh(A_s scene_i + a_s), both [B, P, 2h]
//   q_t, q_o, q_s = means of M, O, S
//   hops times, each hop with weights of its own, everything read with the states before the hop:
//     o = read(O; q_t), s = read(S; q_t), t_o = read(M; q_o), t_s = read(M; q_s)      read: additive attention (layers.h)
//     q_t <- GRU_t([t_o; t_s], q_t), q_o <- GRU_o(o, q_o), q_s <- GRU_s(s, q_s)       not after the last hop: nothing reads them
//   f = [t_o; t_s; o; s; max; mean] [B, 12h] of the last hop, max and mean element by element over the four vectors
//   logits = C dropout(relu(H f + h)) + c
// Without a net for scenes the scene grid is the object grid again, with a projection of its own.
#pragma once

#include <torch/nn/modules/linear.h>
#include <torch/types.h>

#include <vector>

#include "core/config.h"
#include "model/baselines/baseline_net.h"
#include "model/baselines/layers.h"

namespace infig {

struct MvanOptions {
  int64_t lstm_size = 128;    // h: of each direction; memories, states and attention are 2h wide
  int64_t hops = 3;           // readings of the memories
  int64_t hidden_size = 512;  // of the fusion's hidden layer
  double dropout = 0.5;       // behind that layer
  void validate() const;      // throws ConfigError
};
void bind_options(ConfigBinder& binder, MvanOptions& options);  // section mvan

// Parameters: words.weight, lstm.*, object.*, scene.*; of hop n, from 0: hop.n.{object,scene,text_object,text_scene}.* (attention) and, but
// for the last, hop.n.{text_gru,object_gru,scene_gru}.*; hidden.*, classifier.*.
class MvanNet : public BaselineNet {
 public:
  MvanNet(const BaselineSizes& sizes, const MvanOptions& options);
  at::Tensor logits(const BaselineInputs& inputs, DropoutSource* dropout) override;
  BaselineNeeds needs() const override { return {.object_grid = true, .scene_grid = true}; }
  void initialize(uint64_t seed) override;

 private:
  struct Hop {
    AdditiveAttention object{nullptr}, scene{nullptr}, text_object{nullptr}, text_scene{nullptr};
    GruCell text_gru{nullptr}, object_gru{nullptr}, scene_gru{nullptr};  // empty in the last hop
  };
  MvanOptions options_;
  WordVectors words_{nullptr};
  BiLstm lstm_{nullptr};
  torch::nn::Linear object_{nullptr}, scene_{nullptr}, hidden_{nullptr}, classifier_{nullptr};
  std::vector<Hop> hops_;
};

}  // namespace infig
