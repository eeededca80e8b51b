#include "posts/post_counts.h"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/words.h"
#include "image/decode.h"

namespace infig {
namespace {

namespace fs = std::filesystem;

using Counter = int64_t& (*)(PredictionCounts&);
constexpr std::array<Counter, 11> kCounters = {
    [](PredictionCounts& c) -> int64_t& { return c.rows; },
    [](PredictionCounts& c) -> int64_t& { return c.faults; },
    [](PredictionCounts& c) -> int64_t& { return c.below; },
    [](PredictionCounts& c) -> int64_t& { return c.texts_missing; },
    [](PredictionCounts& c) -> int64_t& { return c.captions; },
    [](PredictionCounts& c) -> int64_t& { return c.attributes; },
    [](PredictionCounts& c) -> int64_t& { return c.empty; },
    [](PredictionCounts& c) -> int64_t& { return c.pictures.named; },
    [](PredictionCounts& c) -> int64_t& { return c.pictures.truncated; },
    [](PredictionCounts& c) -> int64_t& { return c.pictures.absent; },
    [](PredictionCounts& c) -> int64_t& { return c.pictures.bad; },
};

}  // namespace

std::string PictureCounts::words() const {
  std::string words = named == 0 ? "pictures: none named" : fmt::format("pictures: {} of {} used", used(), named);
  if (truncated > 0) words += fmt::format(", {} of them truncated", truncated);
  if (absent > 0) words += fmt::format(", {} absent", absent);
  if (bad > 0) words += fmt::format(", {} bad", bad);
  if (lost.absent + lost.bad == 0) return words;
  const std::string how = lost.bad == 0      ? "absent"
                          : lost.absent == 0 ? "bad"
                                             : fmt::format("lost ({} absent, {} bad)", lost.absent, lost.bad);
  const int64_t all = lost.absent + lost.bad;
  return words + fmt::format("; {} more {} {} when the data set was prepared (all splits)", all, all == 1 ? "was" : "were", how);
}

nlohmann::ordered_json PictureCounts::json() const {
  return {{"images_named", named},
          {"images_absent", absent},
          {"images_bad", bad},
          {"images_truncated", truncated},
          {"images_lost_by_prepare_absent", lost.absent},
          {"images_lost_by_prepare_bad", lost.bad}};
}

PictureCounts count_pictures(const std::vector<Post>& posts, const std::vector<int64_t>& rows, const std::map<int64_t, BadPicture>& bad) {
  PictureCounts counts;
  for (const int64_t row : rows) {
    if (!posts.at(static_cast<size_t>(row)).names_picture()) continue;
    ++counts.named;
    const auto found = bad.find(row);
    if (found == bad.end()) continue;
    ++(found->second.truncated() ? counts.truncated : found->second.absent() ? counts.absent : counts.bad);
  }
  return counts;
}

std::string pack_bad_pictures(const std::map<int64_t, BadPicture>& bad) {
  nlohmann::json all = nlohmann::json::array();
  for (const auto& [row, picture] : bad) all.push_back({row, picture.id, picture.file, picture.status, picture.reason});
  return all.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::map<int64_t, BadPicture> unpack_bad_pictures(const std::vector<std::string>& packed) {
  std::map<int64_t, BadPicture> bad;
  for (const std::string& some : packed) {
    for (const auto& one : nlohmann::json::parse(some)) {
      const auto words = [&one](size_t i) { return one.at(i).get<std::string>(); };
      bad.emplace(one.at(0).get<int64_t>(), BadPicture{.id = words(1), .file = words(2), .status = words(3), .reason = words(4)});
    }
  }
  return bad;
}

namespace {

// How many there are, the first of them (empty: not known), and what to do.
std::string all_lost_message(const PictureCounts& counts, const std::string& first) {
  const std::string place = first.empty() ? "" : fmt::format(" ({}{})", counts.named == 1 ? "" : "the first is ", first);
  constexpr const char* kAdvice = "; correct the paths or put the pictures there. To go on with the texts alone, give --bad-image missing";
  if (counts.named == 1)
    return fmt::format("the only picture that the posts name {}{}{}", counts.bad == 0 ? "is not there" : "cannot be used", place, kAdvice);
  const std::string what = counts.bad == 0      ? "is there"
                           : counts.absent == 0 ? "can be used"
                                                : fmt::format("can be used ({} absent, {} bad)", counts.absent, counts.bad);
  return fmt::format("none of the {} pictures that the posts name {}{}{}", with_thousands(counts.named), what, place, kAdvice);
}

}  // namespace

void require_a_used_picture(const std::string& where, const PictureCounts& counts) {
  if (counts.all_lost()) throw DataError(fmt::format("{}: {}", where, all_lost_message(counts, "")));
}

void require_a_picture(const std::string& where, const std::vector<Post>& posts, const std::vector<int64_t>& rows) {
  PictureCounts counts;
  std::string first;
  for (const int64_t row : rows) {
    const Post& post = posts.at(static_cast<size_t>(row));
    if (post.image.empty()) continue;
    const ImageStatus status = decode_image_file(post.image, {.shorter_side = 1}).status;
    // More pixels than the default allows may be what the caller allows: it counts them when it reads them.
    if (usable(status) || status == ImageStatus::kTooLarge) return;
    if (counts.named == 0)
      first = post.image.string() + (status == ImageStatus::kAbsent ? "" : fmt::format(", {}", spoken(image_status_name(status))));
    ++counts.named;
    ++(status == ImageStatus::kAbsent ? counts.absent : counts.bad);
  }
  if (counts.all_lost()) throw DataError(fmt::format("{}: {}", where, all_lost_message(counts, first)));
}

void PredictionCounts::add(const PostOutcome& outcome, double least) {
  ++rows;
  if (!outcome.ok()) {
    ++faults;
  } else if (answer_of(outcome, least) < 0) {
    ++below;
  }
  if (outcome.fault == PostFault::kEmpty) ++empty;
  if (outcome.caption) ++captions;
  if (outcome.attributes) ++attributes;
  if (!outcome.text && outcome.fault != PostFault::kRow) ++texts_missing;
  switch (outcome.picture_state) {
    case PictureState::kNone:
    case PictureState::kNotRead:
      return;
    case PictureState::kWhole:
      break;
    case PictureState::kTruncated:
      ++pictures.truncated;
      break;
    case PictureState::kAbsent:
      ++pictures.absent;
      break;
    case PictureState::kBad:
      ++pictures.bad;
      break;
  }
  ++pictures.named;
}

void PredictionCounts::add(const PredictionCounts& other) {
  PredictionCounts theirs = other;
  for (const Counter counter : kCounters) counter(*this) += counter(theirs);
}

nlohmann::ordered_json PredictionCounts::json() const {
  nlohmann::ordered_json json = {
      {"rows", rows}, {"errors", faults}, {"below_min_confidence", below}, {"texts_missing", texts_missing}, {"posts_empty", empty}};
  json.update(pictures.json());
  return json;
}

std::vector<int64_t> PredictionCounts::numbers() const {
  PredictionCounts copy = *this;
  std::vector<int64_t> all;
  for (const Counter counter : kCounters) all.push_back(counter(copy));
  return all;
}

PredictionCounts PredictionCounts::from(const std::vector<int64_t>& numbers) {
  if (numbers.size() != kCounters.size()) throw DataError(fmt::format("{} counts, expected {}", numbers.size(), kCounters.size()));
  PredictionCounts counts;
  for (size_t i = 0; i < kCounters.size(); ++i) kCounters[i](counts) = numbers[i];
  return counts;
}

}  // namespace infig
