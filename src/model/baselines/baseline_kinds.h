// Makes a network of Table 2 a model of the list (model/models.cpp): its options with the shared ones, its name, its marks. A network Net
// has
//   Net(const BaselineSizes&, const Options&), needs() that depends on neither, and for its Options bind_options() and validate().
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "model/baselines/baseline_options.h"
#include "nn/linear.h"

namespace infig {

struct BaselineTraits {
  const char* name;             // model.name
  bool reconstruction = false;  // the paper could not be read in full
};

template <typename Net, typename Options>
class BaselineOf final : public BaselineOptions {
 public:
  Options net;

  explicit BaselineOf(const BaselineTraits& traits) : traits_(traits) {}
  std::unique_ptr<ModelOptions> clone() const override { return std::make_unique<BaselineOf>(*this); }
  const char* name() const override { return traits_.name; }
  BaselineNeeds needs() const override {
    static const BaselineNeeds kNeeds = [] {
      const SkipInitialization probe;
      return Net({.words = 2, .word_size = 1, .object_channels = 1, .scene_channels = 1, .labels = 2}, Options{}).needs();
    }();
    return kNeeds;
  }
  std::vector<std::string> net_marks() const override {
    std::vector<std::string> marks;
    if (traits_.reconstruction) marks.emplace_back("reconstruction");
    return marks;
  }
  void bind_net(ConfigBinder& binder) override { bind_options(binder, net); }
  void validate_net() const override { net.validate(); }
  std::shared_ptr<BaselineNet> make_net(const BaselineSizes& sizes) const override { return std::make_shared<Net>(sizes, net); }

 private:
  BaselineTraits traits_;
};

template <typename Net, typename Options>
std::unique_ptr<ModelOptions> make_baseline(const BaselineTraits& traits) {
  return std::make_unique<BaselineOf<Net, Options>>(traits);
}

}  // namespace infig
