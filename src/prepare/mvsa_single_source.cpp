#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "core/error.h"
#include "core/files.h"
#include "data/mvsa.h"
#include "data/split.h"
#include "prepare/prepare.h"
#include "prepare/raw_files.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

constexpr const char* kSingleLabelFile = "labelResultAll.txt";

struct RawMvsa {
  fs::path data;        // data/: <ID>.txt and <ID>.jpg; empty: there are no raw files
  fs::path label_file;  // empty: absent
};

RawMvsa find_raw(const fs::path& raw, bool labels_needed) {
  if (raw.empty()) return {};
  if (!fs::is_directory(raw)) throw DataError(fmt::format("{}: no such folder; --raw names MVSA_Single/ or its parent", raw.string()));
  for (const fs::path& folder : {raw, raw / "MVSA_Single", raw / "MVSA-Single"}) {
    if (!fs::is_directory(folder / "data")) continue;
    RawMvsa found{.data = folder / "data", .label_file = folder / kSingleLabelFile};
    if (!fs::exists(found.label_file)) {
      if (labels_needed) {
        throw DataError(fmt::format("{}: is absent; put the file of the download there, or give --splits with the public split files",
                                    found.label_file.string()));
      }
      found.label_file.clear();
    }
    return found;
  }
  throw DataError(
      fmt::format("{}: holds no folder data/ (nor MVSA_Single/data/) with <ID>.jpg and <ID>.txt; --raw names MVSA_Single/ or its parent",
                  raw.string()));
}

// A post that is going to be in the data set, with what the split files say of it.
struct Candidate {
  std::string id;
  int64_t label_id = 0;
  Split split = Split::kTrain;
  std::optional<std::string> public_text = {};
  std::vector<RawNote> notes = {};
};

class MvsaSingleSource : public PostSource {
 public:
  MvsaSingleSource(const fs::path& raw, const fs::path& splits_folder, const PrepareOptions& options)
      : options_(options), files_(find_raw(raw, splits_folder.empty())) {
    facts_.name = "mvsa-single";
    facts_.labels = mvsa_labels();
    if (!splits_folder.empty()) splits_ = read_public_splits(splits_folder, static_cast<int64_t>(mvsa_labels().size()));
    if (!files_.label_file.empty()) {
      apply_label_rule(parse_mvsa_single_labels(read_file(files_.label_file), files_.label_file.string()));
      facts_.inputs.push_back(hash_input(files_.label_file, kSingleLabelFile));
    }
    for (const auto& split : splits_) facts_.inputs.push_back(hash_input(split.file, "splits/" + split.file.filename().string()));
    if (splits_.empty()) {
      draw_splits();
    } else {
      follow_splits();
    }
    describe_rules();
    if (options.images.empty() && files_.data.empty()) facts_.pictures_absent = "no --raw and no --images were given";
    if (!options.images.empty() && !fs::is_directory(options.images))
      facts_.pictures_absent = fmt::format("the folder {} is absent", options.images.string());
    splits_.clear();  // their texts went to the candidates
  }

  const SourceFacts& facts() const override { return facts_; }
  int64_t size() const override { return static_cast<int64_t>(candidates_.size()); }

  RawPost read(int64_t i) const override {
    const Candidate& candidate = candidates_.at(static_cast<size_t>(i));
    RawPost post{.id = candidate.id, .text = "", .label_id = candidate.label_id, .split = candidate.split, .notes = candidate.notes};
    const fs::path pictures = options_.images.empty() ? files_.data : options_.images;
    post.picture.file = pictures / (candidate.id + ".jpg");  // named all the same where there is no folder
    const fs::path file = files_.data / (candidate.id + ".txt");
    if (!files_.data.empty() && fs::exists(file)) {
      post.text = read_raw_text(file, options_.text_decode);
      if (candidate.public_text && *candidate.public_text != post.text)
        post.notes.push_back({"text differs from the split file's (the raw file's is kept)"});
    } else if (candidate.public_text) {
      post.text = *candidate.public_text;
      if (!files_.data.empty()) post.notes.push_back({"raw text absent (the split file's is taken)"});
    }
    return post;
  }

  void each_dropped(const DroppedSink& sink) const override {
    for (const auto& [id, reason] : dropped_) sink(id, reason);
  }

 private:
  void count(const std::string& rule, size_t left) { facts_.counts.push_back({rule, static_cast<int64_t>(left)}); }

  void apply_label_rule(const std::vector<MvsaLabelRow>& rows) {
    std::set<std::string> in_splits;
    for (const auto& split : splits_) {
      for (const auto& row : split.rows) in_splits.insert(row.id);
    }
    for (const auto& row : rows) {
      if (const auto label = joint_label(row.text_label, row.image_label)) {
        candidates_.push_back({.id = row.id, .label_id = mvsa_label_id(*label)});
      } else if (!in_splits.contains(row.id)) {
        dropped_.emplace_back(row.id, fmt::format("text label {}, image label {}", row.text_label, row.image_label));
      }
    }
    count("rows in labelResultAll.txt", rows.size());
    count("left by the label rule (positive against negative is dropped)", candidates_.size());
  }

  void follow_splits() {
    const bool has_rule = !files_.label_file.empty();
    std::map<std::string, int64_t> rule_labels;
    for (const auto& candidate : candidates_) rule_labels[candidate.id] = candidate.label_id;
    std::vector<Candidate> kept;
    for (auto& split : splits_) {
      for (auto& row : split.rows) {
        Candidate post{.id = row.id, .label_id = row.label_id, .split = split.split, .public_text = std::move(row.text)};
        const auto found = rule_labels.find(row.id);
        if (found != rule_labels.end() && found->second != row.label_id) {
          post.notes.push_back({"label differs from the label rule's (the split file's is kept)",
                                fmt::format("{} in {}, {} by rule", mvsa_labels()[static_cast<size_t>(row.label_id)],
                                            split.file.filename().string(), mvsa_labels()[static_cast<size_t>(found->second)])});
        }
        if (found == rule_labels.end() && has_rule)
          post.notes.emplace_back().kind = "no label by the label rule (the split file's is kept)";
        if (found != rule_labels.end()) rule_labels.erase(found);
        kept.push_back(std::move(post));
      }
    }
    for (const auto& candidate : candidates_) {
      if (rule_labels.contains(candidate.id)) dropped_.emplace_back(candidate.id, "in none of the split files");
    }
    candidates_ = std::move(kept);
    count("named by the split files", candidates_.size());
  }

  void draw_splits() {
    std::vector<int32_t> labels;
    for (const auto& candidate : candidates_) labels.push_back(static_cast<int32_t>(candidate.label_id));
    const auto drawn = draw_stratified_split(labels, static_cast<int64_t>(facts_.labels.size()), options_.seed);
    for (size_t i = 0; i < drawn.size(); ++i) candidates_[i].split = drawn[i];
  }

  void describe_rules() {
    const bool has_label_file = !files_.label_file.empty();
    facts_.rules = {{"source", "mvsa-single"},
                    {"text_decode", text_decode_name(options_.text_decode)},
                    {"label_rule", "equal labels: that label; one neutral: the other; positive against negative: dropped"},
                    {"label_source", splits_.empty()  ? kSingleLabelFile
                                     : has_label_file ? "split files, checked by the label rule"
                                                      : "split files"}};
    if (splits_.empty()) {
      facts_.rules["split"] = {{"drawn", "80/10/10 by label"}, {"seed", options_.seed}};
      return;
    }
    facts_.rules["split"] = nlohmann::ordered_json::object();
    for (const auto& split : splits_)
      facts_.rules["split"][split_name(split.split)] = {{"file", split.file.filename().string()}, {"sha256", sha256_file(split.file)}};
  }

  const PrepareOptions& options_;
  RawMvsa files_;
  std::vector<PublicSplit> splits_;
  std::vector<Candidate> candidates_;
  std::vector<std::pair<std::string, std::string>> dropped_;
  SourceFacts facts_;
};

}  // namespace

PrepareReport prepare_mvsa_single(const fs::path& raw, const fs::path& splits, const fs::path& out, const PrepareOptions& options) {
  if (raw.empty() && splits.empty()) throw ConfigError("raw: give --raw (MVSA_Single/), or --splits with the public split files, or both");
  PrepareJob job{.kind = "mvsa-single", .raw = raw, .clean_text = TextCleaning::kMultiSentiNet, .wants = wants_posts};
  job.options = {{"seed", options.seed}, {"text_decode", text_decode_name(options.text_decode)}};
  job.paths = {{"splits", splits.empty() ? "" : fs::absolute(splits).lexically_normal().string()}};
  job.open = [&](const fs::path& folder, const fs::path&) { return std::make_unique<MvsaSingleSource>(folder, splits, options); };
  return prepare_data_set(job, out, options);
}

}  // namespace infig
