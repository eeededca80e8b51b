#include "prepare/mvsa_multiple_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "data/mvsa.h"
#include "data/split.h"
#include "prepare/raw_files.h"
#include "prepare/source_files.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

constexpr const char* kMultipleLabelFile = "labelResultAll.txt";
// The download has 19,600 rows; known copies lack up to three of them. A file of that size is complete: the rules must leave 17,024
// posts.
constexpr int64_t kFullRows = 19500;

struct MvsaPost {
  std::string id;
  int64_t label_id = 0;
  Split split = Split::kTrain;
  std::optional<std::string> public_text = {};
  std::vector<RawNote> notes = {};
};

fs::path find_root(const fs::path& raw) {
  if (!fs::is_directory(raw)) throw DataError(fmt::format("{}: no such folder; --raw names MVSA/ or its parent", raw.string()));
  for (const fs::path& folder : {raw, raw / "MVSA", raw / "MVSA-multiple", raw / "MVSA_multiple"}) {
    if (fs::is_directory(folder / "data")) return folder;
  }
  throw DataError(
      fmt::format("{}: holds no folder data/ (nor MVSA/data/) with <ID>.jpg and <ID>.txt; --raw names MVSA/ or its parent", raw.string()));
}

class MvsaMultipleSource : public PostSource {
 public:
  explicit MvsaMultipleSource(const MvsaMultipleOptions& options) : decode_(options.text_decode) {
    if (options.raw.empty() && options.splits.empty())
      throw ConfigError("prepare mvsa-multiple: give --raw (the download), --splits (the public JSON split) or both");
    facts_.name = "mvsa-multiple";
    facts_.labels = mvsa_labels();
    facts_.rules = {{"source", "mvsa-multiple"}};
    std::vector<fs::path> usual;
    if (!options.raw.empty()) {
      const fs::path root = find_root(options.raw);
      texts_ = root / "data";
      usual.push_back(texts_);
      facts_.rules["text_decode"] = text_decode_name(decode_);
      if (fs::exists(root / kMultipleLabelFile)) {
        apply_rules(root / kMultipleLabelFile);
      } else if (options.splits.empty()) {
        throw DataError(fmt::format("{}: is absent; put the file of the download there, or give --splits with the public split files",
                                    (root / kMultipleLabelFile).string()));
      }
    }
    if (!options.splits.empty()) {
      follow_splits(options.splits);
    } else {
      draw_split(options.seed);
    }
    pictures_ = find_pictures(options.images, usual);
    facts_.pictures_absent = pictures_.absent;
  }

  const SourceFacts& facts() const override { return facts_; }
  int64_t size() const override { return static_cast<int64_t>(posts_.size()); }

  RawPost read(int64_t i) const override {
    const MvsaPost& post = posts_.at(static_cast<size_t>(i));
    RawPost raw{.id = post.id, .text = "", .picture = pictures_.of(post.id), .label_id = post.label_id, .split = post.split};
    raw.notes = post.notes;
    const fs::path file = texts_ / (post.id + ".txt");
    const bool found = !texts_.empty() && fs::exists(file);
    if (found) raw.text = read_raw_text(file, decode_);
    if (found && post.public_text && *post.public_text != raw.text)
      raw.notes.push_back({"text differs from the split file's (the raw file's is kept)"});
    if (!found && post.public_text) {
      raw.text = *post.public_text;
      if (!texts_.empty()) raw.notes.push_back({"raw text absent (the split file's is taken)"});
    }
    return raw;
  }

  void each_dropped(const DroppedSink& sink) const override {
    for (const auto& post : dropped_) sink(post.id, post.reason);
  }

  void write_files(const fs::path& folder) const override {
    if (!drawn_) return;
    write_split_manifest(folder, size(), [this](int64_t i) {
      const auto& post = posts_[static_cast<size_t>(i)];
      return std::pair(post.id, post.split);
    });
  }

 private:
  void apply_rules(const fs::path& file) {
    const auto rows = parse_mvsa_multiple_labels(read_file(file), file.string());
    facts_.inputs.push_back(hash_input(file, kMultipleLabelFile));
    int64_t majority = 0;
    int64_t joint = 0;
    for (const auto& row : rows) {
      const auto text = majority_label(row.text_labels);
      const auto image = majority_label(row.image_labels);
      if (!text || !image) {
        dropped_.push_back({row.id, fmt::format("three different labels of the {}", text    ? "image"
                                                                                    : image ? "text"
                                                                                            : "text and of the image")});
        continue;
      }
      ++majority;
      const auto label = joint_label(*text, *image);
      if (!label) {
        dropped_.push_back({row.id, fmt::format("text label {}, image label {}", *text, *image)});
        continue;
      }
      ++joint;
      if (mvsa_multiple_excluded().contains(row.id)) {
        dropped_.push_back({row.id, row.id == "15324" ? "excluded: in no public split" : "excluded: its picture cannot be read"});
        continue;
      }
      posts_.push_back({.id = row.id, .label_id = mvsa_label_id(*label)});
    }
    has_rule_ = true;
    facts_.counts = {{fmt::format("rows in {}", kMultipleLabelFile), static_cast<int64_t>(rows.size())},
                     {"with two of three annotators agreeing on the text, and on the image", majority},
                     {"left by the label rule (positive against negative is dropped)", joint},
                     {"without the excluded ids 3151, 3910, 5995 and 15324", size()}};
    facts_.rules["label_rule"] =
        "majority of three labels of the text, and of the image, else dropped; equal: that label; one neutral: the other; positive against "
        "negative: dropped";
    facts_.rules["excluded"] = mvsa_multiple_excluded();
    check_total(file, static_cast<int64_t>(rows.size()));
  }

  void check_total(const fs::path& file, int64_t rows) const {
    if (rows < kFullRows) {
      log_warning("{}: holds {} rows, the whole of MVSA-Multiple has 19,600; the {} posts that the rules leave are a part of it",
                  file.string(), rows, size());
    } else if (size() != kMvsaMultiplePosts) {
      throw DataError(fmt::format("{}: the rules leave {} posts of {} rows, expected {}; the file is not MVSA-Multiple's or was changed",
                                  file.string(), size(), rows, kMvsaMultiplePosts));
    }
  }

  void follow_splits(const fs::path& folder) {
    const auto splits = read_public_splits(folder, static_cast<int64_t>(mvsa_labels().size()));
    std::unordered_map<std::string, int64_t> rule_labels;
    std::vector<std::string> order;
    for (auto& post : posts_) {
      rule_labels.emplace(post.id, post.label_id);
      order.push_back(std::move(post.id));
    }
    posts_.clear();
    for (const auto& split : splits) {
      for (const auto& row : split.rows) {
        if (mvsa_multiple_excluded().contains(row.id)) {
          throw DataError(
              fmt::format("{}: holds the excluded id {}; this is an older split (train-copy.json) with posts of dev and test in it",
                          split.file.string(), row.id));
        }
        posts_.push_back(follow_row(row, split, rule_labels));
      }
    }
    const std::unordered_map<std::string, int64_t>& left = rule_labels;
    std::unordered_map<std::string, bool> in_splits;
    for (const auto& post : posts_) in_splits.emplace(post.id, true);
    std::erase_if(dropped_, [&](const DroppedPost& post) { return in_splits.contains(post.id); });
    for (const auto& id : order) {
      if (left.contains(id)) dropped_.push_back({id, "in none of the split files"});
    }
    facts_.counts.push_back({"named by the split files", size()});
    facts_.rules["label_source"] = has_rule_ ? "split files, checked by the label rule" : "split files";
    facts_.rules["split"] = describe_splits(splits);
    for (auto& input : hash_splits(splits)) facts_.inputs.push_back(std::move(input));
  }

  MvsaPost follow_row(const PublicRow& row, const PublicSplit& split, std::unordered_map<std::string, int64_t>& rule_labels) const {
    MvsaPost post{.id = row.id, .label_id = row.label_id, .split = split.split, .public_text = row.text};
    const auto found = rule_labels.find(row.id);
    if (found == rule_labels.end()) {
      if (has_rule_) post.notes.push_back({"no label by the label rule (the split file's is kept)"});
      return post;
    }
    if (found->second != row.label_id) {
      post.notes.push_back({"label differs from the label rule's (the split file's is kept)",
                            fmt::format("{} in {}, {} by rule", mvsa_labels()[static_cast<size_t>(row.label_id)],
                                        split.file.filename().string(), mvsa_labels()[static_cast<size_t>(found->second)])});
    }
    rule_labels.erase(found);
    return post;
  }

  void draw_split(uint64_t seed) {
    std::vector<int32_t> label_ids;
    for (const auto& post : posts_) label_ids.push_back(static_cast<int32_t>(post.label_id));
    const auto splits = draw_stratified_split(label_ids, static_cast<int64_t>(mvsa_labels().size()), seed);
    for (size_t i = 0; i < posts_.size(); ++i) posts_[i].split = splits[i];
    facts_.rules["label_source"] = kMultipleLabelFile;
    facts_.rules["split"] = {{"kind", "drawn"}, {"by", "label, 80/10/10"}, {"seed", seed}};
    drawn_ = true;
  }

  TextDecode decode_;
  SourceFacts facts_;
  fs::path texts_;  // data/ of the download; empty: the texts are the split files'
  std::vector<MvsaPost> posts_;
  std::vector<DroppedPost> dropped_;
  PictureFolder pictures_;
  bool has_rule_ = false;
  bool drawn_ = false;
};

}  // namespace

std::unique_ptr<PostSource> open_mvsa_multiple(const MvsaMultipleOptions& options) { return std::make_unique<MvsaMultipleSource>(options); }

}  // namespace infig
