#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "core/error.h"
#include "core/files.h"
#include "core/progress.h"
#include "data/data_set.h"
#include "data/mvsa.h"
#include "data/prepare.h"
#include "data/prepare_common.h"
#include "data/split.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

constexpr const char* kLabelFile = "labelResultAll.txt";

struct RawMvsa {
  fs::path data;        // data/: <ID>.txt and <ID>.jpg
  fs::path label_file;  // empty: absent
};

RawMvsa find_raw(const fs::path& raw, bool labels_needed) {
  if (!fs::is_directory(raw)) throw DataError(fmt::format("{}: no such folder; --raw names MVSA_Single/ or its parent", raw.string()));
  for (const fs::path& folder : {raw, raw / "MVSA_Single", raw / "MVSA-Single"}) {
    if (!fs::is_directory(folder / "data")) continue;
    RawMvsa found{.data = folder / "data", .label_file = folder / kLabelFile};
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
  std::optional<std::string> public_text;
};

int64_t label_number(const std::string& label) {
  const auto& labels = mvsa_labels();
  return std::find(labels.begin(), labels.end(), label) - labels.begin();
}

std::vector<Candidate> apply_label_rule(const std::vector<MvsaLabelRow>& rows, const std::set<std::string>& in_splits, PrepareLog& log) {
  std::vector<Candidate> kept;
  for (const auto& row : rows) {
    if (const auto label = joint_label(row.text_label, row.image_label)) {
      kept.push_back({.id = row.id, .label_id = label_number(*label), .split = Split::kTrain, .public_text = std::nullopt});
    } else if (!in_splits.contains(row.id)) {
      log.drop(row.id, fmt::format("text label {}, image label {}", row.text_label, row.image_label));
    }
  }
  log.count("rows in labelResultAll.txt", rows.size());
  log.count("left by the label rule (positive against negative is dropped)", kept.size());
  return kept;
}

std::vector<Candidate> follow_splits(const std::vector<PublicSplit>& splits, const std::vector<Candidate>& by_rule, bool has_rule,
                                     PrepareLog& log) {
  std::map<std::string, int64_t> rule_labels;
  for (const auto& candidate : by_rule) rule_labels[candidate.id] = candidate.label_id;
  std::vector<Candidate> kept;
  for (const auto& split : splits) {
    for (const auto& row : split.rows) {
      kept.push_back({.id = row.id, .label_id = row.label_id, .split = split.split, .public_text = row.text});
      const auto found = rule_labels.find(row.id);
      if (found != rule_labels.end() && found->second != row.label_id) {
        log.note(row.id, "label differs from the label rule's (the split file's is kept)",
                 fmt::format("{} in {}, {} by rule", mvsa_labels()[static_cast<size_t>(row.label_id)], split.file.filename().string(),
                             mvsa_labels()[static_cast<size_t>(found->second)]));
      }
      if (found == rule_labels.end() && has_rule) log.note(row.id, "no label by the label rule (the split file's is kept)");
      if (found != rule_labels.end()) rule_labels.erase(found);
    }
  }
  for (const auto& candidate : by_rule) {
    if (rule_labels.contains(candidate.id)) log.drop(candidate.id, "in none of the split files");
  }
  log.count("named by the split files", kept.size());
  return kept;
}

std::string raw_text(const fs::path& file, TextDecode decode) {
  try {
    return decode_text(read_file(file), decode);
  } catch (const DataError& error) {
    throw DataError(fmt::format("{}: {}; another text decoding may fit (utf8_ignore never refuses)", file.string(), error.what()));
  }
}

std::vector<Post> load_posts(const std::vector<Candidate>& candidates, const fs::path& data, const PrepareOptions& options,
                             PrepareLog& log) {
  std::vector<Post> posts;
  ProgressBar bar("texts", static_cast<int64_t>(candidates.size()), "texts");
  for (const auto& candidate : candidates) {
    stop_if_asked(options.stop);
    Post post{.id = candidate.id,
              .text = "",
              .image = data / (candidate.id + ".jpg"),
              .label = mvsa_labels()[static_cast<size_t>(candidate.label_id)],
              .label_id = candidate.label_id,
              .split = candidate.split};
    const fs::path file = data / (candidate.id + ".txt");
    if (fs::exists(file)) {
      post.text = raw_text(file, options.text_decode);
      if (candidate.public_text && *candidate.public_text != post.text)
        log.note(post.id, "text differs from the split file's (the raw file's is kept)");
    } else if (candidate.public_text) {
      post.text = *candidate.public_text;
      log.note(post.id, "raw text absent (the split file's is taken)");
    }
    posts.push_back(std::move(post));
    bar.update(static_cast<int64_t>(posts.size()));
  }
  return posts;
}

nlohmann::json describe_rules(const std::vector<PublicSplit>& splits, bool has_label_file, const PrepareOptions& options) {
  nlohmann::json rules{{"source", "mvsa-single"},
                       {"text_decode", text_decode_name(options.text_decode)},
                       {"label_rule", "equal labels: that label; one neutral: the other; positive against negative: dropped"},
                       {"label_source", splits.empty()   ? kLabelFile
                                        : has_label_file ? "split files, checked by the label rule"
                                                         : "split files"}};
  if (splits.empty()) {
    rules["split"] = {{"drawn", "80/10/10 by label"}, {"seed", options.seed}};
  } else {
    rules["split"] = nlohmann::json::object();
    for (const auto& split : splits)
      rules["split"][split_name(split.split)] = {{"file", split.file.filename().string()}, {"sha256", sha256_file(split.file)}};
  }
  return rules;
}

}  // namespace

PrepareReport prepare_mvsa_single(const fs::path& raw, const fs::path& splits_folder, const fs::path& out, const PrepareOptions& options) {
  const RawMvsa files = find_raw(raw, splits_folder.empty());
  std::vector<PublicSplit> splits;
  std::set<std::string> in_splits;
  if (!splits_folder.empty()) splits = read_public_splits(splits_folder, static_cast<int64_t>(mvsa_labels().size()));
  for (const auto& split : splits) {
    for (const auto& row : split.rows) in_splits.insert(row.id);
  }
  PrepareLog log;
  std::vector<Candidate> candidates;
  if (!files.label_file.empty()) {
    candidates = apply_label_rule(parse_mvsa_single_labels(read_file(files.label_file), files.label_file.string()), in_splits, log);
  }
  if (!splits.empty()) candidates = follow_splits(splits, candidates, !files.label_file.empty(), log);

  DataSetTarget target(out, options.overwrite);
  DataSet data{
      .name = options.name.empty() ? "mvsa-single" : options.name, .folder = out, .labels = mvsa_labels(), .posts = {}, .sha256 = ""};
  data.posts = place_pictures(load_posts(candidates, files.data, options, log), target, options, log);
  if (data.posts.empty())
    throw DataError(fmt::format("{}: no post is left; the reasons: {}", raw.string(), log.report().dropped.front().reason));
  if (splits.empty()) draw_stratified_split(data, options.seed);
  finish_data_set(data, describe_rules(splits, !files.label_file.empty(), options), target, log);
  return log.take();
}

}  // namespace infig
