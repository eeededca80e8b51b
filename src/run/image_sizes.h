// The sizes of image networks in a checkpoint, under image_encoder.backbone. (and image_encoder.vision.), against the tensors that are
// there.
#pragma once

#include <cstdint>

#include "core/json_fields.h"
#include "run/size_check.h"

namespace infig {

// A ResNet by its keys: blocks of each stage, their widths (times `expansion`), the stem.
void check_resnet(const SizeCheck& check, const JsonFields& image, const char* blocks, const char* widths, int64_t expansion,
                  const char* stem);
// A published network of convolutions by its config. Returns pixels a cell.
int64_t check_published_image(const SizeCheck& check, const JsonFields& network);
bool is_vision(const JsonFields& network);  // whether the config is a Vision Transformer's
// A Vision Transformer of INFIG: the lower layers under image_encoder.backbone., image.num_hidden_layers upper ones under
// image_encoder.vision.
void check_vision(const SizeCheck& check, const JsonFields& image, const JsonFields& network);
// Either, the whole of it under image_encoder.backbone.
void check_frozen(const SizeCheck& check, const JsonFields& network);

}  // namespace infig
