// Compares sizes that a config states with the tensors that are there (stored_model.h).
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "archive/weight_archive.h"
#include "core/error.h"
#include "core/json_fields.h"

namespace infig {

using StoredTensors = std::map<std::string, TensorView>;

// Every check throws CheckpointError naming key, stated and found.
class SizeCheck {
 public:
  SizeCheck(const StoredTensors& tensors, std::string weights) : tensors_(tensors), weights_(std::move(weights)) {}

  // `fields`.`key` is a side of `tensor`, times `factor`.
  void side(const JsonFields& fields, const std::string& key, const std::string& tensor, size_t side, int64_t factor = 1) const {
    compare(fields, key, fields.integer(key), tensor, side, factor);
  }

  void compare(const JsonFields& fields, const std::string& key, int64_t stated, const std::string& tensor, size_t side,
               int64_t factor = 1) const {
    const int64_t found = size_of(fields, key, tensor, side);
    int64_t wanted = 0;
    if (__builtin_mul_overflow(stated, factor, &wanted) || wanted != found) {
      throw CheckpointError(fmt::format("{}: key {}: is {}, but {} in {} has {}{}; config.json and weights do not belong together",
                                        fields.where(), fields.key_of(key), stated, tensor, weights_, found,
                                        factor == 1 ? "" : fmt::format(" ({} times that is expected)", factor)));
    }
  }

  // As many of PREFIX0., PREFIX1., ... as stated; `first`: the number of the first one.
  void count(const JsonFields& fields, const std::string& key, int64_t stated, const std::string& prefix, int64_t first = 0) const {
    int64_t found = 0;
    while (has_part(fmt::format("{}{}.", prefix, first + found))) ++found;
    if (stated != found) {
      throw CheckpointError(fmt::format("{}: key {}: is {}, but {} holds {} of {}N; config.json and weights do not belong together",
                                        fields.where(), fields.key_of(key), stated, weights_, found, prefix));
    }
  }

  bool has(const std::string& tensor) const { return tensors_.contains(tensor); }

  int64_t size_of(const JsonFields& fields, const std::string& key, const std::string& tensor, size_t side) const {
    const auto found = tensors_.find(tensor);
    if (found == tensors_.end() || found->second.shape.size() <= side) {
      throw CheckpointError(fmt::format("{}: key {}: is the size of {}, which {} does not hold{}", fields.where(), fields.key_of(key),
                                        tensor, weights_, found == tensors_.end() ? "" : " in that shape"));
    }
    return found->second.shape[side];
  }

 private:
  bool has_part(const std::string& prefix) const {
    const auto found = tensors_.lower_bound(prefix);
    return found != tensors_.end() && found->first.starts_with(prefix);
  }

  const StoredTensors& tensors_;
  std::string weights_;
};

}  // namespace infig
