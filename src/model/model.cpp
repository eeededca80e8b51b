#include "model/model.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/error.h"

namespace infig {

const LossTerm& Losses::part(std::string_view name) const {
  for (const NamedLoss& loss : others) {
    if (loss.name == name) return loss.term;
  }
  throw ShapeError(fmt::format("losses: the objective has no part called {}", name));
}

void Objective::restore(const TensorMap& /*tensors*/, const std::string& /*where*/) {}

std::map<std::string, std::string> Model::add_training_inputs(PostLoader& /*loader*/, const InputContext& /*context*/) { return {}; }

std::optional<int64_t> Model::layers_above(const std::string& /*parameter*/) const { return std::nullopt; }

nlohmann::json Model::facts() const { return nlohmann::json::object(); }

}  // namespace infig
