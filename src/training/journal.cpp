#include "training/journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <sstream>
#include <system_error>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "core/log.h"
#include "core/words.h"
#include "data/rows.h"

namespace infig {
namespace fs = std::filesystem;
using nlohmann::json;
namespace {

// Keeps only the lines up to a step, so that the file of a resumed run equals that of an uninterrupted one.
void keep_lines(const GuardedFolder& run, const char* name, int64_t last_step) {
  if (run.kind(name) == GuardedFolder::Kind::kAbsent) return;
  std::istringstream in(run.read(name));
  std::string kept, line;
  while (std::getline(in, line)) {
    const json parsed = parse_foreign_json(line);
    const auto step = parsed.is_object() ? parsed.find("step") : parsed.end();
    if (!parsed.is_object() || step == parsed.end() || !step->is_number() || step->get<double>() > static_cast<double>(last_step)) continue;
    kept += line + "\n";
  }
  write_file_atomic(run, name, kept);
}

int open_journal(const GuardedFolder& run, const char* name, bool append) {
  const int descriptor = run.open(name, O_WRONLY | O_CREAT | O_APPEND | (append ? 0 : O_TRUNC));
  if (descriptor >= 0) return descriptor;
  throw ResourceError(
      fmt::format("{}: cannot be written: {}; is the folder read-only?", (run.path() / name).string(), system_words(errno)));
}

void append_line(std::ostream& out, const fs::path& path, const json& line) {
  out << line.dump() << "\n" << std::flush;
  if (!out)
    throw ResourceError(
        fmt::format("{}: writing failed; is the disk full? Free some space and continue with --resume latest", path.string()));
}

}  // namespace

Journal::Journal(const fs::path& run, int64_t from_step, bool tensorboard) : folder_(run) {
  for (const char* name : {"metrics.jsonl", "timings.jsonl"}) {
    if (from_step >= 0) keep_lines(folder_, name, from_step);
  }
  metrics_.emplace(open_journal(folder_, "metrics.jsonl", from_step >= 0));
  timings_.emplace(open_journal(folder_, "timings.jsonl", from_step >= 0));
  if (tensorboard) events_.emplace(folder_.make("tensorboard"), from_step);
}

void Journal::write_metrics(const json& line) {
  append_line(*metrics_, folder_.path() / "metrics.jsonl", line);
  if (events_) events_->write(line);
}
void Journal::sync() {
  if (::fsync(metrics_->descriptor()) == 0 || errno == EINVAL) return;
  throw ResourceError(fmt::format("{}: cannot be flushed: {}", (folder_.path() / "metrics.jsonl").string(), system_words(errno)));
}
void Journal::write_timing(const json& line) { append_line(*timings_, folder_.path() / "timings.jsonl", line); }

void Journal::write_bad_pictures(const std::vector<BadPicture>& found) {
  std::vector<BadPicture> pictures = found;
  std::erase_if(pictures, [](const BadPicture& picture) { return picture.file.empty(); });  // the post names no picture
  if (pictures.size() == written_bad_pictures_) return;
  written_bad_pictures_ = pictures.size();
  std::string table = "id,file,status,reason\n";
  std::map<std::string, int64_t> counts;
  for (const auto& picture : pictures) {
    table += fmt::format("{},{},{},{}\n", csv_cell(picture.id), csv_cell(picture.file), picture.status, csv_cell(picture.reason));
    ++counts[picture.status];
  }
  write_file_atomic(folder_, "bad-pictures.csv", table);
  std::string summary;
  for (const auto& [status, count] : counts) summary += fmt::format("{}{} {}", summary.empty() ? "" : ", ", count, spoken(status));
  log_warning("pictures that are not whole: {} (listed in {})", summary, (folder_.path() / "bad-pictures.csv").string());
}

LossWindow::LossWindow(const std::vector<std::string>& names) {
  for (const std::string& name : names) parts_.push_back({.name = name});
}

void LossWindow::clear() {
  steps_ = 0;
  loss_ = classification_ = grad_norm_ = 0;
  for (Part& part : parts_) part = {.name = part.name};
}

void LossWindow::add(const StepResult& step) {
  ++steps_;
  loss_ += step.loss;
  classification_ += step.classification;
  grad_norm_ += step.grad_norm;
  for (Part& part : parts_) {
    const LossValue& value = step.part(part.name);
    if (value.count == 0) continue;
    ++part.steps;
    part.sum += value.value;
  }
}

json LossWindow::line() const {
  const auto mean = [](double sum, int64_t count) { return sum / static_cast<double>(count); };
  json line = {
      {"loss", mean(loss_, steps_)}, {"loss_classification", mean(classification_, steps_)}, {"grad_norm", mean(grad_norm_, steps_)}};
  for (const Part& part : parts_) {
    if (part.steps > 0) line["loss_" + part.name] = mean(part.sum, part.steps);
  }
  return line;
}

std::string LossWindow::note() const {
  if (empty()) return "";
  const json means = line();
  std::string note = fmt::format("loss {:.3f} ce {:.3f}", means["loss"].get<double>(), means["loss_classification"].get<double>());
  for (const Part& part : parts_) {
    if (part.steps > 0) note += fmt::format(" {} {:.3f}", part.name, means["loss_" + part.name].get<double>());
  }
  return note;
}

// [steps, steps of each part..., loss, classification, sum of each part..., grad_norm]
json LossWindow::state() const {
  json state = json::array({steps_});
  for (const Part& part : parts_) state.push_back(part.steps);
  state.push_back(loss_);
  state.push_back(classification_);
  for (const Part& part : parts_) state.push_back(part.sum);
  state.push_back(grad_norm_);
  return state;
}

void LossWindow::restore(const json& state) {
  if (!state.is_array() || state.size() != 4 + 2 * parts_.size()) return;
  for (const json& number : state) {
    if (!number.is_number()) return;  // a sum that was not finite became null in JSON: start with an empty window
  }
  const size_t sums = 3 + parts_.size();
  steps_ = state[0];
  for (size_t i = 0; i < parts_.size(); ++i) {
    parts_[i].steps = state[1 + i];
    parts_[i].sum = state[sums + i];
  }
  loss_ = state[sums - 2];
  classification_ = state[sums - 1];
  grad_norm_ = state.back();
}

}  // namespace infig
