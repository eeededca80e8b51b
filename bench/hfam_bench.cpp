// HFAM of one layer, forward and backward: the chunked kernels against the broadcast form that materialises [B, B, P, T].
// Each measurement runs in a child process of its own, so that its peak memory is its own; results are compared before times are.
//   bench_hfam [--threads N] [--repeats N]
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "alignment/fine_grained.h"

namespace {

constexpr int64_t kImageTokens = 49, kWidth = 768, kTopJ = 2;
constexpr double kNaiveLimitGigabytes = 18;

struct Setting {
  int64_t posts, text_tokens;
  bool full;  // every text as long as the batch's longest; otherwise 1 .. T evenly, as real batches are padded
};

struct Result {
  double median = 0, fastest = 0, slowest = 0;  // seconds of forward and backward
  double peak_gigabytes = 0;                    // over what the process held before
  double loss = 0, image_gradient = 0, text_gradient = 0;
};

double peak_gigabytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / (1 << 20);
}

// Plain operations: cosine of all token pairs at once, padding filled with the lowest value, topk both ways.
infig::FineGrainedSimilarity naive(const at::Tensor& image, const at::Tensor& text, const at::Tensor& mask) {
  const auto unit = [](const at::Tensor& x) { return x / x.norm(2, {-1}, true).clamp_min(1e-12); };
  const int64_t images = image.size(0), texts = text.size(0);
  const at::Tensor padding = (mask == 0).view({1, texts, 1, mask.size(1)});
  const at::Tensor similarity = at::matmul(unit(image).reshape({-1, kWidth}), unit(text).reshape({-1, kWidth}).t())
                                    .view({images, kImageTokens, texts, mask.size(1)})
                                    .permute({0, 2, 1, 3});
  const at::Tensor lengths = mask.sum(1), kept = lengths.clamp_max(kTopJ);
  const at::Tensor best =
      std::get<0>(similarity.masked_fill(padding, std::numeric_limits<float>::lowest()).topk(std::min(kTopJ, mask.size(1)), 3));
  const at::Tensor there = (at::arange(best.size(3)).view({1, -1}) < kept.view({-1, 1})).view({1, texts, 1, best.size(3)});
  const at::Tensor to_text = best.masked_fill(there.logical_not(), 0).sum({2, 3}) / (kept * kImageTokens);
  const at::Tensor to_image = (std::get<0>(similarity.topk(kTopJ, 2)).sum(2) * mask.view({1, texts, -1})).sum(2) / (lengths * kTopJ);
  return {.image_to_text = to_text, .text_to_image = to_image};
}

Result measure(const Setting& setting, bool ours, int repeats) {
  at::manual_seed(1);
  const at::Tensor image = at::randn({setting.posts, kImageTokens, kWidth}).requires_grad_(true);
  const at::Tensor text = at::randn({setting.posts, setting.text_tokens, kWidth}).requires_grad_(true);
  at::Tensor lengths =
      setting.full ? at::full({setting.posts}, setting.text_tokens) : at::arange(setting.posts) * setting.text_tokens / setting.posts + 1;
  const at::Tensor mask = (at::arange(setting.text_tokens).unsqueeze(0) < lengths.to(at::kLong).unsqueeze(1)).to(at::kLong);
  const at::Tensor tau = at::tensor(0.07f);
  Result result;
  std::vector<double> seconds;
  const double before = peak_gigabytes();
  for (int run = 0; run <= repeats; ++run) {  // the first warms up
    image.mutable_grad() = at::Tensor();
    text.mutable_grad() = at::Tensor();
    const auto start = std::chrono::steady_clock::now();
    const infig::FineGrainedOptions options{.top_j = kTopJ};
    const auto similarity = ours ? infig::fine_grained_similarity(image, text, mask, options) : naive(image, text, mask);
    const at::Tensor loss = infig::fine_grained_loss(similarity, tau, options).mean();
    loss.backward();
    if (run > 0) seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    result.loss = loss.item<double>();
  }
  result.peak_gigabytes = peak_gigabytes() - before;
  std::sort(seconds.begin(), seconds.end());
  result.median = seconds[seconds.size() / 2];
  result.fastest = seconds.front();
  result.slowest = seconds.back();
  result.image_gradient = image.grad().to(at::kDouble).norm().item<double>();
  result.text_gradient = text.grad().to(at::kDouble).norm().item<double>();
  return result;
}

// Runs this program again for one measurement and reads its line. (A fork of a process with thread pools could not compute.)
bool in_child(const char* program, const Setting& setting, bool ours, int threads, int repeats, Result& result) {
  int pipe_ends[2];
  if (pipe(pipe_ends) != 0) return false;
  const pid_t child = fork();
  if (child == 0) {
    dup2(pipe_ends[1], STDOUT_FILENO);
    close(pipe_ends[0]);
    const auto text = [](int64_t value) { return std::to_string(value); };
    execl(program, program, "--child", text(setting.posts).c_str(), text(setting.text_tokens).c_str(), text(setting.full).c_str(),
          text(ours).c_str(), text(threads).c_str(), text(repeats).c_str(), static_cast<char*>(nullptr));
    _exit(127);
  }
  close(pipe_ends[1]);
  FILE* line = fdopen(pipe_ends[0], "r");
  // NOLINTNEXTLINE(bugprone-unchecked-string-to-number-conversion): the child is this program; the count of fields is looked at
  const int fields = std::fscanf(line, "%lf %lf %lf %lf %lf %lf %lf", &result.median, &result.fastest, &result.slowest,
                                 &result.peak_gigabytes, &result.loss, &result.image_gradient, &result.text_gradient);
  std::fclose(line);
  int status = 0;
  waitpid(child, &status, 0);
  return fields == 7 && status == 0;
}

bool agree(double a, double b) { return std::isfinite(a) && std::abs(a - b) <= 1e-4 * std::abs(b); }

// The naive form holds, as floats, the product, its masked copy, and their gradients: four times B B P T.
double naive_gigabytes(const Setting& setting) {
  return 4.0 * 4.0 * static_cast<double>(setting.posts * setting.posts * kImageTokens * setting.text_tokens) / (1 << 30);
}

int compare(const char* program, int threads, int repeats) {
  std::printf(
      "HFAM, one layer, forward and backward: P = %lld, d = %lld, j = %lld, float32, %d threads, median (fastest .. slowest) of %d\n",
      static_cast<long long>(kImageTokens), static_cast<long long>(kWidth), static_cast<long long>(kTopJ), threads, repeats);
  std::printf("%4s %4s %-6s | %-26s %8s | %-26s %8s | %6s %6s\n", "B", "T", "texts", "chunked kernels, s", "GiB", "broadcast, s", "GiB",
              "faster", "leaner");
  int faults = 0;
  for (const Setting& setting :
       std::vector<Setting>{{64, 64, true}, {64, 128, true}, {64, 128, false}, {128, 64, true}, {128, 128, true}, {128, 128, false}}) {
    Result ours, other;
    const bool ran = in_child(program, setting, true, threads, repeats, ours);
    std::printf("%4lld %4lld %-6s | %6.3f (%6.3f .. %6.3f) %8.2f | ", static_cast<long long>(setting.posts),
                static_cast<long long>(setting.text_tokens), setting.full ? "full" : "1..T", ours.median, ours.fastest, ours.slowest,
                ours.peak_gigabytes);
    if (naive_gigabytes(setting) > kNaiveLimitGigabytes) {
      std::printf("skipped: it would need about %.0f GiB\n", naive_gigabytes(setting));
    } else if (!ran || !in_child(program, setting, false, threads, repeats, other)) {
      std::printf("a measurement failed\n");
      ++faults;
    } else {
      const bool same = agree(ours.loss, other.loss) && agree(ours.image_gradient, other.image_gradient) &&
                        agree(ours.text_gradient, other.text_gradient);
      std::printf("%6.3f (%6.3f .. %6.3f) %8.2f | %5.1fx %5.1fx%s\n", other.median, other.fastest, other.slowest, other.peak_gigabytes,
                  other.median / ours.median, other.peak_gigabytes / ours.peak_gigabytes, same ? "" : "  RESULTS DIFFER");
      faults += same ? 0 : 1;
    }
    std::fflush(stdout);
  }
  return faults == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 8 && std::strcmp(argv[1], "--child") == 0) {
    at::set_num_threads(std::stoi(argv[6]));
    const Result r = measure({.posts = std::stoll(argv[2]), .text_tokens = std::stoll(argv[3]), .full = std::stoi(argv[4]) != 0},
                             std::stoi(argv[5]) != 0, std::stoi(argv[7]));
    std::printf("%.9g %.9g %.9g %.9g %.9g %.9g %.9g\n", r.median, r.fastest, r.slowest, r.peak_gigabytes, r.loss, r.image_gradient,
                r.text_gradient);
    return 0;
  }
  int threads = at::get_num_threads(), repeats = 3;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--threads") == 0) threads = std::max(1, std::stoi(argv[i + 1]));
    if (std::strcmp(argv[i], "--repeats") == 0) repeats = std::max(1, std::stoi(argv[i + 1]));
  }
  return compare("/proc/self/exe", threads, repeats);
}
