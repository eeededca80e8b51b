#include "prepare/resplit_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/files.h"
#include "core/parallel.h"
#include "core/progress.h"
#include "data/deal.h"
#include "data/rows.h"
#include "text/normal_form.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

constexpr std::array<Split, 3> kSplits{Split::kTrain, Split::kDev, Split::kTest};
constexpr int16_t kNotNamed = -1;    // the manifest does not name the post
constexpr int16_t kDropped = -2;     // the source itself leaves the post out
constexpr int32_t kUnlabelled = -2;  // of Gathered::labels; kept in test, where alone a post may be without label

// What is kept of all posts while their splits are found.
struct Gathered {
  std::string ids;              // one behind the other
  std::vector<uint64_t> ends;   // of each id
  std::vector<int32_t> labels;  // -1: the source drops the post; kUnlabelled
  std::vector<uint64_t> groups;

  std::string_view id(size_t i) const {
    const uint64_t begin = i == 0 ? 0 : ends[i - 1];
    return std::string_view(ids).substr(begin, ends[i] - begin);
  }
};

void stop_if(const std::atomic<int>* stop) {
  if (stop != nullptr && *stop != 0)
    throw Interrupted(fmt::format("stopped by signal {} while the split was drawn", stop->load()), 128 + *stop);
}

Gathered gather(const PostSource& source, const ResplitOptions& options) {
  constexpr int64_t kBlock = 1024;
  Gathered all;
  const int64_t count = source.size();
  ProgressBar bar("split", count);
  std::vector<std::string> ids(kBlock);
  for (int64_t begin = 0; begin < count; begin += kBlock) {
    stop_if(options.stop);
    const int64_t block = std::min(kBlock, count - begin);
    all.labels.resize(static_cast<size_t>(begin + block));
    if (options.group_by_text) all.groups.resize(all.labels.size());
    parallel_for(block, options.threads, [&](int64_t n) {
      const RawPost post = source.read(begin + n);
      const auto i = static_cast<size_t>(begin + n);
      ids[static_cast<size_t>(n)] = post.id;
      all.labels[i] = !post.drop.empty() ? -1 : post.label_id < 0 ? kUnlabelled : static_cast<int32_t>(post.label_id);
      // Posts without text are no group: each gets a number of its own, by its id.
      if (options.group_by_text) {
        const std::string text = normal_form(post.text);
        all.groups[i] = sha256_128(text.empty() ? "id " + post.id : "text " + text)[0];
      }
    });
    for (int64_t n = 0; n < block; ++n) {
      all.ids += ids[static_cast<size_t>(n)];
      all.ends.push_back(all.ids.size());
    }
    bar.update(begin + block);
  }
  bar.finish();
  return all;
}

struct Named {
  std::array<uint64_t, 2> hash;
  Split split;
  RowAt at;
};

std::vector<Named> read_manifest(const fs::path& file) {
  if (!fs::exists(file))
    throw DataError(fmt::format("{}: no such file; --split-manifest names a table with columns id and split", file.string()));
  const auto columns = table_columns(file);
  for (const char* name : {"id", "split"}) {
    if (!columns.contains(name))
      throw DataError(fmt::format("{}, header: column \"{}\" is missing; a split manifest has id and split", file.string(), name));
  }
  std::vector<Named> rows;
  for_each_row(file, [&](PostRow&& row) {
    const std::string place = row_place(file, row.at);
    if (!row.id || row.id->empty()) throw DataError(fmt::format("{}: field \"id\" is missing", place));
    if (!row.split || row.split->empty()) throw DataError(fmt::format("{}: field \"split\" is missing", place));
    try {
      rows.push_back({.hash = sha256_128(*row.id), .split = parse_split(*row.split), .at = row.at});
    } catch (const DataError& error) {
      throw DataError(fmt::format("{}: field \"split\" {}", place, error.what()));
    }
  });
  std::stable_sort(rows.begin(), rows.end(), [](const Named& a, const Named& b) { return a.hash < b.hash; });
  for (size_t i = 1; i < rows.size(); ++i) {
    if (rows[i].hash == rows[i - 1].hash)
      throw DataError(
          fmt::format("{}: its id is already in {}; every id has one split", row_place(file, rows[i].at), rows[i - 1].at.words()));
  }
  return rows;
}

class ResplitSource : public PostSource {
 public:
  ResplitSource(std::unique_ptr<PostSource> source, const ResplitOptions& options)
      : source_(std::move(source)), options_(options), facts_(source_->facts()) {
    options.validate();
    gathered_ = gather(*source_, options);
    bins_.assign(gathered_.labels.size(), kDropped);
    if (!options.manifest.empty()) {
      follow_manifest();
    } else {
      deal();
    }
    gathered_.labels = {};
    gathered_.groups = {};
  }

  const SourceFacts& facts() const override { return facts_; }
  int64_t size() const override { return source_->size(); }
  RawPost read(int64_t i) const override {
    RawPost post = source_->read(i);
    const int16_t bin = bins_.at(static_cast<size_t>(i));
    if (bin == kNotNamed) post.drop = "not in the split manifest";
    if (bin >= 0) post.split = split_of(bin);
    if (bin >= 0 && post.label_id < 0 && post.split != Split::kTest)
      post.drop = fmt::format("no label, but in the split {}", split_name(post.split));
    return post;
  }
  void each_dropped(const DroppedSink& sink) const override { source_->each_dropped(sink); }

  // The source's own manifest, if it writes one, is replaced: it goes by the same name.
  void write_files(const fs::path& folder) const override {
    source_->write_files(folder);
    AtomicFile file(folder / "split.csv");
    file.stream() << (options_.folds > 0 ? "id,split,fold\n" : "id,split\n");
    for (size_t i = 0; i < bins_.size(); ++i) {
      if (bins_[i] < 0) continue;
      file.stream() << csv_cell(std::string(gathered_.id(i))) << ',' << split_name(split_of(bins_[i]));
      if (options_.folds > 0) file.stream() << ',' << bins_[i] + 1;
      file.stream() << '\n';
    }
    file.commit();
  }

 private:
  Split split_of(int16_t bin) const {
    if (options_.folds == 0) return kSplits.at(static_cast<size_t>(bin));
    const int64_t test = options_.fold - 1;
    const int64_t dev = options_.fold % options_.folds;
    return bin == test ? Split::kTest : bin == dev ? Split::kDev : Split::kTrain;
  }

  int16_t test_bin() const { return static_cast<int16_t>(options_.folds > 0 ? options_.fold - 1 : static_cast<int64_t>(Split::kTest)); }

  void deal() {
    std::vector<size_t> rows;
    std::vector<int32_t> labels;
    std::vector<uint64_t> groups;
    std::vector<int64_t> class_counts(facts_.labels.size(), 0);
    for (size_t i = 0; i < gathered_.labels.size(); ++i) {
      if (gathered_.labels[i] == kUnlabelled) bins_[i] = test_bin();
      if (gathered_.labels[i] < 0) continue;
      rows.push_back(i);
      labels.push_back(gathered_.labels[i]);
      ++class_counts.at(static_cast<size_t>(gathered_.labels[i]));
      if (options_.group_by_text) groups.push_back(gathered_.groups[i]);
    }
    Quotas quotas = options_.folds > 0 ? fold_quotas(class_counts, static_cast<int64_t>(rows.size())) : ten_percent_quotas(class_counts);
    const auto bins = deal_posts(labels, groups, std::move(quotas), options_.seed);
    for (size_t n = 0; n < rows.size(); ++n) bins_[rows[n]] = static_cast<int16_t>(bins[n]);
    describe_drawn();
  }

  Quotas fold_quotas(const std::vector<int64_t>& class_counts, int64_t posts) const {
    const std::vector<int64_t> equal(static_cast<size_t>(options_.folds), 1);
    return stratified_quotas(class_counts, apportion(posts, equal));
  }

  void describe_drawn() {
    auto& rules = facts_.rules["split"];
    rules = {{"kind", options_.folds > 0 ? "folds" : "drawn"}, {"by", options_.folds > 0 ? "label" : "label, 80/10/10"}};
    if (options_.group_by_text) rules["group_by"] = "normal form of the text (lower case, without URLs, punctuation, symbols and RT @name)";
    if (options_.folds > 0) {
      rules["folds"] = options_.folds;
      rules["fold"] = options_.fold;
    }
    rules["seed"] = options_.seed;
    rules["manifest"] = "split.csv";
  }

  void follow_manifest() {
    const auto named = read_manifest(options_.manifest);
    int64_t found = 0;
    for (size_t i = 0; i < bins_.size(); ++i) {
      if (gathered_.labels[i] < 0 && gathered_.labels[i] != kUnlabelled) continue;
      const auto hash = sha256_128(gathered_.id(i));
      const auto place = std::lower_bound(named.begin(), named.end(), hash, [](const Named& a, const auto& b) { return a.hash < b; });
      const bool known = place != named.end() && place->hash == hash;
      bins_[i] = known ? static_cast<int16_t>(place->split) : kNotNamed;
      found += known ? 1 : 0;
    }
    const std::string name = options_.manifest.filename().string();
    if (found == 0)
      throw DataError(
          fmt::format("{}: names none of the {} posts; it belongs to another data set", options_.manifest.string(), bins_.size()));
    facts_.inputs.push_back(hash_input(options_.manifest, name));
    facts_.rules["split"] = {{"kind", "manifest"},
                             {"file", name},
                             {"ids", named.size()},
                             {"not_in_data_set", static_cast<int64_t>(named.size()) - found},
                             {"manifest", "split.csv"}};
  }

  std::unique_ptr<PostSource> source_;
  ResplitOptions options_;
  SourceFacts facts_;
  Gathered gathered_;
  std::vector<int16_t> bins_;
};

}  // namespace

void ResplitOptions::validate() const {
  constexpr int64_t kMostFolds = 1000;
  if (!manifest.empty() && (draw || group_by_text || folds > 0))
    throw ConfigError("--split-manifest gives the split: it cannot go with --draw-split, --group-by or --folds");
  if (folds == 0 && fold != 0) throw ConfigError(fmt::format("--fold {}: which fold is the test split; give --folds as well", fold));
  if (folds == 0) return;
  if (folds < 3 || folds > kMostFolds)
    throw ConfigError(fmt::format("--folds: is {}, expected 3 to {} (one is test, one dev, the others train)", folds, kMostFolds));
  if (fold < 1 || fold > folds)
    throw ConfigError(fmt::format("--fold: is {}, expected 1 to {}, the fold that is the test split", fold, folds));
}

std::unique_ptr<PostSource> resplit(std::unique_ptr<PostSource> source, const ResplitOptions& options) {
  return std::make_unique<ResplitSource>(std::move(source), options);
}

}  // namespace infig
