#include "training/session_checks.h"

#include <fmt/format.h>

#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/log.h"
#include "core/words.h"
#include "posts/post_counts.h"
#include "training/session.h"

namespace infig {
namespace {

std::string counts_of(const std::map<std::string, int64_t>& statuses) {
  std::string text;
  for (const auto& [status, count] : statuses) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, spoken(status));
  return text;
}

}  // namespace

at::Device device_of_ranks(DeviceChoice choice, const Ranks& ranks) {
  if (!ranks.several()) return resolve_device(choice);
  if (choice == DeviceChoice::kCuda) throw ConfigError("device=cuda: several ranks train on CPUs; use device=cpu, or one rank");
  return resolve_device(DeviceChoice::kCpu);
}

void check_trainable(const RunConfig& config, const DataSet& data, const Ranks& ranks) {
  device_of_ranks(config.device, ranks);
  if (config.train.batch_size % ranks.size() != 0) {
    throw ConfigError(fmt::format("train.batch_size={}: the whole batch, which {} ranks cannot share evenly; choose a multiple of {}",
                                  config.train.batch_size, ranks.size(), ranks.size()));
  }
  if (data.labels.size() < 2) {
    throw DataError(fmt::format("{}: {} in its posts; a classifier needs two at least", data.called(),
                                data.labels.empty() ? "no label" : fmt::format("'{}' is the only label", data.labels.front())));
  }
  const auto posts = static_cast<int64_t>(data.rows_of(Split::kTrain).size());
  if (posts == 0) {
    throw DataError(fmt::format("{}: no post of the training split; give posts the split 'train' (prepare table deals them out: --help)",
                                data.called()));
  }
  if (posts < ranks.size()) {
    throw DataError(fmt::format("{}: the training split has {}, fewer than the {} ranks; start fewer ranks", data.called(),
                                counted(posts, "post"), ranks.size()));
  }
  if (config.train.average_best > 0 && data.rows_of(Split::kDev).empty()) {
    throw DataError(
        fmt::format("{}: no post of the split dev, and train.average_best={} averages the checkpoints that are best on dev; "
                    "leave it out, or give some posts the split dev",
                    data.called(), config.train.average_best));
  }
  if (!config.may_lose_pictures && config.data.loader.without != Without::kImage) {
    std::vector<int64_t> all(data.posts.size());
    std::iota(all.begin(), all.end(), int64_t{0});
    require_a_picture(data.called(), data.posts, all);
  }
}

void check_posts_left(const RunConfig& config, const DataSet& data, const PostLoader& loader, Split split, int64_t left, int64_t least) {
  if (config.data.loader.bad_image != BadImage::kSkip) return;
  std::map<std::string, int64_t> dropped;
  BadPicture first;
  int64_t count = 0;
  for (const auto& [row, picture] : loader.bad_by_row()) {
    const Post& post = data.posts[static_cast<size_t>(row)];
    if (post.split != split || !post.names_picture() || picture.truncated()) continue;
    if (count++ == 0) first = picture;
    ++dropped[picture.status];
  }
  if (count == 0) return;
  if (left < least) {
    throw DataError(fmt::format(
        "{}: {} of {} {} posts are left: the pictures of the others cannot be used ({}), and data.bad_image=skip drops such posts; the "
        "first is post {}, {}: {}. Put the pictures there, or keep the posts with their texts alone: data.bad_image=missing",
        data.called(), left == 0 ? "none" : std::to_string(left), left + count, split_name(split), counts_of(dropped), first.id, first.file,
        first.reason));
  }
  log_warning("{} of {} {} posts are dropped with their pictures: {} (data.bad_image=skip)", count, left + count, split_name(split),
              counts_of(dropped));
}

int64_t fitting_batch(int64_t posts, int64_t batch, int64_t ranks) {
  const int64_t steps = (posts + batch - 1) / batch;
  int64_t best = batch;
  for (const int64_t wanted : {steps, steps + 1}) {
    const int64_t size = posts / wanted / ranks * ranks;
    if (size >= ranks && posts % size < posts % best) best = size;
  }
  return best;
}

}  // namespace infig
