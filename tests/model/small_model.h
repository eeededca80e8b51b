// The model that the tests of this folder train: every part there, a few thousand weights.
#pragma once

#include "model/infig_options.h"

namespace infig::test {

// Not finished yet: a test changes what it needs and calls finish().
inline InfigOptions small_model_options() {
  InfigOptions o;
  o.text.encoder.vocab_size = 50;
  o.text.encoder.hidden_size = 16;
  o.text.encoder.num_hidden_layers = 3;
  o.text.encoder.num_attention_heads = 2;
  o.text.encoder.intermediate_size = 32;
  o.text.encoder.max_position_embeddings = 32;
  o.text.encoder.position_buckets = 8;
  o.image.pixels.size = 32;
  o.image.pixels.resize = 32;
  // oneDNN's gradient of strided 1x1 convolutions writes beside its memory below 16 channels.
  o.image.encoder.backbone = {.bottleneck = false,
                              .layers = {1, 1, 1, 1},
                              .widths = {16, 16, 32, 32},
                              .stem_kernel = 3,
                              .stem_stride = 2,
                              .stem_width = 16,
                              .stem_pool = false};
  o.image.encoder.num_hidden_layers = 3;
  o.image.encoder.layer.num_attention_heads = 2;
  o.image.encoder.layer.intermediate_size = 32;
  o.image.finetune = true;
  o.fusion.layers = 1;
  o.fusion.layer.num_attention_heads = 2;
  o.fusion.layer.intermediate_size = 32;
  o.gam.queue_size = 12;
  return o;
}

}  // namespace infig::test
