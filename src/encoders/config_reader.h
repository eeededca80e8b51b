// Typed look-ups in a published config.json, with messages that name model, key, what was found and what is expected.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "core/error.h"
#include "nn/activation.h"

namespace infig {

// An absent key or null gives the fallback. Everything throws ConfigError.
class ConfigReader {
 public:
  // Every message begins with `model` ("BERT"). The json must be an object and outlive the reader.
  ConfigReader(const nlohmann::json& json, std::string model);

  int64_t integer(const char* key, int64_t fallback) const;
  double number(const char* key, double fallback) const;
  bool flag(const char* key, bool fallback) const;
  std::string text(const char* key, const std::string& fallback) const;
  std::vector<int64_t> integers(const char* key, const std::vector<int64_t>& fallback) const;
  // "c2p|p2c" or ["c2p", "p2c"], as configs of different ages have it; lower case, without spaces.
  std::vector<std::string> words(const char* key) const;
  Activation activation(const char* key, const std::string& fallback) const;

  void require(bool allowed, const std::string& what) const;
  bool has(const char* key) const { return find(key) != nullptr; }

 private:
  const nlohmann::json* find(const char* key) const;
  [[noreturn]] void refuse(const char* key, const nlohmann::json& found, const char* expected) const;
  const nlohmann::json& json_;
  std::string model_;
};

// Weights that a library has quantised (quantization_config) are refused: their tensors are not the network's own.
void refuse_quantized(const ConfigReader& reader);

// Throws the same error with the config.json of `folder` named in front of the message.
[[noreturn]] void fail_config_of(const std::filesystem::path& folder, const ConfigError& error);

// Returns make(); a ConfigError from it is thrown anew with the config.json of `folder` named.
template <typename Make>
auto of_config_in(const std::filesystem::path& folder, Make make) {
  try {
    return make();
  } catch (const ConfigError& error) {
    fail_config_of(folder, error);
  }
}

}  // namespace infig
