#include "predict/calibration.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "model/pretrained.h"

namespace infig {
namespace {

std::filesystem::path calibration_file(const std::filesystem::path& run) { return find_checkpoint(run) / "calibration.json"; }

}  // namespace

void write_calibration(const std::filesystem::path& run, const Calibration& calibration) {
  const nlohmann::ordered_json json = {{"temperature", calibration.temperature},
                                       {"split", calibration.split},
                                       {"posts", calibration.posts},
                                       {"data_sha256", calibration.data_sha256},
                                       {"loss_before", calibration.loss_before},
                                       {"loss_after", calibration.loss_after},
                                       {"ece_before", calibration.ece_before},
                                       {"ece_after", calibration.ece_after}};
  write_file_atomic(calibration_file(run), json.dump(2) + "\n");
}

std::optional<Calibration> read_calibration(const std::filesystem::path& run) {
  const auto path = calibration_file(run);
  if (!std::filesystem::exists(path)) return std::nullopt;
  Calibration calibration;
  try {
    const auto json = nlohmann::json::parse(read_file(path));
    calibration = {.temperature = json.at("temperature").get<double>(),
                   .split = json.at("split").get<std::string>(),
                   .posts = json.at("posts").get<int64_t>(),
                   .data_sha256 = json.at("data_sha256").get<std::string>(),
                   .loss_before = json.at("loss_before").get<double>(),
                   .loss_after = json.at("loss_after").get<double>(),
                   .ece_before = json.at("ece_before").get<double>(),
                   .ece_after = json.at("ece_after").get<double>()};
  } catch (const nlohmann::json::exception& error) {
    throw CheckpointError(fmt::format("{}: {}; write it anew with evaluate --fit-temperature", path.string(), error.what()));
  }
  if (!(calibration.temperature > 0) || !std::isfinite(calibration.temperature)) {
    throw CheckpointError(fmt::format("{}: key temperature: {}, expected a number above 0; write it anew with evaluate --fit-temperature",
                                      path.string(), calibration.temperature));
  }
  return calibration;
}

double chosen_temperature(const std::filesystem::path& run, const std::string& word) {
  if (word == "none") return 1;
  if (word != "fitted") throw ConfigError(fmt::format("--temperature: \"{}\", expected fitted or none", word));
  const auto calibration = read_calibration(run);
  if (!calibration) {
    throw CheckpointError(
        fmt::format("{}: no temperature was fitted for this checkpoint; run `infig evaluate --run {} --data DATA --fit-temperature` first",
                    calibration_file(run).string(), run.string()));
  }
  return calibration->temperature;
}

}  // namespace infig
