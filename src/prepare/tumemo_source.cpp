#include "prepare/tumemo_source.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <span>

#include "core/error.h"
#include "core/files.h"
#include "core/random.h"
#include "data/deal.h"
#include "data/tumemo.h"
#include "prepare/raw_files.h"
#include "prepare/source_files.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

constexpr const char* kEmotionFile = "all_data_id_and_label.txt";
constexpr std::array<Split, 3> kPinnedSplits{Split::kTrain, Split::kDev, Split::kTest};

// All that is kept of a post.
struct Entry {
  uint32_t id;
  int8_t label;
  int8_t split;       // -1: not yet known
  int8_t list_label;  // what a list says of it; -1: nothing
};
static_assert(sizeof(Entry) <= 8);

size_t number(Split split) { return static_cast<size_t>(split); }

bool holds_posts(const fs::path& folder, uint32_t id) {
  return fs::exists(folder / fmt::format("{}.txt", id)) || fs::exists(folder / fmt::format("{}.jpg", id));
}

fs::path find_label_file(const TumemoOptions& options) {
  if (!fs::is_directory(options.raw)) {
    throw DataError(
        fmt::format("{}: no such folder; --raw names the folder of TumEmo's <i>.txt and <i>.jpg, or its parent", options.raw.string()));
  }
  if (!options.label_file.empty()) return options.label_file;
  for (const fs::path& folder : {options.raw, options.raw / "data", options.raw / "all_data", options.raw.parent_path()}) {
    if (fs::exists(folder / kEmotionFile)) return folder / kEmotionFile;
  }
  throw DataError(
      fmt::format("{}: is absent; put the label file there, or name it with --label-file", (options.raw / kEmotionFile).string()));
}

fs::path find_texts(const fs::path& raw, const std::vector<TumemoRow>& rows) {
  // A few posts of the first rows may be absent, so several are looked for.
  constexpr size_t kTried = 100;
  for (const fs::path& folder : {raw, raw / "data", raw / "all_data", raw / "all_data" / "data"}) {
    if (!fs::is_directory(folder)) continue;
    for (size_t i = 0; i < std::min(kTried, rows.size()); ++i) {
      if (holds_posts(folder, rows[i].id)) return folder;
    }
  }
  throw DataError(fmt::format("{}: neither it nor data/ nor all_data/ in it holds {}.txt or {}.jpg, the first post of the label file",
                              raw.string(), rows[0].id, rows[0].id));
}

class TumemoSource : public PostSource {
 public:
  explicit TumemoSource(const TumemoOptions& options) : decode_(options.text_decode) {
    facts_.name = "tumemo";
    facts_.labels = tumemo_labels();
    const fs::path label_file = find_label_file(options);
    read_posts(label_file, options);
    facts_.inputs.push_back(hash_input(label_file, kEmotionFile));
    facts_.counts.push_back({"rows in the label file", size()});
    make_split(options);
  }

  const SourceFacts& facts() const override { return facts_; }
  int64_t size() const override { return static_cast<int64_t>(posts_.size()); }

  RawPost read(int64_t i) const override {
    const Entry& entry = posts_.at(static_cast<size_t>(i));
    RawPost post{.id = fmt::format("{}", entry.id),
                 .text = "",
                 .label_id = entry.label,
                 .split = kPinnedSplits.at(static_cast<size_t>(entry.split))};
    const fs::path file = texts_ / (post.id + ".txt");
    if (fs::exists(file)) post.text = read_raw_text(file, decode_);
    post.picture = pictures_.of(post.id);
    if (entry.list_label >= 0 && entry.list_label != entry.label) {
      post.notes.push_back({"label differs from the list's (the label file's is kept)",
                            fmt::format("{} in the list, {} in the label file", name_of(entry.list_label), name_of(entry.label))});
    }
    return post;
  }

  void each_dropped(const DroppedSink&) const override {}  // every row of the label file stays

  void write_files(const fs::path& folder) const override {
    if (!drawn_) return;
    write_split_manifest(folder, size(), [this](int64_t i) {
      const Entry& entry = posts_[static_cast<size_t>(i)];
      return std::pair(fmt::format("{}", entry.id), kPinnedSplits.at(static_cast<size_t>(entry.split)));
    });
  }

 private:
  // The rows themselves are gone when this returns: only the index stays.
  void read_posts(const fs::path& label_file, const TumemoOptions& options) {
    const auto rows = read_tumemo_labels(label_file);
    const auto faults = tumemo_range_faults(rows);
    if (options.check_ranges && !faults.empty()) {
      throw DataError(fmt::format("{}: {}; TumEmo's ids are sorted by class (--any-ids takes the file as it is)", label_file.string(),
                                  fmt::join(faults, "; ")));
    }
    texts_ = find_texts(options.raw, rows);
    pictures_ = find_pictures(options.images, {texts_});
    facts_.pictures_absent = pictures_.absent;
    facts_.rules = {{"source", "tumemo"},
                    {"text_decode", text_decode_name(decode_)},
                    {"class_ranges", options.check_ranges ? "checked"
                                     : faults.empty()     ? "not checked"
                                                          : "not checked; they do not hold"}};
    posts_.reserve(rows.size());
    for (const auto& row : rows)
      posts_.push_back({.id = row.id, .label = static_cast<int8_t>(row.label_id), .split = -1, .list_label = -1});
  }

  static const std::string& name_of(int8_t label) { return tumemo_labels()[static_cast<size_t>(label)]; }

  void make_split(const TumemoOptions& options) {
    nlohmann::ordered_json lists = nlohmann::ordered_json::object();
    int64_t pinned = 0;
    if (!options.splits.empty()) {
      for (const auto& list : read_tumemo_lists(options.splits)) {
        facts_.inputs.push_back(hash_input(list.file, "splits/" + list.file.filename().string()));
        const int64_t found = pin(list);
        lists[split_name(list.split)] = {{"file", list.file.filename().string()},
                                         {"ids", list.rows.size()},
                                         {"not_in_label_file", static_cast<int64_t>(list.rows.size()) - found}};
        pinned += found;
      }
    }
    drawn_ = pinned < size();
    facts_.rules["split"] = {{"kind", !drawn_ ? "lists" : pinned > 0 ? "lists, filled up by drawing" : "drawn"}};
    if (!lists.empty()) facts_.rules["split"]["lists"] = lists;
    if (!drawn_) return;
    const std::array<int64_t, 3> sizes = draw(options);
    facts_.rules["split"]["by"] = "label, by largest remainder";
    facts_.rules["split"]["sizes"] = {{"train", sizes[0]}, {"dev", sizes[1]}, {"test", sizes[2]}};
    facts_.rules["split"]["seed"] = options.seed;
  }

  // Puts the posts of a list into its split; returns how many of its ids there are.
  int64_t pin(const TumemoList& list) {
    std::vector<std::pair<uint32_t, int32_t>> wanted;
    for (const auto& row : list.rows) wanted.emplace_back(row.id, row.label_id);
    std::sort(wanted.begin(), wanted.end());
    int64_t found = 0;
    for (auto& entry : posts_) {
      const auto place = std::lower_bound(wanted.begin(), wanted.end(), std::pair(entry.id, int32_t{-1}));
      if (place == wanted.end() || place->first != entry.id) continue;
      entry.split = static_cast<int8_t>(list.split);
      entry.list_label = static_cast<int8_t>(place->second);
      ++found;
    }
    return found;
  }

  // Gives every post without a split one; returns the sizes that the splits then have.
  std::array<int64_t, 3> draw(const TumemoOptions& options) {
    const size_t classes = tumemo_labels().size();
    Quotas pinned(kPinnedSplits.size(), std::vector<int64_t>(classes, 0));
    std::vector<int64_t> class_counts(classes, 0);
    std::vector<std::vector<uint32_t>> open(classes);
    for (const auto& entry : posts_) ++class_counts[static_cast<size_t>(entry.label)];
    for (size_t label = 0; label < classes; ++label) open[label].reserve(static_cast<size_t>(class_counts[label]));
    for (size_t i = 0; i < posts_.size(); ++i) {
      const auto label = size_t{static_cast<uint8_t>(posts_[i].label)};
      if (posts_[i].split >= 0) {
        ++pinned[static_cast<uint8_t>(posts_[i].split)][label];
      } else {
        open[label].push_back(static_cast<uint32_t>(i));
      }
    }
    const auto sizes = apportion(size(), kTumemoTotals);
    for (size_t label = 0; label < classes; ++label) {
      RandomStream stream(options.seed, "split", label);
      stream.shuffle(std::span<uint32_t>(open[label]));
    }
    std::vector<size_t> next(classes, 0);
    for (const Split split : {Split::kDev, Split::kTest}) {
      const auto quotas = quotas_of(split, sizes[number(split)], class_counts, pinned, options.splits);
      for (size_t label = 0; label < classes; ++label) {
        for (int64_t n = pinned[number(split)][label]; n < quotas[label]; ++n) {
          if (next[label] == open[label].size()) fail_quota(options.splits, split, tumemo_labels()[label]);
          posts_[open[label][next[label]++]].split = static_cast<int8_t>(split);
        }
      }
    }
    for (auto& entry : posts_) {
      if (entry.split < 0) entry.split = static_cast<int8_t>(Split::kTrain);
    }
    return {sizes[0], sizes[1], sizes[2]};
  }

  static std::vector<int64_t> quotas_of(Split split, int64_t wanted, const std::vector<int64_t>& class_counts, const Quotas& pinned,
                                        const fs::path& lists) {
    const auto& least = pinned[number(split)];
    const int64_t fixed = std::accumulate(least.begin(), least.end(), int64_t{0});
    if (fixed > wanted) {
      throw DataError(fmt::format(
          "{}: the list of {} names {} posts, more than the {} that the split is filled up to; give lists of every post, or leave out "
          "--splits",
          lists.string(), split_name(split), fixed, wanted));
    }
    return apportion(wanted, class_counts, least);
  }
  [[noreturn]] static void fail_quota(const fs::path& lists, Split split, const std::string& label) {
    throw DataError(
        fmt::format("{}: the lists leave too few posts labelled {} to fill up {}; give lists of every post, or leave out --splits",
                    lists.string(), label, split_name(split)));
  }

  TextDecode decode_;
  SourceFacts facts_;
  fs::path texts_;
  PictureFolder pictures_;
  std::vector<Entry> posts_;
  bool drawn_ = false;
};

}  // namespace

std::unique_ptr<PostSource> open_tumemo(const TumemoOptions& options) { return std::make_unique<TumemoSource>(options); }

}  // namespace infig
