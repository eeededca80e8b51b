#include "evaluation/stored.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <system_error>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "core/log.h"
#include "run/checkpoints.h"
#include "run/description.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

constexpr std::array<const char*, 3> kStoredSplits = {"test", "dev", "train"};
constexpr std::array<const char*, 3> kStoredParts = {"", "image", "text"};

// Turns a data set's name into a folder name.
std::string folder_name(const std::string& name) {
  constexpr size_t kMost = 80;
  std::string safe;
  for (const char c : name.substr(0, kMost)) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
    safe += plain ? c : '_';
  }
  if (safe.empty() || safe.front() == '.') safe.insert(0, "_");
  return safe;
}

bool is_plain_file(const fs::path& path) {
  std::error_code code;
  return fs::symlink_status(path, code).type() == fs::file_type::regular;
}

// Fills in data set and checkpoint from the file; returns false if the file is not an evaluation.
bool identify(const fs::path& path, StoredEvaluation& found) {
  const nlohmann::json json = parse_foreign_json(read_file(path));
  if (!json.is_object() || !json.contains("eval_accuracy")) {
    log_warning("{}: holds no evaluation and is left out; evaluate the run again to write it anew", path.string());
    return false;
  }
  const auto text = [&](const char* key) { return json.contains(key) && json.at(key).is_string() ? json.at(key).get<std::string>() : ""; };
  found.data = text("data");
  found.data_sha256 = text("data_sha256");
  found.checkpoint = text("checkpoint");
  return true;
}

}  // namespace

fs::path StoredEvaluation::path(const fs::path& run, const std::string& tail) const {
  return run / folder / (split + (without.empty() ? "" : "-without-" + without) + tail);
}

std::string trained_on(const fs::path& run) {
  if (!is_plain_file(run / "description.json")) return "";
  try {
    return read_run_description(run).data_sha256;
  } catch (const CheckpointError&) {
    return "";
  }
}

fs::path evaluation_folder(const fs::path& run, const std::string& name, const std::string& sha256) {
  if (sha256.empty() || trained_on(run) == sha256) return "eval";
  return fs::path("eval") / fmt::format("{}-{}", folder_name(name), sha256.substr(0, 8));
}

std::vector<StoredEvaluation> stored_evaluations(const fs::path& run) {
  std::vector<fs::path> folders = {"eval"};
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(run / "eval", code)) {
    if (entry.symlink_status(code).type() == fs::file_type::directory) folders.push_back(fs::path("eval") / entry.path().filename());
  }
  std::sort(folders.begin() + 1, folders.end());
  std::vector<StoredEvaluation> all;
  for (const fs::path& folder : folders) {
    for (const char* split : kStoredSplits) {
      for (const char* without : kStoredParts) {
        StoredEvaluation one{.folder = folder, .split = split, .without = without};
        const fs::path path = one.path(run, ".json");
        if (is_plain_file(path) && identify(path, one)) all.push_back(std::move(one));
      }
    }
  }
  return all;
}

std::vector<StoredEvaluation> find_evaluations(const fs::path& run, const std::string& split, const std::string& without,
                                               const std::string& word) {
  std::vector<StoredEvaluation> found;
  for (StoredEvaluation& one : stored_evaluations(run)) {
    if (one.split != split || one.without != without) continue;
    const bool meant = word.empty()
                           ? one.own()
                           : one.data == word || one.folder.filename() == word || (word.size() >= 8 && one.data_sha256.starts_with(word)) ||
                                 fmt::format("{}-{}", folder_name(one.data), one.data_sha256.substr(0, 8)) == word;
    if (meant) found.push_back(std::move(one));
  }
  return found;
}

std::string outdated_by(const fs::path& run, const StoredEvaluation& stored) {
  std::error_code code;
  if (!is_checkpoint_name(stored.checkpoint) || !fs::is_directory(run / "checkpoints", code)) return "";
  const std::string best = linked_checkpoint(GuardedFolder(run / "checkpoints"), "best").value_or("");
  return best == stored.checkpoint ? "" : best;
}

std::string data_words(const std::string& name, const std::string& sha256) {
  if (sha256.empty()) return "a data set that the file does not name";
  return fmt::format("{} (SHA-256 {}...)", name, sha256.substr(0, 8));
}

}  // namespace infig
