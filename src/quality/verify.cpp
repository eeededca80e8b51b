#include "quality/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.h"
#include "core/files.h"
#include "core/parallel.h"
#include "core/words.h"
#include "data/data_set.h"
#include "data/label_words.h"
#include "data/published_counts.h"
#include "image/decode.h"
#include "text/normal_form.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

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
    if (left == right) continue;
    const auto words = [](const nlohmann::json& counts) { return counts.is_null() ? "nothing of it" : counts.dump(); };
    report.misses.push_back(fmt::format("{}: dataset.json states {}, posts.jsonl holds {}", split, words(left), words(right)));
  }
}

// What prepare has counted of the raw files' pictures.
void read_raw_pictures(const fs::path& folder, VerifyReport& report) {
  const auto description = nlohmann::json::parse(read_file(folder / "dataset.json"));
  const auto pictures = description.find("pictures");
  if (pictures == description.end() || !pictures->is_object()) return;
  const auto count = [&](const char* key) {
    const auto found = pictures->find(key);
    return found != pictures->end() && found->is_number_integer() ? found->get<int64_t>() : 0;
  };
  report.raw_pictures_named = count("named");
  report.raw_pictures_there = count("there");
  const auto options = description.find("options");
  report.raw_pictures_meant =
      options != description.end() && options->is_object() && options->contains("bad_image") && !options->contains("pack");
}

// Pictures that are named and cannot be used: one in a thousand is an accident, more are a folder by another name or an unknown format.
// Where prepare has left pictures out, the raw files' count is what they are a share of.
void check_lost_pictures(const VerifyOptions& options, VerifyReport& report) {
  const int64_t lost_before = count_raw_lost(report);
  const int64_t unusable = count_unusable(report) + lost_before, named = count_named(report) + lost_before;
  const bool few = options.bad_picture_is_miss ||  // each of them is a miss already
                   static_cast<double>(unusable) <= options.most_unusable * static_cast<double>(named);
  if (unusable == 0 || (unusable < named && few)) return;
  const auto first = std::find_if(report.pictures.begin(), report.pictures.end(),
                                  [](const PictureFacts& facts) { return !facts.usable && facts.status != "none"; });
  std::string where = "prepare has said which (notes.csv); put them there";
  if (first != report.pictures.end()) {
    const Post& post = report.data.posts[static_cast<size_t>(first - report.pictures.begin())];
    where = first->status == image_status_name(ImageStatus::kAbsent)
                ? fmt::format("the first was looked for at {} ({}); put them there", post.image.string(), first->status)
                : fmt::format("the first, {}, is there and no picture that can be read ({}); put files that are in their places",
                              post.image.string(), first->status);
  }
  if (unusable == named) {
    report.misses.push_back(
        fmt::format("{} pictures are named, and not one of them can be used; {}, or type --bad-image missing where the texts alone are "
                    "meant",
                    unusable, where));
    return;
  }
  report.misses.push_back(
      fmt::format("{} of the {} pictures that are named cannot be used, more than the share {} (--max-unusable); {}, or type --bad-image "
                  "missing where such posts are meant to go by their texts",
                  unusable, named, options.most_unusable, where));
}

void append(std::vector<Leak>&& leaks, VerifyReport& report) { std::move(leaks.begin(), leaks.end(), std::back_inserter(report.leaks)); }

void find_text_leaks(const VerifyOptions& options, VerifyReport& report) {
  const auto count = static_cast<int64_t>(report.data.posts.size());
  std::vector<std::string> keys(report.data.posts.size());
  for (size_t i = 0; i < keys.size(); ++i) keys[i] = report.data.posts[i].text;
  append(equal_leaks(report.data, group_contents(report.data, keys), LeakKind::kText), report);
  parallel_for(count, options.threads,
               [&](int64_t i) { keys[static_cast<size_t>(i)] = normal_form(report.data.posts[static_cast<size_t>(i)].text); });
  const Contents forms = group_contents(report.data, keys);
  append(equal_leaks(report.data, forms, LeakKind::kNormalisedText), report);
  if (!options.near) return;
  std::vector<std::string> distinct;
  distinct.reserve(forms.rows.size());
  for (const auto& rows : forms.rows) distinct.push_back(std::move(keys[static_cast<size_t>(rows.front())]));
  const auto matches = near_texts(distinct, {.threshold = options.near_text_threshold, .threads = options.threads});
  append(near_leaks(report.data, forms, matches, LeakKind::kNearText), report);
}

void find_picture_leaks(const VerifyOptions& options, VerifyReport& report) {
  std::vector<std::string> keys(report.pictures.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    if (report.pictures[i].usable) keys[i] = report.pictures[i].sha256;
  }
  const Contents files = group_contents(report.data, keys);
  append(equal_leaks(report.data, files, LeakKind::kPicture), report);
  if (!options.near) return;
  std::vector<PicturePrint> prints;
  prints.reserve(files.rows.size());
  for (const auto& rows : files.rows) prints.push_back(report.pictures[static_cast<size_t>(rows.front())].print);
  NearLeaks near(report.data, files);
  each_near_picture(prints, options.threads, [&](std::span<const Match> matches) { near.add(matches); });
  append(near.leaks(LeakKind::kNearPicture), report);
}

}  // namespace

void VerifyOptions::validate() const {
  NearTextOptions{.threshold = near_text_threshold}.validate();
  if (max_pixels < 1) throw ConfigError(fmt::format("verify: max_pixels is {}; allowed is >= 1", max_pixels));
  if (!(most_unusable >= 0 && most_unusable <= 1))
    throw ConfigError(fmt::format("verify: most_unusable is {}; allowed is 0 to 1", most_unusable));
  if (max_length < 1) throw ConfigError(fmt::format("verify: max_length is {}; allowed is >= 1", max_length));
  if (threads < 1) throw ConfigError(fmt::format("verify: threads is {}; allowed is >= 1", threads));
}

VerifyReport verify_data(const fs::path& path, const VerifyOptions& options) {
  options.validate();
  if (!options.expect.empty()) published_splits(options.expect);  // an unknown name is said before the work, not after
  VerifyReport report;
  report.data =
      read_data_set(path, [&](const std::string& message) { report.row_faults.push_back(message); }, report.stated_sha256, options.reading);
  if (!report.row_faults.empty()) report.misses.push_back(counted(std::ssize(report.row_faults), "row") + " cannot be used");
  if (report.data.posts.empty()) report.misses.emplace_back("there is not one usable post");
  if (!report.stated_sha256.empty() && report.stated_sha256 != report.data.sha256) {
    report.misses.push_back(fmt::format("posts.jsonl has the SHA-256 {}, dataset.json states {}: it was changed afterwards",
                                        report.data.sha256, report.stated_sha256));
  }
  if (fs::exists(report.data.folder / "dataset.json")) {
    compare_counts(report.data.folder, report);
    read_raw_pictures(report.data.folder, report);
  }
  report.odd_labels = odd_labels(label_totals(report.data));
  if (const std::string alone = only_label(report.data.labels); !alone.empty()) report.misses.push_back(alone);
  if (!options.expect.empty()) {
    for (auto& miss : published_misses(report.data, options.expect)) report.misses.push_back(std::move(miss));
  }
  report.texts = collect_text_facts(report.data.posts, options.tokenizer, options.threads);
  report.max_length = options.tokenizer == nullptr ? 0 : options.max_length;
  report.near_text_threshold = options.near ? options.near_text_threshold : 0;
  if (options.pictures) report.pictures = scan_pictures(report.data.posts, {.max_pixels = options.max_pixels, .threads = options.threads});
  const int64_t unusable = count_unusable(report);
  if (options.bad_picture_is_miss && unusable > 0) report.misses.push_back(counted(unusable, "picture") + " cannot be used");
  if (options.lost_pictures_are_miss && options.pictures) check_lost_pictures(options, report);
  find_text_leaks(options, report);
  if (options.pictures) find_picture_leaks(options, report);
  report.leak_counts = count_leaks(report.data, report.leaks);
  if (options.shortcuts) report.shortcuts = find_shortcuts(report.data, report.pictures, {.threads = options.threads});
  return report;
}

std::map<std::string, int64_t> picture_statuses(const VerifyReport& report) {
  std::map<std::string, int64_t> statuses;
  for (const auto& facts : report.pictures) ++statuses[facts.status];
  return statuses;
}

int64_t count_unusable(const VerifyReport& report) {
  return std::count_if(report.pictures.begin(), report.pictures.end(),
                       [](const PictureFacts& facts) { return !facts.usable && facts.status != "none"; });
}

int64_t count_named(const VerifyReport& report) {
  return std::count_if(report.data.posts.begin(), report.data.posts.end(), [](const Post& post) { return post.names_picture(); });
}

int64_t count_raw_lost(const VerifyReport& report) {
  return report.raw_pictures_meant ? 0 : std::max<int64_t>(0, report.raw_pictures_named - report.raw_pictures_there);
}

int64_t count_unlabelled(const VerifyReport& report) {
  return std::count_if(report.data.posts.begin(), report.data.posts.end(), [](const Post& post) { return post.label_id < 0; });
}

int64_t count_cut(const VerifyReport& report, Split split) {
  int64_t cut = 0;
  for (size_t i = 0; i < report.texts.tokens.size(); ++i)
    cut += report.data.posts[i].split == split && report.texts.tokens[i] > report.max_length ? 1 : 0;
  return cut;
}

std::vector<int64_t> leaked_test_rows(const VerifyReport& report) {
  std::set<int64_t> rows;
  for (const Leak& leak : report.leaks) {
    const bool from_test = report.data.posts[static_cast<size_t>(leak.row)].split == Split::kTest;
    if (from_test && report.data.posts[static_cast<size_t>(leak.other)].split != Split::kTest) rows.insert(leak.row);
  }
  return {rows.begin(), rows.end()};
}

}  // namespace infig
