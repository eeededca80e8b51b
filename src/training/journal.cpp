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
#include "data/rows.h"

namespace infig {
namespace fs = std::filesystem;
using nlohmann::json;
namespace {

// Keeps the lines up to a step, so that a resumed run's file is the one it would have been.
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
  throw ResourceError(fmt::format("{}: cannot be written: {}; is the folder read-only?", (run.path() / name).string(),
                                  std::generic_category().message(errno)));
}

void append_line(std::ostream& out, const fs::path& path, const json& line) {
  out << line.dump() << "\n" << std::flush;
  if (!out) throw ResourceError(fmt::format("{}: writing failed; is the disk full?", path.string()));
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
  throw ResourceError(
      fmt::format("{}: cannot be flushed: {}", (folder_.path() / "metrics.jsonl").string(), std::generic_category().message(errno)));
}
void Journal::write_timing(const json& line) { append_line(*timings_, folder_.path() / "timings.jsonl", line); }

void Journal::write_bad_pictures(const std::vector<BadPicture>& pictures) {
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
  for (const auto& [status, count] : counts) summary += fmt::format("{}{} {}", summary.empty() ? "" : ", ", count, status);
  log_warning("pictures that are not whole: {} (listed in {})", summary, (folder_.path() / "bad-pictures.csv").string());
}

void LossWindow::add(const StepResult& step) {
  ++steps_;
  loss_ += step.loss;
  classification_ += step.classification;
  grad_norm_ += step.grad_norm;
  if (step.gam_count > 0) {
    ++gam_steps_;
    gam_ += step.gam;
  }
  if (step.hfam_count > 0) {
    ++hfam_steps_;
    hfam_ += step.hfam;
  }
}

json LossWindow::line() const {
  const auto mean = [](double sum, int64_t count) { return sum / static_cast<double>(count); };
  json line = {
      {"loss", mean(loss_, steps_)}, {"loss_classification", mean(classification_, steps_)}, {"grad_norm", mean(grad_norm_, steps_)}};
  if (gam_steps_ > 0) line["loss_gam"] = mean(gam_, gam_steps_);
  if (hfam_steps_ > 0) line["loss_hfam"] = mean(hfam_, hfam_steps_);
  return line;
}

std::string LossWindow::note() const {
  if (empty()) return "";
  const json means = line();
  std::string note = fmt::format("loss {:.3f} ce {:.3f}", means["loss"].get<double>(), means["loss_classification"].get<double>());
  if (means.contains("loss_gam")) note += fmt::format(" gam {:.3f}", means["loss_gam"].get<double>());
  if (means.contains("loss_hfam")) note += fmt::format(" hfam {:.3f}", means["loss_hfam"].get<double>());
  return note;
}

json LossWindow::state() const { return json::array({steps_, gam_steps_, hfam_steps_, loss_, classification_, gam_, hfam_, grad_norm_}); }

void LossWindow::restore(const json& state) {
  if (!state.is_array() || state.size() != 8) return;
  for (const json& number : state) {
    if (!number.is_number()) return;  // a sum that is not finite has no number in JSON: the window begins anew
  }
  steps_ = state[0];
  gam_steps_ = state[1];
  hfam_steps_ = state[2];
  loss_ = state[3];
  classification_ = state[4];
  gam_ = state[5];
  hfam_ = state[6];
  grad_norm_ = state[7];
}

}  // namespace infig
