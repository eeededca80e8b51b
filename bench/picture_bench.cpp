// Seconds of a backbone's forward pass; what bench/bench_pictures.py sets beside PyTorch. Prints one JSON object.
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
      model.clear();
      break;
    }
  }
  if (verb == "backbone" && !model.empty()) return backbone(model, batch, repeats);
  std::fprintf(stderr, "usage: bench_picture backbone --model PATH [--batch N] [--threads N] [--repeats N]\n");
  return verb.empty() ? 0 : 2;
}
