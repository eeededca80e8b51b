// Pictures: seconds from JPEG file to what the network sees, and of a backbone's forward pass; what bench/bench_pictures.py sets beside
// Pillow with NumPy, and PyTorch. Prints one JSON object.
//   bench_picture pixels [--repeats N] FILE...                    one thread; median over rounds of the mean over the files
//   bench_picture backbone --model PATH [--batch N] [--threads N] [--repeats N]
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "encoders/image_backbone.h"
#include "image/transform.h"

namespace {

double median_seconds(int64_t repeats, const std::function<void()>& work) {
  std::vector<double> seconds;
  for (int64_t i = 0; i < repeats + 2; ++i) {
    const auto start = std::chrono::steady_clock::now();
    work();
    if (i >= 2) seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds[seconds.size() / 2];
}

// Shorter side 256 bicubic, centre crop 224, (x - 127) / 128: EfficientNet-Lite's preprocessing.
int pixels(const std::vector<std::string>& files, int64_t repeats) {
  const infig::ImageOptions options = {.filter = infig::Filter::kBicubic,
                                       .augment = infig::Augment::kNone,
                                       .mean = {127.0 / 255, 127.0 / 255, 127.0 / 255},
                                       .std = {128.0 / 255, 128.0 / 255, 128.0 / 255}};
  std::vector<float> out(static_cast<size_t>(options.size * options.size * 3));
  const double all = median_seconds(repeats, [&] {
    for (const auto& file : files) {
      const auto decoded = infig::decode_image_file(file, options.decode());
      if (!infig::usable(decoded.status)) std::fprintf(stderr, "%s: %s\n", file.c_str(), decoded.reason.c_str());
      if (infig::usable(decoded.status))
        infig::normalize_image(infig::transform_image(decoded.image, options, nullptr), options, out.data());
    }
  });
  const double decode = median_seconds(repeats, [&] {
    for (const auto& file : files) static_cast<void>(infig::decode_image_file(file, options.decode()));
  });
  const auto count = static_cast<double>(files.size());
  std::printf("{\"pixels\": %.6g, \"decode\": %.6g}\n", all / count, decode / count);
  return 0;
}

int backbone(const std::string& model, int64_t batch, int64_t repeats) {
  const auto published = infig::load_image_backbone(model);
  const int64_t size = published.pixels.size;
  const at::Tensor input =
      at::arange(batch * 3 * size * size, at::kFloat).sin().view({batch, 3, size, size}).contiguous(at::MemoryFormat::ChannelsLast);
  const c10::InferenceMode inference;
  const double seconds = median_seconds(repeats, [&] { published.backbone->features(input, false); });
  std::printf("{\"backbone\": %.6g}\n", seconds);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string verb = argc > 1 ? argv[1] : "";
  std::string model;
  std::vector<std::string> files;
  int64_t batch = 1, repeats = 10;
  for (int i = 2; i < argc; ++i) {
    const std::string word = argv[i];
    const bool more = i + 1 < argc;
    if (word == "--model" && more) {
      model = argv[++i];
    } else if (word == "--batch" && more) {
      batch = std::stoll(argv[++i]);
    } else if (word == "--threads" && more) {
      at::set_num_threads(std::stoi(argv[++i]));
    } else if (word == "--repeats" && more) {
      repeats = std::stoll(argv[++i]);
    } else {
      files.push_back(word);
    }
  }
  if (verb == "pixels" && !files.empty()) return pixels(files, repeats);
  if (verb == "backbone" && !model.empty()) return backbone(model, batch, repeats);
  std::fprintf(stderr, "usage: bench_picture pixels FILE... | bench_picture backbone --model PATH\n");
  return verb.empty() ? 0 : 2;
}
