#include "run/description.h"

#include "core/json_fields.h"

namespace infig {

RunDescription read_run_description(const std::filesystem::path& run) {
  const JsonFields fields = JsonFields::of_file(run / "description.json");
  RunDescription description;
  if (fields.has("data_sha256")) description.data_sha256 = fields.text("data_sha256");
  if (fields.has("features")) {
    const JsonFields features = fields.object("features");
    for (const auto& [key, unused] : features.json().items()) {
      const std::string folder = features.text(key);  // of the cache: a name, never a way out of it
      if (folder.empty() || folder.starts_with('.') || folder.find('/') != std::string::npos || folder.find('\0') != std::string::npos)
        features.refuse(key, "the name of a folder in the cache");
      description.features[key] = folder;
    }
  }
  if (fields.has("commands")) {
    for (const auto& command : fields.json().at("commands")) {
      if (!command.is_string()) fields.refuse("commands", "a list of commands");
      description.commands.push_back(command.get<std::string>());
    }
  } else if (fields.has("command")) {
    description.commands = {fields.text("command")};
  }
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
