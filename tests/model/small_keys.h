// Keys of a network of Table 2 that is small enough for tests, shared by those that try every such network.
#pragma once

#include <string>
#include <vector>

namespace infig::test {

// The picture's side and a ResNet from scratch, the smallest that oneDNN's gradients are right for (small_model.h).
inline std::vector<std::string> small_backbone_keys() {
  return {"image.size=32",
          "image.resize=32",
          "image.bottleneck=false",
          "image.stage_blocks=[1, 1, 1, 1]",
          "image.stage_widths=[16, 16, 16, 16]",
          "image.stem_kernel=3",
          "image.stem_width=16",
          "image.stem_pool=false"};
}

}  // namespace infig::test
