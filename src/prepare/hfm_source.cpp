#include "prepare/hfm_source.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <map>
#include <optional>
#include <unordered_map>

#include "core/error.h"
#include "core/files.h"
#include "data/hfm.h"
#include "data/public_split.h"
#include "data/rows.h"
#include "data/utf8.h"
#include "prepare/source_files.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

// The authors' name of each split's file. valid.txt and test.txt of the repository are older and are not read.
constexpr std::array<std::pair<Split, const char*>, 3> kTextFiles{
    {{Split::kTrain, "train.txt"}, {Split::kDev, "valid2.txt"}, {Split::kTest, "test2.txt"}}};
constexpr const char* kAttributeFile = "extract_all";

using Attributes = std::array<std::string, 5>;

// HFM is small (24,635 posts, 3 MB of text) and of fixed size, so its texts are kept.
struct HfmPost {
  std::string id;
  std::string text;
  int64_t label_id = 0;
  Split split = Split::kTrain;
  std::optional<Attributes> attributes = {};
  std::vector<RawNote> notes = {};
};

// Calls `row(line, number, place)` for every line of a file that is not blank. Line ends inside texts are written as escapes there.
template <typename Row>
void for_each_literal(const fs::path& file, Row&& row) {
  const std::string bytes = read_file(file);
  std::string_view rest = bytes;
  if (rest.starts_with("\xEF\xBB\xBF")) rest.remove_prefix(3);
  for (int64_t number = 1; !rest.empty(); ++number) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = strip_ascii_space(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (!line.empty()) row(line, number, line_place(file, number));
  }
}

fs::path find_texts(const fs::path& raw) {
  if (!fs::is_directory(raw)) throw DataError(fmt::format("{}: no such folder; --raw names the authors' repository", raw.string()));
  for (const fs::path& folder : {raw / "text", raw, raw / "data-of-multimodal-sarcasm-detection" / "text"}) {
    for (const auto& [split, name] : kTextFiles) {
      if (fs::is_regular_file(folder / name)) return folder;
    }
  }
  throw DataError(
      fmt::format("{}: holds none of text/train.txt, text/valid2.txt, text/test2.txt; --raw names the authors' repository", raw.string()));
}

class HfmSource : public PostSource {
 public:
  explicit HfmSource(const HfmOptions& options) {
    if (options.raw.empty() && options.splits.empty())
      throw ConfigError("prepare hfm: give --raw (the authors' text files), --splits (the public JSON split) or both");
    facts_.name = "hfm";
    facts_.labels = hfm_labels();
    facts_.rules = {{"source", "hfm"}};
    std::vector<fs::path> usual;
    if (!options.raw.empty()) {
      const fs::path texts = find_texts(options.raw);
      for (const char* name : {"dataset_image", "images"}) {
        usual.push_back(texts / name);
        usual.push_back(texts.parent_path() / name);
      }
      read_texts(texts);
      if (!options.splits.empty()) follow_splits(options.splits);
      read_attributes(texts);
    } else {
      for (const char* name : {"dataset_image", "images"}) usual.push_back(options.splits / name);
      take_splits(options.splits);
    }
    pictures_ = find_pictures(options.images, usual);
    facts_.pictures_absent = pictures_.absent;
  }

  const SourceFacts& facts() const override { return facts_; }
  int64_t size() const override { return static_cast<int64_t>(posts_.size()); }
  RawPost read(int64_t i) const override {
    const HfmPost& post = posts_.at(static_cast<size_t>(i));
    RawPost raw{.id = post.id, .text = post.text, .picture = pictures_.of(post.id), .label_id = post.label_id, .split = post.split};
    if (post.attributes) raw.fields = {{"attributes", *post.attributes}};
    raw.notes = post.notes;
    return raw;
  }
  void each_dropped(const DroppedSink& sink) const override {
    for (const auto& post : dropped_) sink(post.id, post.reason);
  }

 private:
  void read_texts(const fs::path& folder) {
    std::unordered_map<std::string, std::string> places;
    std::map<std::string, int64_t> hits;
    int64_t rows = 0;
    nlohmann::ordered_json files = nlohmann::ordered_json::object();
    for (const auto& [split, name] : kTextFiles) {
      const fs::path file = folder / name;
      if (!fs::exists(file)) continue;
      facts_.inputs.push_back(hash_input(file, std::string("text/") + name));
      files[split_name(split)] = name;
      for_each_literal(file, [&, split = split](std::string_view line, int64_t number, const std::string& place) {
        HfmRow row = parse_hfm_row(line, number, place);
        const auto [first, fresh] = places.try_emplace(row.id, place);
        if (!fresh) throw DataError(fmt::format("{}: id {} is already in {}; every id must occur once", place, row.id, first->second));
        ++rows;
        const auto words = hfm_filter_hits(row.text);
        for (const auto& word : words) ++hits[word];
        if (!words.empty()) {
          dropped_.push_back({row.id, fmt::format("holds {}", fmt::join(words, ", "))});
          return;
        }
        posts_.push_back({.id = std::move(row.id), .text = std::move(row.text), .label_id = row.label_id, .split = split});
      });
    }
    facts_.counts.push_back({"rows in the text files", rows});
    facts_.counts.push_back({"without a word of the filter", size()});
    facts_.rules["filter"] = {{"words", hfm_filter_words()}, {"rows_with", hits}};
    facts_.rules["label"] = "the last element of a row: the human label in valid2.txt and test2.txt";
    facts_.rules["split"] = {{"kind", "published"}};
    for (const auto& [split, name] : files.items()) facts_.rules["split"][split] = name;
  }

  std::vector<PublicSplit> read_splits(const fs::path& folder) {
    auto splits = read_public_splits(folder, static_cast<int64_t>(hfm_labels().size()));
    for (auto& input : hash_splits(splits)) facts_.inputs.push_back(std::move(input));
    facts_.rules["split"] = describe_splits(splits);
    return splits;
  }

  void take_splits(const fs::path& folder) {
    for (auto& split : read_splits(folder)) {
      for (auto& row : split.rows)
        posts_.push_back({.id = std::move(row.id), .text = std::move(row.text), .label_id = row.label_id, .split = split.split});
    }
    facts_.rules["label"] = "the split files'";
    facts_.counts.push_back({"named by the split files", size()});
  }

  // The split files' posts, order and labels; the texts stay those of the raw rows.
  void follow_splits(const fs::path& folder) {
    std::unordered_map<std::string, HfmPost> raw;
    std::vector<std::string> order;
    for (auto& post : posts_) {
      order.push_back(post.id);
      raw.emplace(post.id, std::move(post));
    }
    posts_.clear();
    for (auto& split : read_splits(folder)) {
      for (auto& row : split.rows) {
        HfmPost post{.id = row.id, .text = row.text, .label_id = row.label_id, .split = split.split};
        if (const auto found = raw.find(row.id); found == raw.end()) {
          post.notes.push_back({"not among the rows that the filter leaves (the split file's text is taken)"});
        } else {
          if (found->second.text != row.text) post.notes.push_back({"text differs from the split file's (the raw row's is kept)"});
          if (found->second.label_id != row.label_id) {
            post.notes.push_back({"label differs from the raw row's (the split file's is kept)",
                                  fmt::format("{} in the split file, {} in the row", row.label_id, found->second.label_id)});
          }
          post.text = std::move(found->second.text);
          raw.erase(found);
        }
        posts_.push_back(std::move(post));
      }
    }
    for (const auto& id : order) {
      if (raw.contains(id)) dropped_.push_back({id, "in none of the split files"});
    }
    facts_.rules["label"] = "the split files', checked by the rows";
    facts_.counts.push_back({"named by the split files", size()});
  }

  void read_attributes(const fs::path& texts) {
    const fs::path file = texts.parent_path() / "extract" / kAttributeFile;
    if (!fs::exists(file)) return;
    facts_.inputs.push_back(hash_input(file, std::string("extract/") + kAttributeFile));
    std::unordered_map<std::string, size_t> rows;
    for (size_t i = 0; i < posts_.size(); ++i) rows.emplace(posts_[i].id, i);
    int64_t with = 0;
    for_each_literal(file, [&](std::string_view line, int64_t, const std::string& place) {
      HfmAttributes attributes = parse_hfm_attributes(line, place);
      const auto found = rows.find(attributes.id);
      if (found == rows.end()) return;  // the file also names posts that the filter drops
      auto& kept = posts_[found->second].attributes;
      if (kept) throw DataError(fmt::format("{}: id {} is already above; every id must occur once", place, attributes.id));
      kept = std::move(attributes.words);
      ++with;
    });
    for (auto& post : posts_) {
      if (!post.attributes) post.notes.push_back({"no attribute words"});
    }
    facts_.rules["attributes"] = {{"file", kAttributeFile}, {"posts", with}};
  }

  SourceFacts facts_;
  std::vector<HfmPost> posts_;
  std::vector<DroppedPost> dropped_;
  PictureFolder pictures_;
};

}  // namespace

std::unique_ptr<PostSource> open_hfm(const HfmOptions& options) { return std::make_unique<HfmSource>(options); }

}  // namespace infig
