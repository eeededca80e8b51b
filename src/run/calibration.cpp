#include "run/calibration.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "core/json_fields.h"
#include "run/checkpoints.h"

namespace infig {
namespace {

constexpr const char* kFile = "calibration.json";

// JSON has no NaN: a loss that is not finite was written as null.
double loss_of(const JsonFields& fields, const char* key) { return fields.value(key).is_null() ? std::nan("") : fields.number(key); }

}  // namespace

void write_calibration(const std::filesystem::path& run, const Calibration& calibration) {
  const nlohmann::ordered_json json = {{"temperature", calibration.temperature},
                                       {"split", calibration.split},
                                       {"posts", calibration.posts},
                                       {"data", calibration.data},
                                       {"data_sha256", calibration.data_sha256},
                                       {"loss_before", calibration.loss_before},
                                       {"loss_after", calibration.loss_after},
                                       {"ece_before", calibration.ece_before},
                                       {"ece_after", calibration.ece_after}};
  write_file_atomic(open_checkpoint(run), kFile, json.dump(2) + "\n");
}

std::optional<Calibration> read_calibration(const std::filesystem::path& run) {
  const std::filesystem::path path = find_checkpoint(run) / kFile;
  std::error_code code;
  if (!std::filesystem::exists(path, code)) return std::nullopt;
  try {
    const JsonFields fields = JsonFields::of_file(path);
    Calibration calibration = {.temperature = fields.number("temperature"),
                               .split = fields.text("split"),
                               .posts = fields.integer("posts"),
                               .data = fields.has("data") ? fields.text("data") : "",
                               .data_sha256 = fields.text("data_sha256"),
                               .loss_before = loss_of(fields, "loss_before"),
                               .loss_after = loss_of(fields, "loss_after"),
                               .ece_before = loss_of(fields, "ece_before"),
                               .ece_after = loss_of(fields, "ece_after")};
    if (!(calibration.temperature > 0)) fields.refuse("temperature", "a number above 0");
    return calibration;
  } catch (const CheckpointError& error) {
    throw CheckpointError(fmt::format("{}; write it anew with evaluate --fit-temperature", error.what()));
  }
}

}  // namespace infig
