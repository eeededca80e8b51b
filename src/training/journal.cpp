#include "training/journal.h"

#include <fmt/format.h>

#include <map>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "data/rows.h"

namespace infig {
namespace fs = std::filesystem;
using nlohmann::json;
namespace {

// Keeps the lines up to a step, so that a resumed run's file is the one it would have been.
void keep_lines(const fs::path& path, int64_t last_step) {
  if (!fs::exists(path)) return;
  std::ifstream in(path);
  std::string kept, line;
  while (std::getline(in, line)) {
    const json parsed = json::parse(line, nullptr, false);
    if (parsed.is_discarded() || parsed.value("step", int64_t{0}) > last_step) continue;
    kept += line + "\n";
  }
  write_file_atomic(path, kept);
}

void append_line(std::ofstream& out, const fs::path& path, const json& line) {
  out << line.dump() << "\n" << std::flush;
  if (!out) throw ResourceError(fmt::format("{}: writing failed; is the disk full?", path.string()));
}

}  // namespace

Journal::Journal(fs::path run, int64_t from_step, bool tensorboard) : run_(std::move(run)) {
  for (const char* name : {"metrics.jsonl", "timings.jsonl"}) {
    if (from_step >= 0) keep_lines(run_ / name, from_step);
  }
  const auto mode = from_step >= 0 ? std::ios::app : std::ios::trunc;
  metrics_.open(run_ / "metrics.jsonl", mode);
  timings_.open(run_ / "timings.jsonl", mode);
  if (!metrics_ || !timings_)
    throw ResourceError(fmt::format("{}: metrics.jsonl cannot be written; is the folder read-only?", run_.string()));
  if (tensorboard) events_.emplace(run_ / "tensorboard", from_step);
}

void Journal::write_metrics(const json& line) {
  append_line(metrics_, run_ / "metrics.jsonl", line);
  if (events_) events_->write(line);
}
void Journal::sync() { sync_path(run_ / "metrics.jsonl"); }
void Journal::write_timing(const json& line) { append_line(timings_, run_ / "timings.jsonl", line); }

void Journal::write_bad_pictures(const std::vector<BadPicture>& pictures) {
  if (pictures.size() == written_bad_pictures_) return;
  written_bad_pictures_ = pictures.size();
  std::string table = "id,file,status,reason\n";
  std::map<std::string, int64_t> counts;
  for (const auto& picture : pictures) {
    table += fmt::format("{},{},{},{}\n", csv_cell(picture.id), csv_cell(picture.file), picture.status, csv_cell(picture.reason));
    ++counts[picture.status];
  }
  write_file_atomic(run_ / "bad-pictures.csv", table);
  std::string summary;
  for (const auto& [status, count] : counts) summary += fmt::format("{}{} {}", summary.empty() ? "" : ", ", count, status);
  log_warning("pictures that are not whole: {} (listed in {})", summary, (run_ / "bad-pictures.csv").string());
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

// [steps, steps of each part.., loss, classification, sum of each part.., grad_norm]
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
