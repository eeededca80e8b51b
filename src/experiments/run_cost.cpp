#include "experiments/run_cost.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

#include "archive/weight_archive.h"
#include "core/files.h"
#include "core/guarded_folder.h"
#include "core/json.h"

namespace infig {
namespace {

namespace fs = std::filesystem;

// Every object of a file with one a line; what is none is left out, as a killed run may leave half of one.
void each_timing(const fs::path& run, const std::function<void(const nlohmann::json&)>& take) {
  if (!fs::exists(run / "timings.jsonl")) return;
  const std::string bytes = read_file(run / "timings.jsonl");
  for (size_t begin = 0; begin < bytes.size();) {
    const size_t end = std::min(bytes.find('\n', begin), bytes.size());
    const nlohmann::json line = parse_foreign_json(std::string_view(bytes).substr(begin, end - begin));
    if (line.is_object() && line.contains("seconds") && line.at("seconds").is_number()) take(line);
    begin = end + 1;
  }
}

double number_of(const nlohmann::json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_number() ? found->get<double>() : 0;
}

// BatchNorm's running statistics are stored with the parameters but are not counted.
bool is_parameter(const std::string& name) {
  return !name.ends_with("running_mean") && !name.ends_with("running_var") && !name.ends_with("num_batches_tracked");
}

fs::path speed_file(const std::string& split) { return fs::path("eval") / fmt::format("{}-speed.json", split); }

}  // namespace

double train_seconds_of(const fs::path& run) {
  double seconds = 0;
  each_timing(run, [&](const nlohmann::json& line) { seconds += number_of(line, "seconds"); });
  return seconds;
}

int64_t parameters_of(const fs::path& checkpoint) {
  const WeightArchive archive = open_archive(checkpoint / "model.safetensors");
  int64_t count = 0;
  for (const auto& [name, view] : archive.tensors()) {
    if (!is_parameter(name)) continue;
    int64_t size = 1;
    for (const int64_t side : view.shape) size *= side;
    count += size;
  }
  return count;
}

RunCost read_run_cost(const fs::path& run, const std::string& split) {
  RunCost cost;
  double posts = 0;
  each_timing(run, [&](const nlohmann::json& line) {
    cost.train_seconds += number_of(line, "seconds");
    posts += number_of(line, "seconds") * number_of(line, "posts_per_second");
  });
  if (cost.train_seconds > 0) cost.train_rate = posts / cost.train_seconds;
  const fs::path best = run / "checkpoints" / "best";
  if (fs::exists(best / "model.safetensors")) cost.parameters = parameters_of(best);
  if (fs::exists(run / speed_file(split))) {
    const nlohmann::json speed = parse_foreign_json(read_file(run / speed_file(split)));
    if (speed.is_object()) cost.predict_rate = number_of(speed, "posts_per_second");
  }
  return cost;
}

void write_speed(const fs::path& run, const std::string& split, int64_t posts, double seconds) {
  if (posts < 1 || seconds <= 0) return;
  const nlohmann::ordered_json json{{"posts", posts}, {"seconds", seconds}, {"posts_per_second", static_cast<double>(posts) / seconds}};
  const GuardedFolder folder(run);
  folder.make("eval");
  write_file_atomic(folder, speed_file(split), json.dump() + "\n");
}

}  // namespace infig
