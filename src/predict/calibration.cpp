#include "predict/calibration.h"

#include <fmt/format.h>

#include "core/error.h"
#include "run/checkpoints.h"

namespace infig {

double chosen_temperature(const std::filesystem::path& run, const std::string& word) {
  if (word == "none") return 1;
  if (word != "fitted") throw ConfigError(fmt::format("--temperature: \"{}\", expected fitted or none", word));
  const auto calibration = read_calibration(run);
  if (!calibration) {
    throw CheckpointError(
        fmt::format("{}: no temperature was fitted for this checkpoint; run `infig evaluate --run {} --data DATA --fit-temperature` first",
                    (find_checkpoint(run) / "calibration.json").string(), run.string()));
  }
  return calibration->temperature;
}

}  // namespace infig
