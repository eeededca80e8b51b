#include "data/prepare_common.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/progress.h"
#include "data/data_set.h"
#include "data/rows.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

void write_notes(const fs::path& path, const std::vector<PostNote>& notes) {
  std::string bytes = "id,reason\n";
  for (const auto& note : notes) bytes += fmt::format("{},{}\n", csv_cell(note.id), csv_cell(note.reason));
  write_file_atomic(path, bytes);
}

std::string picture_name(const Post& post) {
  std::string extension = post.image.file.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return post.id + extension;
}

}  // namespace

void PrepareLog::note(const std::string& id, const std::string& kind, const std::string& detail) {
  report_.notes.push_back({id, detail.empty() ? kind : fmt::format("{}: {}", kind, detail)});
  const auto [place, fresh] = kinds_.try_emplace(kind, report_.noted.size());
  if (fresh) report_.noted.emplace_back(kind, 0);
  ++report_.noted[place->second].second;
}

void stop_if_asked(const std::atomic<int>* stop) {
  if (stop == nullptr || *stop == 0) return;
  throw Interrupted(fmt::format("stopped by signal {}; nothing was written", stop->load()), 128 + *stop);
}

std::vector<Post> place_pictures(std::vector<Post> posts, DataSetTarget& target, const PrepareOptions& options, PrepareLog& log) {
  std::vector<Post> kept;
  kept.reserve(posts.size());
  ProgressBar bar("pictures", static_cast<int64_t>(posts.size()), "pictures");
  int64_t done = 0;
  for (auto& post : posts) {
    stop_if_asked(options.stop);
    bar.update(++done);
    const fs::path raw = post.image.file;
    if (!raw.empty()) post.image = target.add_picture(raw, picture_name(post), options.pictures);
    if (post.text.empty() && post.image.empty()) {
      log.drop(post.id, raw.empty() ? "neither text nor picture" : fmt::format("no text, and no readable file {}", raw.string()));
      continue;
    }
    if (post.image.empty())
      log.note(post.id, "picture absent", raw.empty() ? "the raw files name none" : fmt::format("no readable file {}", raw.string()));
    if (post.text.empty()) log.note(post.id, "text absent");
    kept.push_back(std::move(post));
  }
  bar.finish();
  log.count("posts with a text or a picture", kept.size());
  return kept;
}

void finish_data_set(const DataSet& data, nlohmann::json rules, DataSetTarget& target, const PrepareLog& log) {
  const PrepareReport& report = log.report();
  rules["counts"] = nlohmann::json::array();
  for (const auto& [rule, left] : report.counts) rules["counts"].push_back({{"rule", rule}, {"posts", left}});
  rules["dropped"] = report.dropped.size();
  rules["noted"] = nlohmann::json::object();
  for (const auto& [kind, count] : report.noted) rules["noted"][kind] = count;
  write_data_set(data, rules, target.folder());
  write_notes(target.folder() / "dropped.csv", report.dropped);
  if (!report.notes.empty()) write_notes(target.folder() / "notes.csv", report.notes);
  target.keep();
}

}  // namespace infig
