#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "core/words.h"
#include "data/fair_folds.h"
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
  MvsaSingleSource(const MvsaSingleOptions& mvsa, const fs::path& raw, const PrepareOptions& options)
      : mvsa_(mvsa), options_(options), files_(find_raw(raw, mvsa.splits.empty())) {
    facts_.name = "mvsa-single";
    facts_.labels = mvsa_labels();
    if (mvsa.protocol == MvsaProtocol::kFair) {
      follow_fold();
    } else {
      read_labels();
    }
    describe_protocol();
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

  // All protocols but the fair one's.
  void read_labels() {
    const bool consistent = mvsa_.protocol == MvsaProtocol::kConsistent;
    if (!mvsa_.splits.empty() && !consistent) splits_ = read_public_splits(mvsa_.splits, std::ssize(mvsa_labels()));
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
  }

  // Labels, order and split are the published folds'; labelResultAll.txt is not asked.
  void follow_fold() {
    FairFold fold = read_fair_fold(mvsa_.splits, mvsa_.fold);
    count("rows in valid_pairlist.txt", fold.pairs.size());
    std::vector<std::optional<Split>> splits(fold.pairs.size());
    for (size_t i = 0; i < fold.rows.size(); ++i) {
      for (const int64_t row : fold.rows[i]) splits[static_cast<size_t>(row)] = static_cast<Split>(i);
    }
    for (size_t i = 0; i < fold.pairs.size(); ++i) {
      FairPair& pair = fold.pairs[i];
      if (!splits[i]) {
        dropped_.emplace_back(pair.id, "in none of the fold's lists");
      } else if (!raw_post_is_there(pair.id)) {
        dropped_.emplace_back(pair.id, "neither text nor picture is among the raw files");
      } else {
        candidates_.push_back({.id = std::move(pair.id), .label_id = mvsa_label_id(pair.label), .split = *splits[i]});
      }
    }
    count("named by the fold's lists, and there", candidates_.size());
    facts_.rules = {{"source", "mvsa-single"},
                    {"text_decode", text_decode_name(options_.text_decode)},
                    {"label_source", "valid_pairlist.txt, checked by the label rule"},
                    {"split", {{"published", "ten folds"}, {"fold", mvsa_.fold}}}};
    facts_.inputs.push_back(hash_input(mvsa_.splits / "valid_pairlist.txt", "splits/valid_pairlist.txt"));
    for (const auto& list : fold.lists)
      facts_.inputs.push_back(hash_input(mvsa_.splits / list, "splits/" + fs::path(list).filename().string()));
  }

  bool raw_post_is_there(const std::string& id) const {
    const fs::path pictures = options_.images.empty() ? files_.data : options_.images;
    return fs::exists(files_.data / (id + ".txt")) || fs::exists(pictures / (id + ".jpg"));
  }

  // Which protocol this is, and how much of it is there; no word where posts or split are another's.
  void describe_protocol() {
    MvsaProtocol protocol = mvsa_.protocol;
    if (protocol == MvsaProtocol::kOwn && !mvsa_.splits.empty() && !options_.split.any()) protocol = MvsaProtocol::k4511;
    if (protocol == MvsaProtocol::kOwn) return;
    const int64_t all = mvsa_protocol_posts(protocol), here = std::ssize(candidates_);
    facts_.rules["protocol"] = mvsa_protocol_name(protocol);
    facts_.rules["protocol_posts"] = {{"here", here}, {"published", all}};
    if (here != all) {
      facts_.said.push_back(
          fmt::format("protocol {}: {} of its {} posts are here", mvsa_protocol_name(protocol), with_thousands(here), with_thousands(all)));
      log_warning("{}", facts_.said.back());
    }
    if (protocol == MvsaProtocol::k4511) return;
    facts_.name += fmt::format("-{}", mvsa_protocol_name(protocol));
    if (protocol == MvsaProtocol::kFair) facts_.name += fmt::format("-{}", mvsa_.fold);
  }

  void apply_label_rule(const std::vector<MvsaLabelRow>& rows) {
    std::set<std::string> in_splits;
    for (const auto& split : splits_) {
      for (const auto& row : split.rows) in_splits.insert(row.id);
    }
    const bool consistent = mvsa_.protocol == MvsaProtocol::kConsistent;
    for (const auto& row : rows) {
      const bool left_out = consistent && row.text_label != row.image_label;
      if (const auto label = left_out ? std::nullopt : joint_label(row.text_label, row.image_label)) {
        candidates_.push_back({.id = row.id, .label_id = mvsa_label_id(*label)});
      } else if (!in_splits.contains(row.id)) {
        dropped_.emplace_back(row.id, fmt::format("text label {}, image label {}", row.text_label, row.image_label));
      }
    }
    count("rows in labelResultAll.txt", rows.size());
    count(consistent ? "left with equal labels of text and image" : "left by the label rule (positive against negative is dropped)",
          candidates_.size());
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
                    {"label_rule", mvsa_.protocol == MvsaProtocol::kConsistent
                                       ? "equal labels: that label; all others are dropped"
                                       : "equal labels: that label; one neutral: the other; positive against negative: dropped"},
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

  const MvsaSingleOptions mvsa_;
  const PrepareOptions& options_;
  RawMvsa files_;
  std::vector<PublicSplit> splits_;
  std::vector<Candidate> candidates_;
  std::vector<std::pair<std::string, std::string>> dropped_;
  SourceFacts facts_;
};

}  // namespace

const char* mvsa_protocol_name(MvsaProtocol protocol) {
  switch (protocol) {
    case MvsaProtocol::k4511:
      return "4511";
    case MvsaProtocol::kConsistent:
      return "consistent-2592";
    case MvsaProtocol::kFair:
      return "fair-10fold";
    case MvsaProtocol::kOwn:
      break;
  }
  return "";
}

MvsaProtocol parse_mvsa_protocol(const std::string& word) {
  for (const auto protocol : {MvsaProtocol::k4511, MvsaProtocol::kConsistent, MvsaProtocol::kFair}) {
    if (word == mvsa_protocol_name(protocol)) return protocol;
  }
  throw ConfigError(fmt::format("--protocol: is \"{}\", expected 4511, consistent-2592 or fair-10fold", word));
}

int64_t mvsa_protocol_posts(MvsaProtocol protocol) { return protocol == MvsaProtocol::kConsistent ? 2592 : 4511; }

void MvsaSingleOptions::validate(const ResplitOptions& split) const {
  const char* name = mvsa_protocol_name(protocol);
  if (raw.empty() && splits.empty()) throw ConfigError("raw: give --raw (MVSA_Single/), or --splits with the public split files, or both");
  if (protocol != MvsaProtocol::kFair && fold != 0)
    throw ConfigError(fmt::format("--fold {}: which fold is the test split; give --folds as well, or --protocol fair-10fold", fold));
  if (protocol == MvsaProtocol::kOwn) return;
  if (protocol != MvsaProtocol::kConsistent && split.any())
    throw ConfigError(
        fmt::format("--protocol {} has a split of its own; leave out --draw-split, --group-by, --folds and --split-manifest", name));
  if (protocol == MvsaProtocol::k4511 && splits.empty())
    throw ConfigError("--protocol 4511 is the public split; --splits names the folder of its train.json, dev.json and test.json");
  if (protocol == MvsaProtocol::kConsistent && (raw.empty() || !splits.empty()))
    throw ConfigError(
        fmt::format("--protocol {} reads the labels of text and image in labelResultAll.txt of --raw, and its split is drawn by "
                    "--seed; {}",
                    name, raw.empty() ? "give --raw" : "leave out --splits"));
  if (protocol != MvsaProtocol::kFair) return;
  if (raw.empty() || splits.empty())
    throw ConfigError(fmt::format("--protocol {} needs --raw with the posts and --splits with valid_pairlist.txt and splits/", name));
  if (fold < 1 || fold > kFairFolds)
    throw ConfigError(fmt::format("--fold: is {}, expected 1 to {}: which of the published folds (--protocol {})", fold, kFairFolds, name));
}

PrepareReport prepare_mvsa_single(const MvsaSingleOptions& mvsa, const fs::path& out, const PrepareOptions& options) {
  mvsa.validate(options.split);
  PrepareJob job{.kind = "mvsa-single", .raw = mvsa.raw, .clean_text = TextCleaning::kMultiSentiNet, .wants = wants_posts};
  job.options = {{"seed", options.seed}, {"text_decode", text_decode_name(options.text_decode)}};
  if (mvsa.protocol != MvsaProtocol::kOwn) job.options["protocol"] = mvsa_protocol_name(mvsa.protocol);
  if (mvsa.fold != 0) job.options["fold"] = mvsa.fold;
  job.paths = {{"splits", mvsa.splits.empty() ? "" : fs::absolute(mvsa.splits).lexically_normal().string()}};
  job.open = [&](const fs::path& folder, const fs::path&) { return std::make_unique<MvsaSingleSource>(mvsa, folder, options); };
  return prepare_data_set(job, out, options);
}

}  // namespace infig
