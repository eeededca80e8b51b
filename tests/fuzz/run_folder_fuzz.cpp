// A run folder of a stranger: a checkpoint's files up to the tensors, a cache of features, and links that lead out of it.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "archive/feature_file.h"
#include "core/files.h"
#include "core/json.h"
#include "fuzz/folder.h"
#include "run/calibration.h"
#include "run/checkpoints.h"
#include "run/description.h"
#include "run/stored_model.h"
#include "run/trainer_state.h"
#include "text/tokenizer.h"

namespace {

namespace fs = std::filesystem;
using namespace infig;

// Behind the length of a header no mutation gets far, so one is put in front of `header`, and zeros behind it as its offsets say.
void frame(const fs::path& header, const fs::path& to) {
  if (!fs::exists(header)) return;
  std::string text = read_file(header);
  uint64_t end = 0;
  const nlohmann::json entries = parse_foreign_json(text);
  if (entries.is_object()) {
    for (const auto& entry : entries) {
      const auto offsets = entry.is_object() ? entry.find("data_offsets") : entry.end();
      if (!entry.is_object() || offsets == entry.end() || !offsets->is_array() || offsets->size() != 2) continue;
      if (offsets->back().is_number_unsigned()) end = std::max(end, offsets->back().get<uint64_t>());
    }
  }
  std::string length(8, '\0');
  for (size_t i = 0; i < 8; ++i) length[i] = static_cast<char>(text.size() >> (8 * i) & 0xFF);
  const uintmax_t front = 8 + text.size();
  std::ofstream(to, std::ios::binary | std::ios::trunc) << length << text;
  if (end < uint64_t{1} << 20) fs::resize_file(to, front + end);
}

void read_model(const fs::path& path) {
  const StoredModel stored = read_checked_model(path);
  fuzz::require(stored.labels.size() >= 2, "a model has two labels at least");
  if (stored.model_type != "infig") return;
  const WeightArchive archive = open_archive(path / "model.safetensors");
  const auto rows = archive.tensors().find("head.classifier.weight");
  fuzz::require(rows != archive.tensors().end() && rows->second.shape.at(0) == static_cast<int64_t>(stored.labels.size()),
                "the classifier has a row a label");
}

void read_state(const fs::path& path) {
  check_checkpoint_format(path);
  const TrainerState state = read_trainer_state(path);
  fuzz::require(state.global_step >= 0 && state.epoch >= 0 && state.batch_in_epoch >= 0, "counts are counts");
  const TrainerState again = TrainerState::from_json(nlohmann::json::parse(state.to_json().dump()), "again");
  fuzz::require(again.global_step == state.global_step && again.log_history == state.log_history, "a state reads back");
}

void read_features(const fs::path& path) {
  const FeatureFile features(path, 4);
  if (features.row_bytes() > 1 << 20) return;
  std::vector<std::byte> bytes(4 * features.row_bytes());
  features.read(std::vector<int64_t>{3, 0, 2, 1}, bytes.data());
  for (const auto& [row, fault] : features.bad()) fuzz::require(row >= 0 && row < 4, "a bad picture is a row's");
}

// Each line "NAME TARGET" is a link of the run folder. Whatever they are, nothing outside changes.
class Links {
 public:
  Links() : folder_("fuzz-links") { fs::create_directory(folder_ / "outside"); }

  void run(const fs::path& list) {
    fs::remove_all(folder_ / "run");
    for (const char* name : {"eval", "checkpoints/step-000001", "cache"}) fs::create_directories(folder_ / "run" / name);
    std::ofstream(folder_ / "outside/file", std::ios::trunc) << "precious";
    std::istringstream lines(fs::exists(list) ? read_file(list) : "");
    std::error_code ignored;
    for (std::string name, target; lines >> name >> target;) {
      const fs::path plain = fs::path(name).lexically_normal();
      // Links of the folder alone. To the system a name ends at a zero byte: the rest would be the folder itself.
      if (plain.is_absolute() || plain.empty() || plain == "." || *plain.begin() == ".." || name.find('\0') != std::string::npos) continue;
      const fs::path place = folder_ / "run" / plain;
      if (inside(place.parent_path())) fs::remove_all(place, ignored);
      if (inside(place.parent_path())) fs::create_symlink(target.starts_with('/') ? "../outside/file" : target, place, ignored);
    }
    work(folder_ / "run");
    fuzz::require(read_file(folder_ / "outside/file") == "precious", "nothing outside is written");
    fuzz::require(std::distance(fs::directory_iterator(folder_ / "outside"), {}) == 1, "nothing outside is made or deleted");
  }

 private:
  bool inside(const fs::path& place) const {
    std::error_code code;
    const auto real = fs::canonical(place, code), root = fs::canonical(folder_ / "run");
    return !code && std::mismatch(root.begin(), root.end(), real.begin(), real.end()).first == root.end();
  }
  static void work(const fs::path& run) {
    const auto each = [&](const auto& step) { fuzz::attempt(run.string(), step); };
    each([&] { find_checkpoint(run); });
    each([&] { check_no_links(GuardedFolder(run)); });
    each([&] { write_file_atomic(GuardedFolder(run), "config.yaml", "x"); });
    each([&] { write_file_atomic(GuardedFolder(run).make("eval"), "file", "x"); });
    each([&] { write_file_atomic(GuardedFolder(run), "eval/inner/file", "x"); });
    each([&] {
      const int descriptor = GuardedFolder(run).open("train.log", O_WRONLY | O_CREAT | O_APPEND);
      if (descriptor < 0) return;
      DescriptorStream(descriptor) << "x";
    });
    each([&] { StagingFolder(GuardedFolder(run).make("checkpoints"), "step-000002").replace(); });
    each([&] { GuardedFolder(run).make("checkpoints").point_link("latest", "step-000002"); });
    each([&] { GuardedFolder(run).remove("cache"); });
    each([&] { GuardedFolder(run).remove("eval/inner"); });
  }
  reference::TemporaryFolder folder_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static fuzz::Folder folder{"config.json",
                             "model.safetensors",
                             "header",
                             "trainer_state.json",
                             "calibration.json",
                             "description.json",
                             "tokenizer_config.json",
                             "vocab.txt",
                             "tokenizer.json",
                             "words.json",
                             "features.json",
                             "features.safetensors",
                             "features_header",
                             "links"};
  static Links links;
  const fs::path path = folder.fill(fuzz::text_of(data, size));
  const bool has_model = fs::exists(path / "model.safetensors"), has_features = fs::exists(path / kFeatureTensors);
  if (!has_model) frame(path / "header", path / "model.safetensors");
  if (!has_features) frame(path / "features_header", path / kFeatureTensors);
  const std::string where = path.string();
  fuzz::attempt(where, [&] { read_model(path); });
  fuzz::attempt(where, [&] { read_state(path); });
  fuzz::attempt(where, [&] { read_calibration(path); });
  fuzz::attempt(where, [&] { read_run_description(path); });
  fuzz::attempt(where, [&] { read_features(path); });
  fuzz::attempt(where, [&] { load_tokenizer(path); });
  links.run(path / "links");
  std::error_code ignored;
  if (!has_model) fs::remove(path / "model.safetensors", ignored);
  if (!has_features) fs::remove(path / kFeatureTensors, ignored);
  return 0;
}
