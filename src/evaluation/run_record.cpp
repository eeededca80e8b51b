#include "evaluation/run_record.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <system_error>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "run/checkpoints.h"

namespace infig {
namespace {

void add_line(const nlohmann::json& line, std::map<std::string, MetricSeries>& metrics) {
  const double step = line.at("step").get<double>();
  const double epoch = line.value("epoch", 0.0);
  for (const auto& [key, value] : line.items()) {
    if (key == "step" || key == "epoch" || !value.is_number() || !std::isfinite(value.get<double>())) continue;
    auto& series = metrics[key];
    while (!series.step.empty() && series.step.back() >= step) {
      series.step.pop_back();
      series.epoch.pop_back();
      series.value.pop_back();
    }
    series.step.push_back(step);
    series.epoch.push_back(epoch);
    series.value.push_back(value.get<double>());
  }
}

// Only regular files: reading from a pipe could block forever.
std::string read_record_file(const std::filesystem::path& path) {
  std::error_code code;
  if (std::filesystem::exists(path, code) && !std::filesystem::is_regular_file(path, code))
    throw DataError(fmt::format("{}: is no regular file", path.string()));
  return read_file(path);
}

// `left` limits the number of nodes: with nested aliases a small file can expand to a huge one.
void flatten(const YAML::Node& node, const std::string& prefix, std::vector<std::pair<std::string, std::string>>& leaves, int64_t& left) {
  if (--left < 0) throw YAML::Exception(node.Mark(), "more than 10000 entries; no config of a run has that many");
  if (node.IsMap()) {
    for (const auto& entry : node) {
      const auto key = entry.first.as<std::string>();
      flatten(entry.second, prefix.empty() ? key : fmt::format("{}.{}", prefix, key), leaves, left);
    }
    return;
  }
  YAML::Emitter emitter;
  emitter << YAML::Flow << node;
  leaves.emplace_back(prefix, emitter.c_str());
}

// Returns the value of a key as text, whatever its type; "" if it is missing or null.
std::string text_of(const nlohmann::json& object, const std::string& key) {
  if (!object.contains(key) || object.at(key).is_null()) return "";
  const auto& value = object.at(key);
  return value.is_string() ? value.get<std::string>() : value.dump();
}

}  // namespace

std::map<std::string, MetricSeries> read_metrics(const std::filesystem::path& path) {
  const std::string bytes = read_record_file(path);
  std::map<std::string, MetricSeries> metrics;
  int64_t number = 0;
  for (size_t begin = 0; begin < bytes.size();) {
    ++number;
    const size_t newline = bytes.find('\n', begin);
    const bool cut_short = newline == std::string::npos;
    const auto line = bytes.substr(begin, cut_short ? newline : newline - begin);
    begin = cut_short ? bytes.size() : newline + 1;
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    try {
      add_line(parse_foreign_json(line), metrics);
    } catch (const nlohmann::json::exception& error) {
      if (cut_short) break;
      throw DataError(
          fmt::format("{}, line {}: expected a JSON object with a number `step` ({})", path.string(), number, json_fault(error)));
    }
  }
  return metrics;
}

std::string RunRecord::setting(const std::string& key) const {
  for (const auto& [name_of_key, value] : config) {
    if (name_of_key == key) return value;
  }
  return "";
}

RunRecord read_run_record(const std::filesystem::path& run_folder) {
  RunRecord record;
  record.name = last_name(std::filesystem::weakly_canonical(run_folder));

  const auto description_path = run_folder / "description.json";
  const std::string description_bytes = read_record_file(description_path);
  try {
    const auto description = parse_foreign_json(description_bytes);
    if (description.is_discarded())
      throw DataError(fmt::format("{}: not JSON ({})", description_path.string(), foreign_json_fault(description_bytes)));
    if (!description.is_object()) throw DataError(description_path.string() + ": expected a JSON object");
    record.preset = text_of(description, "preset");
    record.seed = text_of(description, "seed");
    record.version = text_of(description, "infig_version");
    if (record.version.empty()) record.version = text_of(description, "version");
    record.git = text_of(description, "git");
    if (description.contains("commands")) record.commands = description.at("commands").get<std::vector<std::string>>();
    if (const std::string command = text_of(description, "command"); record.commands.empty() && !command.empty())
      record.commands = {command};
    record.data = text_of(description, "data");
    record.data_sha256 = text_of(description, "data_sha256");
    record.tokenizer = text_of(description, "tokenizer");
    if (description.contains("marks")) record.marks = description.at("marks").get<std::vector<std::string>>();
  } catch (const nlohmann::json::exception& error) {
    throw DataError(fmt::format("{}: not JSON ({})", description_path.string(), json_fault(error)));
  }

  const auto config_path = run_folder / "config.yaml";
  record.config_yaml = read_record_file(config_path);
  try {
    int64_t left = 10'000;
    flatten(YAML::Load(record.config_yaml), "", record.config, left);
  } catch (const YAML::Exception& error) {
    throw DataError(fmt::format("{}: line {}: {}", config_path.string(), error.mark.line + 1, error.msg));
  }
  if (record.seed.empty()) record.seed = record.setting("seed");
  if (std::filesystem::exists(run_folder / "metrics.jsonl")) record.metrics = read_metrics(run_folder / "metrics.jsonl");
  return record;
}

void check_run_record(const std::filesystem::path& run_folder, bool pages) {
  const std::filesystem::path checkpoint = find_checkpoint(run_folder);
  const bool described = std::filesystem::exists(run_folder / "description.json");
  if (checkpoint != run_folder && !described) {
    throw DataError(
        fmt::format("{}: description.json is absent, which says what the run was trained on; put it back, or evaluate its checkpoint as a "
                    "model without a history: --run {}",
                    run_folder.string(), checkpoint.lexically_normal().string()));
  }
  if (!described || !pages) return;
  try {
    static_cast<void>(read_run_record(run_folder));
  } catch (const DataError& error) {
    throw DataError(
        fmt::format("{}; report.html and model-card.md need it: put it back, or leave them out with --no-report", error.what()));
  }
}

}  // namespace infig
