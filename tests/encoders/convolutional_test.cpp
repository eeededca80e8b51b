// ConvNeXt, EfficientNet, MobileNetV3 and timm's ResNets against the libraries that publish them (tools/golden/make_convolutional.py).
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "encoders/image_backbones.h"
#include "reference/temporary_folder.h"
#include "reference/tensors.h"

namespace infig {
namespace {

namespace fs = std::filesystem;

InvertedMaker maker_named(const std::string& name) {
  if (name == "timm") return InvertedMaker::kTimm;
  return name == "tf" ? InvertedMaker::kTimmTf : InvertedMaker::kTorchvision;
}

InvertedNaming naming_named(const std::string& name) {
  if (name == "timm") return InvertedNaming::kTimm;
  return name == "torchvision" ? InvertedNaming::kTorchvision : InvertedNaming::kTransformers;
}

InvertedNetOptions scaled_options(const nlohmann::json& settings) {
  const InvertedMaker maker = maker_named(settings.at("maker"));
  if (settings.at("family") == "efficientnet") return scaled_efficientnet(settings.at("width"), settings.at("depth"), maker);
  return mobilenet_v3({.large = settings.at("large"), .minimal = settings.at("minimal"), .width = settings.at("width"), .maker = maker});
}

// fill() of the maker: values that need no generator.
at::Tensor filled(const std::string& name, at::IntArrayRef shape) {
  int64_t count = 1, phase = 0;
  for (const int64_t side : shape) count *= side;
  for (size_t place = 0; place < name.size(); ++place) phase += static_cast<int64_t>(place + 1) * static_cast<unsigned char>(name[place]);
  const at::Tensor index = at::arange(count, at::kDouble);
  return at::sin(index * 1.7 + static_cast<double>(phase % 997) / 10 * 3.1 + at::sin(index * 0.37)).view(shape);
}

// weight() of the maker.
at::Tensor filled_weight(const std::string& name, const std::vector<int64_t>& shape) {
  const at::Tensor values = filled(name, shape);
  const auto ends = [&](const char* end) { return name.ends_with(end); };
  if (ends("gamma") || ends("layer_scale") || ends("layer_scale_parameter")) return (values * 0.2 + 0.5).to(at::kFloat);
  if (ends("running_mean")) return (values * 0.2).to(at::kFloat);
  if (ends("running_var")) return (values * 0.4 + 1).to(at::kFloat);
  if (shape.size() < 2) return (values * 0.25 + (ends("weight") ? 1 : 0.2)).to(at::kFloat);
  return (values * std::sqrt(2.0 * static_cast<double>(shape[0]) / static_cast<double>(values.numel()))).to(at::kFloat);
}

// "NAME 3,4" -> the name and the tensor that fill() gives it.
std::pair<std::string, at::Tensor> listed_weight(const std::string& line) {
  const size_t space = line.find(' ');
  std::vector<int64_t> shape;
  for (size_t at = space; at != std::string::npos; at = line.find(',', at + 1)) shape.push_back(std::stoll(line.substr(at + 1)));
  return {line.substr(0, space), filled_weight(line.substr(0, space), shape)};
}

// One of the golden files as the backbone that infig reads it into.
class Convolutional : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    golden_ = reference::load_golden(std::string("encoders/conv_") + GetParam());
    const nlohmann::json& settings = golden_.settings;
    for (const std::string line : settings.at("weights")) {
      const auto [name, tensor] = listed_weight(line);
      weights_[name] = tensor;
      names_.push_back(name);
    }
    pixels_ = (filled("pixel_values", {2, 3, settings.at("size")[0], settings.at("size")[1]}).to(at::kFloat) * 1.4);
    const std::string load = settings.at("load");
    if (load == "options") {
      const auto net = std::make_shared<InvertedNetImpl>(scaled_options(settings));
      load_state_dict(*net, rename(net->options(), weights_), GetParam(), {"num_batches_tracked"});
      backbone_ = net;
      return;
    }
    const fs::path folder = folder_.path();
    save_tensors(folder / "model.safetensors", weights_);
    if (load == "folder") write_file_atomic(folder / "config.json", settings.at("config").dump());
    backbone_ = load_image_backbone(load == "folder" ? folder : folder / "model.safetensors").backbone;
  }

  TensorMap rename(const InvertedNetOptions& options, const TensorMap& tensors) const {
    return inverted_weights(tensors, options, naming_named(golden_.settings.value("naming", "transformers")), "golden");
  }

  // Each row [norm, product with fill(their name)] that is not zeros, with their name, by the name of our parameter or buffer.
  std::map<std::string, std::pair<at::Tensor, std::string>> summaries(const std::string& key) const {
    std::map<const void*, std::string> ours;  // renaming keeps the memory
    for (const auto& [name, tensor] : renamed(weights_)) ours[tensor.data_ptr()] = name;
    std::map<std::string, std::pair<at::Tensor, std::string>> found;
    for (size_t i = 0; i < names_.size(); ++i) {
      const at::Tensor row = golden_[key][static_cast<int64_t>(i)];
      if (row[0].item<double>() == 0) continue;
      found[ours.at(weights_.at(names_[i]).data_ptr())] = {row, names_[i]};
    }
    return found;
  }

  // Under the names of the backbone's parameters.
  TensorMap renamed(const TensorMap& tensors) const {
    if (const auto* net = dynamic_cast<const InvertedNetImpl*>(backbone_.get())) return rename(net->options(), tensors);
    return dynamic_cast<const ConvNextImpl*>(backbone_.get()) != nullptr ? convnext_weights(tensors, "golden") : tensors;
  }

  // The tensor's norm, and its product with fill(): what a wrong element, or a right one in the wrong place, changes.
  static void expect_summary(const at::Tensor& tensor, const std::pair<at::Tensor, std::string>& expected, double tolerance,
                             const std::string& what) {
    ASSERT_TRUE(tensor.defined()) << what;
    const at::Tensor value = tensor.detach().contiguous().to(at::kDouble);
    const double norm = expected.first[0].item<double>(), product = expected.first[1].item<double>();
    EXPECT_NEAR(value.norm().item<double>(), norm, tolerance * norm) << what;
    const at::Tensor weights = filled(expected.second, value.sizes());
    EXPECT_NEAR((value * weights).sum().item<double>(), product, tolerance * norm * weights.norm().item<double>()) << what;
  }

  std::vector<at::Tensor> maps(bool batch_statistics) {
    if (auto* net = dynamic_cast<InvertedNetImpl*>(backbone_.get())) return net->forward_all(pixels_, batch_statistics);
    if (auto* net = dynamic_cast<ConvNextImpl*>(backbone_.get())) return net->forward_all(pixels_);
    return dynamic_cast<ResNetImpl&>(*backbone_).forward_all(pixels_, batch_statistics);
  }

  reference::TemporaryFolder folder_;
  reference::Golden golden_;
  TensorMap weights_;
  std::vector<std::string> names_;
  at::Tensor pixels_;
  std::shared_ptr<ImageBackbone> backbone_;
};

TEST_P(Convolutional, EveryStageAgrees) {
  const TensorMap expected = golden_.under("map.");
  const int64_t kept = golden_.settings.at("kept");
  for (const bool gradient : {true, false}) {  // without one BatchNorm is folded
    const at::AutoGradMode mode(gradient);
    const std::vector<at::Tensor> found = maps(false);
    ASSERT_EQ(found.size(), expected.size());
    for (size_t k = 0; k < found.size(); ++k) {
      const std::string where = fmt::format("map {}{}", k, gradient ? "" : ", folded");
      const at::Tensor thinned = found[k].contiguous().flatten().slice(0, 0, c10::nullopt, 1 + found[k].numel() / kept);
      EXPECT_TRUE(reference::close_to_norm(thinned, expected.at(std::to_string(k)), 2e-5)) << where;
      const double norm = golden_["norms"][static_cast<int64_t>(k)].item<double>();
      EXPECT_NEAR(found[k].norm().item<double>(), norm, 1e-5 * norm) << where;
    }
    EXPECT_TRUE(at::equal(backbone_->features(pixels_, false), found.back()));
    EXPECT_TRUE(found.back().is_contiguous(at::MemoryFormat::ChannelsLast));
    EXPECT_EQ(backbone_->feature_size(), found.back().size(1));
  }
}

TEST_P(Convolutional, GradientsAgree) {
  const auto expected = summaries("gradients");
  const auto parameters = backbone_->named_parameters();
  ASSERT_EQ(expected.size(), parameters.size());
  for (const double scale : reference::kUpstreamScales) {
    backbone_->zero_grad();
    const at::Tensor map = maps(false).back();
    (map * (filled("factors", map.sizes()).to(at::kFloat) * 1.4) * scale).sum().backward();
    for (const auto& [name, summary] : expected) {
      ASSERT_TRUE(parameters.contains(name)) << name;
      expect_summary(parameters[name].grad().view(weights_.at(summary.second).sizes()) / scale, summary, 1e-4,
                     fmt::format("{} times {}", name, scale));
    }
  }
}

TEST_P(Convolutional, BatchStatisticsAgreeAndAreKept) {
  const at::NoGradGuard no_grad;
  EXPECT_TRUE(reference::close_to_norm(backbone_->features(pixels_, true), golden_["batch_map"], 1e-4));
  const auto buffers = backbone_->named_buffers();
  const auto expected = summaries("statistics");
  EXPECT_EQ(expected.size(), static_cast<size_t>(std::ranges::count_if(buffers, [](const auto& item) { return item.value().dim() > 0; })));
  for (const auto& [name, summary] : expected) {
    ASSERT_TRUE(buffers.contains(name)) << name;
    expect_summary(buffers[name], summary, 1e-5, name);
  }
}

TEST_P(Convolutional, ItsConfigMakesItAnew) {
  const std::shared_ptr<ImageBackbone> anew = make_image_backbone(nlohmann::json::parse(backbone_->config().dump()));
  load_state_dict(*anew, state_dict(*backbone_), "copy");
  const at::NoGradGuard no_grad;
  EXPECT_TRUE(at::equal(anew->features(pixels_, false), backbone_->features(pixels_, false)));
  EXPECT_EQ(anew->config(), backbone_->config());
  EXPECT_EQ(anew->stride(), backbone_->stride());
  anew->initialize(3);
  EXPECT_TRUE(anew->features(pixels_, false).isfinite().all().item<bool>());
}

TEST_P(Convolutional, CellsAreWhatTheNetworkGives) {
  const at::NoGradGuard no_grad;
  const ImageBackboneOptions options = image_backbone_options(backbone_->config());
  for (const int64_t size : {64, 70, 71, 97}) {
    const int64_t cells = cells_of(options, size);
    if (cells == 0) {
      EXPECT_THROW(backbone_->features(at::zeros({1, 3, size, size}), false), ShapeError) << size;
    } else {
      EXPECT_EQ(backbone_->features(at::zeros({1, 3, size, size}), false).sizes().slice(2), at::IntArrayRef({cells, cells})) << size;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Golden, Convolutional,
                         ::testing::Values("convnext_transformers", "convnext_torchvision", "convnext_timm", "convnext_ols", "convnext_hnf",
                                           "efficientnet_timm", "efficientnet_tf", "efficientnet_torchvision", "efficientnet_transformers",
                                           "mobilenet_large_timm", "mobilenet_small_tf", "mobilenet_minimal_tf",
                                           "mobilenet_large_torchvision", "mobilenet_small_torchvision", "resnet50d", "resnet50t",
                                           "resnext", "seresnet", "ecaresnet", "resnetblur", "resnetblur_basic", "resnetaa", "resnetrs",
                                           "senet"),
                         [](const auto& instance) { return std::string(instance.param); });

}  // namespace
}  // namespace infig
