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

// Throws a CheckpointError that names the config.json of a folder (or beside a file of it), what was wrong there and what to do.
[[noreturn]] void fail_config_of(const std::filesystem::path& where, const ConfigError& error);

// Returns make(); a ConfigError from it concerns a file that the user did not write: it is thrown anew by fail_config_of().
template <typename Make>
auto of_config_in(const std::filesystem::path& where, Make make) {
  try {
    return make();
  } catch (const ConfigError& error) {
    fail_config_of(where, error);
  }
}

}  // namespace infig
