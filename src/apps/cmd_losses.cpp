// infig losses: GAM and HFAM on given tensors, with gradients, for comparing with any other implementation.
#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <cmath>
#include <cstdio>
#include <map>
#include <memory>
#include <set>

#include "alignment/fine_grained.h"
#include "alignment/global.h"
#include "apps/commands.h"
#include "core/error.h"
#include "tensor/archive.h"

namespace infig {
namespace {

struct LossesFlags {
  std::string input, output;
  bool decoupled = false, literal = false;
};

struct LossesInput {
  std::string where;
  TensorMap tensors;
  std::map<std::string, std::string> metadata;

  bool has_part(const std::string& prefix) const {
    const auto first = tensors.lower_bound(prefix);
    return first != tensors.end() && first->first.starts_with(prefix);
  }
};

struct LossesOutput {
  TensorMap tensors;
  std::map<std::string, std::string> metadata;
};

std::string describe(const at::Tensor& tensor) { return fmt::format("{} {}", c10::toString(tensor.scalar_type()), tensor.sizes().vec()); }

const at::Tensor& tensor_of(const LossesInput& input, const std::string& name, const std::string& expected) {
  const auto found = input.tensors.find(name);
  if (found == input.tensors.end()) throw DataError(fmt::format("{}: tensor {} is missing, expected {}", input.where, name, expected));
  return found->second;
}

// -1 in `shape` stands for any size; `letters` names the sizes in the message. Type: float32 or float64, or undefined for whole numbers.
at::Tensor checked(const LossesInput& input, const std::string& name, const std::vector<int64_t>& shape, const std::string& letters,
                   std::optional<at::ScalarType> type) {
  const std::string wanted = fmt::format("{} {}", type ? c10::toString(*type) : "integer", letters);
  const at::Tensor& tensor = tensor_of(input, name, wanted);
  bool fits = tensor.dim() == static_cast<int64_t>(shape.size());
  for (size_t i = 0; fits && i < shape.size(); ++i) fits = shape[i] < 0 || tensor.size(static_cast<int64_t>(i)) == shape[i];
  fits = fits && (type ? tensor.scalar_type() == *type : !tensor.is_floating_point() && !tensor.is_complex());
  if (!fits)
    throw DataError(fmt::format("{}: tensor {}: expected {} = {}, found {} (-1: any)", input.where, name, wanted, shape, describe(tensor)));
  return type ? tensor : tensor.to(at::kLong);
}

at::ScalarType working_type(const LossesInput& input, const std::string& name, const std::string& letters) {
  const at::Tensor& tensor = tensor_of(input, name, fmt::format("F32 or F64 {}", letters));
  const at::ScalarType type = tensor.scalar_type();
  if (type == at::kFloat || type == at::kDouble) return type;
  throw DataError(fmt::format("{}: tensor {}: expected F32 or F64 {}, found {}", input.where, name, letters, describe(tensor)));
}

template <typename T>
T number_of(const LossesInput& input, const std::string& key, const std::string& expected) {
  const auto found = input.metadata.find(key);
  if (found == input.metadata.end()) throw DataError(fmt::format("{}: metadata {} is missing, expected {}", input.where, key, expected));
  const std::string& text = found->second;
  T value{};
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size() || !(value > T{0}) || !std::isfinite(static_cast<double>(value))) {
    throw DataError(fmt::format("{}: metadata {}: expected {}, found '{}'", input.where, key, expected, text));
  }
  return value;
}

at::Tensor leaf(const at::Tensor& tensor) { return tensor.detach().requires_grad_(true); }

at::Tensor gradient_of(const at::Tensor& tensor) { return tensor.grad().defined() ? tensor.grad() : at::zeros_like(tensor); }

// The k of hfam.image.k and hfam.text.k, which must be the same.
std::set<int64_t> layers_of(const LossesInput& input, const std::string& prefix) {
  std::set<int64_t> layers;
  for (const auto& [name, tensor] : input.tensors) {
    if (!name.starts_with(prefix)) continue;
    int64_t layer = -1;
    const auto [end, problem] = std::from_chars(name.data() + prefix.size(), name.data() + name.size(), layer);
    if (problem != std::errc() || end != name.data() + name.size() || layer < 0) {
      throw DataError(fmt::format("{}: tensor {}: expected {}K with K = 0, 1, 2, ...", input.where, name, prefix));
    }
    layers.insert(layer);
  }
  return layers;
}

void check_names(const LossesInput& input) {
  static const std::set<std::string> kKnown = {"hfam.text_mask",  "gam.image",      "gam.text",      "gam.image_key", "gam.text_key",
                                               "gam.queue_image", "gam.queue_text", "gam.queue_ids", "gam.ids"};
  for (const auto& [name, tensor] : input.tensors) {
    const bool ours = name.starts_with("hfam.") || name.starts_with("gam.");
    if (ours && !kKnown.contains(name) && !name.starts_with("hfam.image.") && !name.starts_with("hfam.text.")) {
      throw DataError(
          fmt::format("{}: unknown tensor {}; known are hfam.image.K, hfam.text.K, {}", input.where, name, fmt::join(kKnown, ", ")));
    }
  }
}

void compute_fine_grained(const LossesInput& input, const LossesFlags& flags, LossesOutput& output) {
  const std::set<int64_t> layers = layers_of(input, "hfam.image."), text_layers = layers_of(input, "hfam.text.");
  if (layers != text_layers || layers.empty()) {
    throw DataError(fmt::format("{}: hfam.image.K and hfam.text.K must exist for the same K, found [{}] and [{}]", input.where,
                                fmt::join(layers, ", "), fmt::join(text_layers, ", ")));
  }
  const FineGrainedOptions options{.top_j = number_of<int64_t>(input, "j", "a whole number >= 1"), .decoupled = flags.decoupled};
  const std::string first = fmt::format("hfam.image.{}", *layers.begin());
  const at::ScalarType type = working_type(input, first, "[B, P, d]");
  const at::Tensor tau = at::tensor(number_of<double>(input, "tau_f", "a number > 0"), type);
  const int64_t posts = checked(input, first, {-1, -1, -1}, "[B, P, d]", type).size(0);
  if (posts == 0) throw DataError(fmt::format("{}: tensor {}: no posts, found {}", input.where, first, describe(input.tensors.at(first))));
  const at::Tensor mask = (checked(input, "hfam.text_mask", {posts, -1}, "[B, T]", std::nullopt) != 0).to(at::kLong);
  const at::Tensor bare = (mask.sum(1) == 0).nonzero();
  if (bare.size(0) > 0) {
    throw DataError(
        fmt::format("{}: tensor hfam.text_mask: row {} counts no token; leave that post out", input.where, bare[0][0].item<int64_t>()));
  }
  at::Tensor total;
  std::map<std::string, at::Tensor> leaves;
  for (const int64_t layer : layers) {
    const std::string image_name = fmt::format("hfam.image.{}", layer), text_name = fmt::format("hfam.text.{}", layer);
    const at::Tensor image = leaf(checked(input, image_name, {posts, -1, -1}, "[B, P, d]", type));
    const at::Tensor text = leaf(checked(input, text_name, {posts, mask.size(1), image.size(2)}, "[B, T, d]", type));
    const FineGrainedSimilarity similarity = fine_grained_similarity(image, text, mask, options);
    const at::Tensor loss = fine_grained_loss(similarity, tau, options).mean() / (2.0 * static_cast<double>(layers.size()));
    total = total.defined() ? total + loss : loss;
    output.tensors[fmt::format("hfam.similarity_i2t.{}", layer)] = similarity.image_to_text.detach();
    output.tensors[fmt::format("hfam.similarity_t2i.{}", layer)] = similarity.text_to_image.detach();
    leaves[image_name] = image;
    leaves[text_name] = text;
  }
  total.backward();
  output.tensors["hfam"] = total.detach();
  for (const auto& [name, tensor] : leaves) output.tensors["grad." + name] = gradient_of(tensor);
  for (const char* key : {"j", "tau_f"}) output.metadata[key] = input.metadata.at(key);
}

void compute_global(const LossesInput& input, const LossesFlags& flags, LossesOutput& output) {
  const at::ScalarType type = working_type(input, "gam.image", "[B, g]");
  const at::Tensor image = leaf(checked(input, "gam.image", {-1, -1}, "[B, g]", type));
  const int64_t posts = image.size(0), width = image.size(1);
  if (posts == 0) throw DataError(fmt::format("{}: tensor gam.image: no posts, found {}", input.where, describe(image)));
  const auto rows = [&](const char* name, int64_t count, const char* letters) {
    return checked(input, name, {count, width}, letters, type);
  };
  const at::Tensor text = leaf(rows("gam.text", posts, "[B, g]"));
  const at::Tensor queue_image = rows("gam.queue_image", -1, "[M, g]");
  const int64_t queued = queue_image.size(0);
  const GlobalAlignmentInput arguments{.image = image,
                                       .text = text,
                                       .image_key = rows("gam.image_key", posts, "[B, g]"),
                                       .text_key = rows("gam.text_key", posts, "[B, g]"),
                                       .queue_image = queue_image,
                                       .queue_text = rows("gam.queue_text", queued, "[M, g]"),
                                       .queue_ids = checked(input, "gam.queue_ids", {queued}, "[M]", std::nullopt),
                                       .ids = checked(input, "gam.ids", {posts}, "[B]", std::nullopt),
                                       .counted = {}};
  const at::Tensor tau = at::tensor(number_of<double>(input, "tau_g", "a number > 0"), type);
  const at::Tensor loss = global_alignment_loss(arguments, tau, {.literal = flags.literal}).mean();
  loss.backward();
  output.tensors["gam"] = loss.detach();
  output.tensors["grad.gam.image"] = gradient_of(image);
  output.tensors["grad.gam.text"] = gradient_of(text);
  output.metadata["tau_g"] = input.metadata.at("tau_g");
}

void losses_verb(const LossesFlags& flags) {
  LossesInput input{.where = flags.input, .tensors = {}, .metadata = {}};
  input.tensors = load_tensors(flags.input, &input.metadata);
  check_names(input);
  const bool fine_grained = input.has_part("hfam."), global = input.has_part("gam.");
  if (!fine_grained && !global)
    throw DataError(fmt::format("{}: neither hfam.* nor gam.* tensors; infig losses --help lists them", flags.input));
  LossesOutput output;
  if (fine_grained) compute_fine_grained(input, flags, output);
  if (global) compute_global(input, flags, output);
  save_tensors(flags.output, output.tensors, output.metadata);
  if (fine_grained) std::printf("hfam %.9g\n", output.tensors.at("hfam").item<double>());
  if (global) std::printf("gam %.9g\n", output.tensors.at("gam").item<double>());
}

}  // namespace

void add_losses(CLI::App& app) {
  CLI::App* verb =
      app.add_subcommand("losses", "GAM and HFAM on given tensors, with gradients: for comparing with any other implementation");
  auto flags = std::make_shared<LossesFlags>();
  verb->add_option("--input", flags->input, "safetensors file with the tensors below")->required();
  verb->add_option("--output", flags->output, "safetensors file that is written")->required();
  verb->add_flag("--hfam-decoupled", flags->decoupled,
                 "leave the positive out of HFAM's denominator, as eq. 5 reads literally (hfam.decoupled)");
  verb->add_flag("--gam-literal", flags->literal, "leave the positive out of GAM's denominator, as eq. 1 reads literally (gam.literal)");
  verb->footer(
      "Input, F32 or F64 (which is what it is computed in); hfam.* or gam.* may be absent:\n"
      "  hfam.image.K [B,P,d], hfam.text.K [B,T,d] for layers K = 0, 1, ..., hfam.text_mask [B,T] (1 = counted token)\n"
      "  gam.image, gam.text, gam.image_key, gam.text_key [B,g], gam.queue_image, gam.queue_text [M,g], gam.queue_ids [M], gam.ids [B]\n"
      "  metadata: j and tau_f for hfam, tau_g for gam\n"
      "Output: hfam, gam (scalars), hfam.similarity_i2t.K, hfam.similarity_t2i.K [B,B] (row image, column text), grad.NAME of every\n"
      "  hfam.image.K, hfam.text.K, gam.image, gam.text\n"
      "Example:\n  infig losses --input in.safetensors --output out.safetensors");
  verb->callback([flags] { losses_verb(*flags); });
}

}  // namespace infig
