#include "run/trainer_state.h"

#include <fmt/format.h>

#include <cmath>

#include "core/error.h"
#include "core/json_fields.h"
#include "run/checkpoints.h"

namespace infig {
namespace fs = std::filesystem;
using nlohmann::json;
namespace {

// What trainer_state.json and trainer.safetensors hold. Counts up when an older program could not continue from a newer checkpoint.
constexpr int64_t kFormat = 1;

int64_t count(const JsonFields& fields, const char* key, int64_t least = 0) {
  const int64_t value = fields.integer(key);
  if (value < least || value > int64_t{1} << 53) fields.refuse(key, fmt::format("a number from {} to 2^53", least));
  return value;
}

int64_t count_if(const JsonFields& fields, const char* key) { return fields.has(key) ? count(fields, key) : 0; }

// Diverged scores are NaN, which JSON writes as null.
double score(const JsonFields& fields, const char* key) {
  const json& value = fields.value(key);
  return value.is_null() ? std::nan("") : fields.number(key);
}

std::vector<int64_t> read_planned(const JsonFields& fields) {
  if (!fields.has("planned_epochs")) return {};
  std::vector<int64_t> epochs = fields.integers("planned_epochs");
  for (size_t i = 0; i < epochs.size(); ++i) {
    if (epochs[i] <= (i == 0 ? 0 : epochs[i - 1]) || epochs[i] > int64_t{1} << 53)
      fields.refuse("planned_epochs", "a list of whole numbers from 1, each larger than the one before");
  }
  return epochs;
}

void check_history(const JsonFields& fields) {
  for (const json& line : fields.list("log_history")) {
    bool sound = line.is_object() && line.contains("step") && line["step"].is_number_integer();
    for (auto item = line.begin(); sound && item != line.end(); ++item) {
      sound = !item.key().starts_with("eval_") || item->is_number() || item->is_null() || item->is_structured();
    }
    if (!sound) fields.refuse("log_history", "a list of evaluations, each with a whole number step and numbers eval_...");
  }
}

void check_window(const JsonFields& fields) {
  const json& window = fields.value("window");
  if (window.is_null()) return;
  for (const json& number : fields.list("window")) {
    if (!number.is_number() && !number.is_null()) fields.refuse("window", "a list of numbers");
  }
}

}  // namespace

json TrainerState::to_json() const {
  return {{"format", kFormat},
          {"infig_version", INFIG_VERSION},
          {"global_step", global_step},
          {"epoch", epoch},
          {"batch_in_epoch", batch_in_epoch},
          {"planned_epochs", planned_epochs},
          {"best_metric", best_metric},
          {"best_f1_weighted", best_f1_weighted},
          {"best_step", best_step},
          {"best_model_checkpoint", best_step >= 0 ? json("checkpoints/" + checkpoint_name(best_step)) : json()},
          {"evaluations_without_gain", evaluations_without_gain},
          {"gain_metric", gain_metric},
          {"skipped_steps", skipped_steps},
          {"skipped_in_a_row", skipped_in_a_row},
          {"overflowed_steps", overflowed_steps},
          {"loss_scale", loss_scaler.scale},
          {"loss_scale_good_steps", loss_scaler.good_steps},
          {"finished", finished},
          {"window", window},
          {"log_history", log_history}};
}

TrainerState TrainerState::from_json(const json& stored, const std::string& where) {
  const JsonFields fields(stored, where);
  TrainerState state;
  state.global_step = count(fields, "global_step");
  state.epoch = count(fields, "epoch");
  state.batch_in_epoch = count(fields, "batch_in_epoch");
  state.planned_epochs = read_planned(fields);
  state.best_metric = score(fields, "best_metric");
  state.best_f1_weighted = score(fields, "best_f1_weighted");
  state.best_step = count(fields, "best_step", -1);
  state.evaluations_without_gain = count(fields, "evaluations_without_gain");
  state.gain_metric = stored.contains("gain_metric") ? score(fields, "gain_metric") : state.best_metric;  // before train.min_delta the same
  state.skipped_steps = count_if(fields, "skipped_steps");
  state.skipped_in_a_row = count_if(fields, "skipped_in_a_row");
  state.overflowed_steps = count_if(fields, "overflowed_steps");
  state.loss_scaler.scale = fields.number_if("loss_scale").value_or(state.loss_scaler.scale);
  if (!(state.loss_scaler.scale > 0)) fields.refuse("loss_scale", "a number above 0");
  state.loss_scaler.good_steps = count_if(fields, "loss_scale_good_steps");
  state.finished = fields.flag("finished");
  check_window(fields);
  check_history(fields);
  state.window = fields.value("window");
  state.log_history = fields.value("log_history");
  if (!state.scored())
    state.best_metric = state.best_f1_weighted = state.gain_metric = std::nan("");  // -1 in files of before there was a null
  return state;
}

TrainerState read_trainer_state(const fs::path& checkpoint) {
  const JsonFields fields = JsonFields::of_file(checkpoint / "trainer_state.json");
  return TrainerState::from_json(fields.json(), fields.where());
}

void check_checkpoint_format(const fs::path& checkpoint) {
  std::optional<JsonFields> state;
  try {
    state = JsonFields::of_file(checkpoint / "trainer_state.json");
  } catch (const CheckpointError&) {
    return;  // broken, not of another format
  }
  const json& all = state->json();
  if (!all.contains("format") || all["format"] == kFormat) return;
  const std::string version =
      all.contains("infig_version") && all["infig_version"].is_string() ? all["infig_version"].get<std::string>() : "?";
  throw CheckpointError(
      fmt::format("{}: written by infig {} in format {}, this is infig {}, which reads format {}; continue the run with that version, "
                  "or start another from its weights with --init-from",
                  state->where(), version, all["format"].dump(), INFIG_VERSION, kFormat));
}

std::string epoch_words(const TrainerState& state) {
  const bool between = state.batch_in_epoch == 0 && state.epoch > 0;
  return between ? fmt::format("after epoch {}", state.epoch) : fmt::format("in epoch {}", state.epoch + 1);
}

}  // namespace infig
