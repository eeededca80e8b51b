// Pictures without a tensor library: seconds from JPEG file to what the network sees; what bench/bench_pictures.py sets beside Pillow.
//   bench_pixel time [--repeats N] [--threads N] [--fast] FILE...   JSON: seconds a picture, whole and decoding alone (median of repeats);
//                                                                   of the processor with one thread, else by the clock
//   bench_pixel show [--fast] FILE...                               224 x 224 RGB bytes of each file, one after the other
//   bench_pixel compare FILE...                                     JSON: how far image.dct_scale=fast is from exact, in steps of 255
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <string>
#include <vector>

#include "core/parallel.h"
#include "image/transform.h"

namespace {

struct Request {
  infig::ImageOptions options;
  std::vector<std::string> files;
  int64_t repeats = 5, threads = 1;
};

double now(bool processor) {
  if (processor) return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double median_seconds(int64_t repeats, bool processor, const std::function<void()>& work) {
  std::vector<double> seconds;
  for (int64_t i = 0; i < repeats + 1; ++i) {
    const double start = now(processor);
    work();
    if (i >= 1) seconds.push_back(now(processor) - start);
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds[seconds.size() / 2];
}

infig::Image decoded(const std::string& file, const infig::ImageOptions& options) {
  infig::DecodedImage result = infig::decode_image_file(file, options.decode());
  if (infig::usable(result.status)) return std::move(result.image);
  std::fprintf(stderr, "bench_pixel: %s: %s\n", file.c_str(), result.reason.c_str());
  std::exit(1);
}

int time_files(const Request& request) {
  const auto& [options, files, repeats, threads] = request;
  const auto count = static_cast<int64_t>(files.size());
  const auto each = [&](const std::function<void(const std::string&)>& work) {
    return median_seconds(repeats, threads == 1,
                          [&] { infig::parallel_for(count, threads, [&](int64_t i) { work(files[static_cast<size_t>(i)]); }); });
  };
  const double all = each([&options = options](const std::string& file) {
    std::vector<float> out(static_cast<size_t>(options.size * options.size * 3));
    infig::normalize_image(infig::transform_image(decoded(file, options), options, nullptr), options, out.data());
  });
  const double decode = each([&options = options](const std::string& file) { static_cast<void>(decoded(file, options)); });
  std::printf("{\"pixels\": %.6g, \"decode\": %.6g}\n", all / static_cast<double>(count), decode / static_cast<double>(count));
  return 0;
}

int show_files(const Request& request) {
  for (const auto& file : request.files) {
    const infig::Image image = infig::transform_image(decoded(file, request.options), request.options, nullptr);
    if (std::fwrite(image.pixels.data(), 1, image.pixels.size(), stdout) != image.pixels.size()) return 1;
  }
  return 0;
}

// Over the pictures that fast decodes smaller: the largest difference of a sample, the mean of all, and the mean a picture at worst.
int compare_files(const Request& request) {
  infig::ImageOptions fast = request.options;
  fast.dct_scale = infig::DctScale::kFast;
  int worst = 0;
  int64_t scaled = 0;
  double sum = 0, worst_mean = 0;
  for (const auto& file : request.files) {
    const infig::Image whole = decoded(file, request.options), smaller = decoded(file, fast);
    if (smaller.width == whole.width) continue;
    ++scaled;
    const infig::Image one = infig::transform_image(whole, request.options, nullptr), two = infig::transform_image(smaller, fast, nullptr);
    double difference = 0;
    for (size_t i = 0; i < one.pixels.size(); ++i) {
      const int step = std::abs(int{one.pixels[i]} - int{two.pixels[i]});
      worst = std::max(worst, step);
      difference += step;
    }
    difference /= static_cast<double>(one.pixels.size());
    sum += difference;
    worst_mean = std::max(worst_mean, difference);
  }
  const double mean = scaled > 0 ? sum / static_cast<double>(scaled) : 0;
  std::printf("{\"pictures\": %zu, \"scaled\": %lld, \"max\": %d, \"mean\": %.4f, \"worst_mean\": %.4f}\n", request.files.size(),
              static_cast<long long>(scaled), worst, mean, worst_mean);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string verb = argc > 1 ? argv[1] : "";
  // Shorter side 256 bicubic, centre crop 224, (x - 127) / 128: EfficientNet-Lite's preprocessing.
  Request request{.options = {.filter = infig::Filter::kBicubic,
                              .augment = infig::Augment::kNone,
                              .mean = {127.0 / 255, 127.0 / 255, 127.0 / 255},
                              .std = {128.0 / 255, 128.0 / 255, 128.0 / 255}},
                  .files = {}};
  for (int i = 2; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--repeats" && i + 1 < argc) {
      request.repeats = std::stoll(argv[++i]);
    } else if (word == "--threads" && i + 1 < argc) {
      request.threads = std::stoll(argv[++i]);
    } else if (word == "--fast") {
      request.options.dct_scale = infig::DctScale::kFast;
    } else {
      request.files.push_back(word);
    }
  }
  if (!request.files.empty()) {
    if (verb == "time") return time_files(request);
    if (verb == "show") return show_files(request);
    if (verb == "compare") return compare_files(request);
  }
  std::fprintf(stderr, "usage: bench_pixel time|show|compare [--repeats N] [--threads N] [--fast] FILE...\n");
  return verb.empty() ? 0 : 2;
}
