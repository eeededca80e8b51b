// Readers: posts/s from the disk to what the network sees, without a model: reading, decoding, resizing, normalising in the shuffled order
// of an epoch. Prints one JSON object.
//   bench_reader --data DATA [--workers N] [--rounds N] [--posts N] [--shuffle-buffer N] [--augment none|rand] [--read-only]
// --read-only stops behind the bytes: what the container alone costs. With --posts, the first N of the train split. A cold page cache is
// the caller's business (sync; echo 3 > /proc/sys/vm/drop_caches) and counts with --rounds 1 alone.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "core/parallel.h"
#include "core/random.h"
#include "data/data_set.h"
#include "data/sampler.h"
#include "image/transform.h"

namespace {

struct Flags {
  std::string data, augment = "none";
  int64_t workers = 1, rounds = 3, posts = 0, shuffle_buffer = 0;
  bool read_only = false;
};

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// One epoch, batch by batch on the workers; how many pictures could be used.
int64_t run_epoch(const infig::DataSet& data, const std::vector<std::vector<int64_t>>& batches, const Flags& flags, uint64_t epoch) {
  infig::ImageOptions options;
  options.augment = flags.augment == "rand" ? infig::Augment::kRand : infig::Augment::kNone;
  std::atomic<int64_t> usable{0};
  infig::parallel_for(static_cast<int64_t>(batches.size()), flags.workers, [&](int64_t b) {
    std::vector<float> pixels(static_cast<size_t>(options.size * options.size * 3));
    for (const int64_t row : batches[static_cast<size_t>(b)]) {
      const infig::ImageFile file = infig::read_image_file(data.posts[static_cast<size_t>(row)].image);
      if (flags.read_only) {
        usable += file.status == infig::ImageStatus::kOk ? 1 : 0;
        continue;
      }
      const infig::DecodedImage decoded = infig::decode_image(file.bytes, options.decode());
      if (!infig::usable(decoded.status)) continue;
      infig::RandomStream stream(epoch, "row", static_cast<uint64_t>(row));
      const bool augmented = options.augment == infig::Augment::kRand;
      infig::normalize_image(infig::transform_image(decoded.image, options, augmented ? &stream : nullptr), options, pixels.data());
      ++usable;
    }
  });
  return usable;
}

int bench(const Flags& flags) {
  const auto opened = std::chrono::steady_clock::now();
  const infig::DataSet data = infig::read_data_set(flags.data);
  const double open_seconds = seconds_since(opened);
  std::vector<int64_t> rows = data.rows_of(infig::Split::kTrain);
  if (flags.posts > 0 && static_cast<int64_t>(rows.size()) > flags.posts) rows.resize(static_cast<size_t>(flags.posts));
  std::vector<int64_t> lengths;
  for (const int64_t row : rows) lengths.push_back(static_cast<int64_t>(data.posts[static_cast<size_t>(row)].text.size()));
  double best = 0;
  int64_t usable = 0;
  for (int64_t round = 0; round < flags.rounds; ++round) {
    infig::RandomStream order(1, "order", static_cast<uint64_t>(round));
    auto batches = infig::bucketed_batches(lengths, {.shuffle_buffer = flags.shuffle_buffer, .drop_last = false}, order,
                                           infig::shards_of(data.posts, rows));
    for (auto& batch : batches) {
      for (auto& place : batch) place = rows[static_cast<size_t>(place)];
    }
    const auto start = std::chrono::steady_clock::now();
    usable = run_epoch(data, batches, flags, static_cast<uint64_t>(round));
    best = std::max(best, static_cast<double>(rows.size()) / seconds_since(start));
  }
  std::printf("{\"posts_per_second\": %.1f, \"posts\": %zu, \"usable\": %lld, \"workers\": %lld, \"open_seconds\": %.3f}\n", best,
              rows.size(), static_cast<long long>(usable), static_cast<long long>(flags.workers), open_seconds);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Flags flags;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const std::string value = i + 1 < argc ? argv[i + 1] : "";
    if (word == "--read-only") {
      flags.read_only = true;
      continue;
    }
    ++i;
    if (word == "--data") flags.data = value;
    if (word == "--augment") flags.augment = value;
    if (word == "--workers") flags.workers = std::stoll(value);
    if (word == "--rounds") flags.rounds = std::stoll(value);
    if (word == "--posts") flags.posts = std::stoll(value);
    if (word == "--shuffle-buffer") flags.shuffle_buffer = std::stoll(value);
  }
  if (!flags.data.empty()) return bench(flags);
  std::fprintf(stderr,
               "usage: bench_reader --data DATA [--workers N] [--rounds N] [--posts N] [--shuffle-buffer N] [--augment none|rand] "
               "[--read-only]\n");
  return argc == 1 ? 0 : 2;
}
