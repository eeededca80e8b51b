#include "run/description.h"

#include "core/json_fields.h"

namespace infig {

RunDescription read_run_description(const std::filesystem::path& run) {
  const JsonFields fields = JsonFields::of_file(run / "description.json");
  RunDescription description;
  if (fields.has("data_sha256")) description.data_sha256 = fields.text("data_sha256");
  if (!fields.has("weights_sha256")) return description;
  const JsonFields weights = fields.object("weights_sha256");
  for (const auto& [key, unused] : weights.json().items()) {
    const JsonFields files = weights.object(key);
    for (const auto& [file, digest] : files.json().items()) files.text(file);
  }
  description.weights = weights.json();
  return description;
}

}  // namespace infig
