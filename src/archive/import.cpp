#include "archive/import.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <deque>
#include <system_error>
#include <utility>

#include "core/error.h"
#include "core/files.h"

namespace infig {
namespace {

namespace fs = std::filesystem;

constexpr const char* kWeights = "model.safetensors";
constexpr std::array<std::string_view, 29> kCompanions = {"config.json",
                                                          "open_clip_config.json",
                                                          "processor_config.json",
                                                          "preprocessor_config.json",
                                                          "vocab.txt",
                                                          "vocab.json",
                                                          "merges.txt",
                                                          "bpe.codes",
                                                          "spm.model",
                                                          "sentencepiece.bpe.model",
                                                          "spiece.model",
                                                          "tokenizer.json",
                                                          "tokenizer_config.json",
                                                          "special_tokens_map.json",
                                                          "added_tokens.json",
                                                          "modules.json",
                                                          "sentence_bert_config.json",
                                                          "sentence_roberta_config.json",
                                                          "sentence_distilbert_config.json",
                                                          "sentence_camembert_config.json",
                                                          "sentence_albert_config.json",
                                                          "sentence_xlm-roberta_config.json",
                                                          "sentence_xlnet_config.json",
                                                          "LICENSE",
                                                          "LICENSE.txt",
                                                          "LICENSE.md",
                                                          "NOTICE",
                                                          "NOTICE.txt",
                                                          "config_sentence_transformers.json"};

// sentence-transformers' "1_Pooling/config.json" and "2_Dense/model.safetensors": a number, what the module is, its files.
constexpr std::array<std::string_view, 3> kModuleFiles = {"config.json", "model.safetensors", "pytorch_model.bin"};

bool is_module_folder(std::string_view folder) {
  const size_t digits = folder.find_first_not_of("0123456789");
  return digits != std::string_view::npos && digits > 0 && folder[digits] == '_' && folder.find('/') == std::string_view::npos;
}

bool is_module_file(std::string_view name) {
  const size_t slash = name.find('/');
  if (slash == std::string_view::npos || !is_module_folder(name.substr(0, slash))) return false;
  return std::find(kModuleFiles.begin(), kModuleFiles.end(), name.substr(slash + 1)) != kModuleFiles.end();
}

std::vector<std::string> companions_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (entry.is_regular_file() && is_companion_file(name)) names.push_back(name);
    if (!entry.is_directory() || !is_module_folder(name)) continue;
    for (const std::string_view file : kModuleFiles) {
      if (fs::is_regular_file(folder / name / file)) names.push_back(fmt::format("{}/{}", name, file));
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

// A folder that import made may be replaced; anything else in it is somebody's.
void check_target(const fs::path& output, bool overwrite) {
  if (!fs::exists(fs::symlink_status(output))) return;
  if (!fs::is_directory(output)) throw ConfigError(fmt::format("{}: exists and is not a folder; choose another --output", output.string()));
  if (fs::is_empty(output)) return;
  if (!overwrite) {
    throw ConfigError(fmt::format("{}: exists already; choose another --output, or give --force to replace it", output.string()));
  }
  for (const auto& entry : fs::recursive_directory_iterator(output)) {
    const std::string name = entry.path().lexically_relative(output).string();
    const bool ours = entry.is_directory() ? is_module_folder(name) : name == kWeights || is_companion_file(name);
    if (!ours) {
      throw ConfigError(
          fmt::format("{}: holds {}, which import did not write, so it is not replaced; choose another --output", output.string(), name));
    }
  }
}

// IEEE 754 half precision: 1 sign, 5 exponent, 10 fraction bits; every value is a float exactly.
uint32_t half_to_float(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000U) << 16, fraction = half & 0x3ffU;
  const uint32_t exponent = half >> 10 & 0x1fU;
  if (exponent == 0x1f) return sign | 0x7f800000U | fraction << 13;
  if (exponent != 0) return sign | (exponent + 112) << 23 | fraction << 13;
  const float small = static_cast<float>(fraction) * 0x1p-24F;  // zero and the subnormals
  return sign | std::bit_cast<uint32_t>(small);
}

template <typename From, typename Function>
std::vector<std::byte> map_elements(std::span<const std::byte> bytes, Function&& function) {
  std::vector<std::byte> result(bytes.size() / sizeof(From) * sizeof(float));
  for (size_t i = 0; i * sizeof(From) < bytes.size(); ++i) {
    From from;
    std::memcpy(&from, bytes.data() + i * sizeof(From), sizeof(From));
    const uint32_t to = function(from);
    std::memcpy(result.data() + i * sizeof(to), &to, sizeof(to));
  }
  return result;
}

}  // namespace

bool is_companion_file(std::string_view name) {
  return std::find(kCompanions.begin(), kCompanions.end(), name) != kCompanions.end() || is_module_file(name);
}

std::vector<std::byte> to_float32(const TensorView& view) {
  switch (view.dtype) {
    case DType::kF16:
      return map_elements<uint16_t>(view.data, half_to_float);
    case DType::kBF16:
      return map_elements<uint16_t>(view.data, [](uint16_t value) { return static_cast<uint32_t>(value) << 16; });
    case DType::kF32:
      return {view.data.begin(), view.data.end()};
    case DType::kF64:
      return map_elements<double>(view.data, [](double value) { return std::bit_cast<uint32_t>(static_cast<float>(value)); });
    default:
      throw ShapeError(fmt::format("{} is not a floating-point type, expected F16, BF16, F32 or F64", dtype_name(view.dtype)));
  }
}

ImportReport import_weights(const fs::path& source, const fs::path& target, const ImportOptions& options) {
  fs::path output = fs::absolute(target).lexically_normal();
  if (!output.has_filename()) output = output.parent_path();  // "out/" is "out"
  const WeightArchive archive = open_archive(source, options.entry);
  const fs::path home = fs::is_directory(source) ? source : source.parent_path();
  std::error_code ignored;
  if (fs::equivalent(home.empty() ? fs::path(".") : home, output, ignored)) {
    throw ConfigError(fmt::format("{}: the weights come from this folder; choose another --output", output.string()));
  }
  check_target(output, options.overwrite);
  ImportReport report;
  report.format = archive.format();
  report.left_out = archive.left_out();
  report.entry = archive.entry();
  std::map<std::string, TensorView> tensors = archive.tensors();
  std::deque<std::vector<std::byte>> converted;
  for (auto& [name, view] : tensors) {
    const bool other_float = view.dtype == DType::kF16 || view.dtype == DType::kBF16 || view.dtype == DType::kF64;
    if (options.to_float32 && other_float) {
      view.data = converted.emplace_back(to_float32(view));
      view.dtype = DType::kF32;
      ++report.converted;
    }
    report.bytes += view.data.size();
  }
  report.tensors = tensors.size();
  StagingFolder staging(output);
  write_safetensors(staging.path() / kWeights, tensors, archive.metadata());
  if (fs::is_directory(source)) report.copied = companions_in(source);
  for (const std::string& name : report.copied) {
    make_folder((staging.path() / name).parent_path());
    write_file_atomic(staging.path() / name, read_file(source / name));
  }
  staging.replace();
  return report;
}

}  // namespace infig
