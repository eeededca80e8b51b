#include "data/verify.h"

#include <fmt/format.h>

#include <array>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <unordered_map>

#include "core/error.h"
#include "core/files.h"
#include "core/parallel.h"
#include "core/progress.h"
#include "data/data_set.h"
#include "data/published.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

// Posts that share a content: which rows hold it.
using Groups = std::unordered_map<std::string, std::vector<int64_t>>;

struct CheckedPicture {
  PictureVerdict verdict;
  std::string sha256;  // empty: no file
};

std::vector<CheckedPicture> check_pictures(const DataSet& data, const VerifyOptions& options) {
  std::vector<CheckedPicture> checked(data.posts.size());
  ProgressBar bar("pictures", static_cast<int64_t>(data.posts.size()), "pictures");
  std::mutex mutex;
  int64_t done = 0;
  parallel_for(static_cast<int64_t>(data.posts.size()), options.threads, [&](int64_t row) {
    const FileSpan& picture = data.posts[static_cast<size_t>(row)].image;
    auto& result = checked[static_cast<size_t>(row)];
    if (picture.empty()) {
      result.verdict.status = "none";
    } else {
      result.verdict = options.check_picture(picture);
      if (result.verdict.usable) result.sha256 = sha256_span(picture);
    }
    const std::lock_guard<std::mutex> lock(mutex);
    bar.update(++done);
  });
  return checked;
}

void compare_counts(const fs::path& folder, VerifyReport& report) {
  const auto description = nlohmann::json::parse(read_file(folder / "dataset.json"));  // read_data_set has parsed it before
  const auto stated = description.find("counts");
  if (stated == description.end()) return;
  const nlohmann::json found = count_posts(report.data);
  if (!stated->is_object()) {
    report.misses.push_back(fmt::format("dataset.json: \"counts\" is {}, expected an object of splits", stated->type_name()));
    return;
  }
  std::set<std::string> splits;
  for (const auto& [split, counts] : stated->items()) splits.insert(split);
  for (const auto& [split, counts] : found.items()) splits.insert(split);
  for (const auto& split : splits) {
    const auto left = stated->value(split, nlohmann::json());
    const auto right = found.value(split, nlohmann::json());
    if (left != right)
      report.misses.push_back(fmt::format("{}: dataset.json states {}, posts.jsonl holds {}", split, left.dump(), right.dump()));
  }
}

int64_t count_repeated(const Groups& groups) {
  int64_t repeated = 0;
  for (const auto& [content, rows] : groups) repeated += rows.size() > 1 ? 1 : 0;
  return repeated;
}

// Rows of `split` whose content occurs in `other` too.
int64_t count_leaks(const Groups& groups, const DataSet& data, Split split, Split other) {
  int64_t leaks = 0;
  for (const auto& [content, rows] : groups) {
    int64_t here = 0;
    bool there = false;
    for (const int64_t row : rows) {
      const Split of_row = data.posts[static_cast<size_t>(row)].split;
      here += of_row == split ? 1 : 0;
      there = there || of_row == other;
    }
    if (there) leaks += here;
  }
  return leaks;
}

void find_repetitions(const std::vector<CheckedPicture>& pictures, VerifyReport& report) {
  const DataSet& data = report.data;
  Groups texts;
  Groups files;
  for (size_t i = 0; i < data.posts.size(); ++i) {
    if (!data.posts[i].text.empty()) texts[data.posts[i].text].push_back(static_cast<int64_t>(i));
    if (!pictures.empty() && !pictures[i].sha256.empty()) files[pictures[i].sha256].push_back(static_cast<int64_t>(i));
  }
  report.repeated_texts = count_repeated(texts);
  report.repeated_pictures = count_repeated(files);
  for (const auto& [text, rows] : texts) {
    std::set<int64_t> labels;
    for (const int64_t row : rows) labels.insert(data.posts[static_cast<size_t>(row)].label_id);
    report.conflicting_texts += labels.size() > 1 ? 1 : 0;
  }
  constexpr std::array<std::pair<Split, Split>, 3> kPairs{
      {{Split::kDev, Split::kTrain}, {Split::kTest, Split::kTrain}, {Split::kTest, Split::kDev}}};
  for (const auto& [split, other] : kPairs) {
    if (data.rows_of(split).empty() || data.rows_of(other).empty()) continue;
    report.leaks.push_back({.split = split,
                            .other = other,
                            .texts = count_leaks(texts, data, split, other),
                            .pictures = count_leaks(files, data, split, other)});
  }
}

void list_pictures(const std::vector<CheckedPicture>& pictures, bool bad_is_miss, VerifyReport& report) {
  int64_t unusable = 0;
  for (size_t i = 0; i < pictures.size(); ++i) {
    const PictureVerdict& verdict = pictures[i].verdict;
    ++report.pictures[verdict.status];
    if (verdict.status == "ok" || verdict.status == "none") continue;
    report.picture_faults.push_back(
        {.row = static_cast<int64_t>(i), .status = verdict.status, .reason = verdict.reason, .usable = verdict.usable});
    unusable += verdict.usable ? 0 : 1;
  }
  if (bad_is_miss && unusable > 0) report.misses.push_back(fmt::format("{} pictures cannot be used", unusable));
}

}  // namespace

VerifyReport verify_data(const fs::path& path, const VerifyOptions& options) {
  if (!options.expect.empty()) published_splits(options.expect);  // an unknown name is said before the work, not after
  VerifyReport report;
  report.data = read_data_set(path, [&](const std::string& message) { report.row_faults.push_back(message); }, report.stated_sha256);
  if (!report.row_faults.empty()) report.misses.push_back(fmt::format("{} rows cannot be used", report.row_faults.size()));
  if (report.data.posts.empty()) report.misses.emplace_back("there is not one usable post");
  if (!report.stated_sha256.empty() && report.stated_sha256 != report.data.sha256) {
    report.misses.push_back(fmt::format("posts.jsonl has the SHA-256 {}, dataset.json states {}: it was changed afterwards",
                                        report.data.sha256, report.stated_sha256));
  }
  if (fs::exists(report.data.folder / "dataset.json")) compare_counts(report.data.folder, report);
  if (!options.expect.empty()) {
    for (auto& miss : published_misses(report.data, options.expect)) report.misses.push_back(std::move(miss));
  }
  std::vector<CheckedPicture> pictures;
  if (options.check_picture) pictures = check_pictures(report.data, options);
  list_pictures(pictures, options.bad_picture_is_miss, report);
  find_repetitions(pictures, report);
  return report;
}

}  // namespace infig
