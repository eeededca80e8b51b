// The pieces of a serialized SentencePiece model and its normalisation table, read without the library.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace infig {

struct ModelPieces {
  std::vector<std::pair<std::string, float>> pieces;  // with their scores, in the order of ids
  std::string charsmap;                               // in base64; empty where the model has none
};

// Throws CheckpointError naming `where` for a damaged model, one without pieces, or pieces that are not UTF-8.
ModelPieces read_model_pieces(std::string_view model, const std::string& where);

// The same model, a good one, in which pieces of these texts are control symbols, so that no text is cut into them. Their ids stay.
std::string with_control_pieces(std::string_view model, const std::vector<std::string_view>& texts);

}  // namespace infig
