// A text encoder's inference with random weights: seconds of the forward pass, what bench/bench_encoders.py sets beside transformers and
// ONNX Runtime. Prints one JSON object a line for each batch x length.
//   bench_encoder [--model FOLDER] [--threads N] [--repeats N] [--warmup N] [--processor-time] [BATCHxLENGTH ...]     (without a model:
//   MiniLM's and DeBERTa-v3-base's sizes)
// A LENGTH of 0 stands for mixed lengths: 128 texts of 16 .. 256 tokens, batched as infig does it, texts of like length together; the
// seconds are those of all of them.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "data/sampler.h"
#include "encoders/text_encoder.h"

namespace {

struct Passes {
  int64_t repeats = 20, warmup = 3;
  bool processor = false;  // seconds of processor time, of all threads together, instead of the clock
};

double seconds_now(bool processor) {
  timespec now{};
  clock_gettime(processor ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

struct Timing {
  double median = 0, fastest = 0;
};

struct Texts {
  at::Tensor ids, mask;
};

// [batch, width] without padding.
Texts make_texts(const infig::TextEncoder& encoder, int64_t batch, int64_t width) {
  return {at::arange(batch * width, at::kLong).view({batch, width}).remainder(encoder.vocab_size() - 10) + 5,
          at::ones({batch, width}, at::kLong)};
}

std::vector<Texts> mixed_texts(const infig::TextEncoder& encoder, int64_t batch_size) {
  std::vector<int64_t> lengths;
  for (int64_t i = 0; i < 128; ++i) lengths.push_back(16 + (i * 37 % 128) * 240 / 127);  // as bench_encoders.py has them
  std::vector<Texts> batches;
  for (const auto& rows : infig::sorted_batches(lengths, batch_size)) {
    int64_t width = 0;
    for (const int64_t row : rows) width = std::max(width, lengths[static_cast<size_t>(row)]);
    Texts texts = make_texts(encoder, static_cast<int64_t>(rows.size()), width);
    for (size_t i = 0; i < rows.size(); ++i) texts.mask[static_cast<int64_t>(i)].slice(0, lengths[static_cast<size_t>(rows[i])]).zero_();
    batches.push_back(texts);
  }
  return batches;
}

Timing time_forward(infig::TextEncoder& encoder, const std::vector<Texts>& batches, const Passes& passes) {
  std::vector<double> seconds;
  const c10::InferenceMode inference;
  for (int64_t i = 0; i < passes.repeats + passes.warmup; ++i) {
    const double start = seconds_now(passes.processor);
    for (const auto& texts : batches) encoder.forward(texts.ids, texts.mask, nullptr);
    if (i >= passes.warmup) seconds.push_back(seconds_now(passes.processor) - start);
  }
  std::sort(seconds.begin(), seconds.end());
  return {.median = seconds[seconds.size() / 2], .fastest = seconds.front()};
}

std::vector<nlohmann::json> built_in_configs() {
  return {{{"model_type", "bert"}, {"hidden_size", 384}, {"num_hidden_layers", 6}, {"intermediate_size", 1536}},
          {{"model_type", "deberta-v2"},
           {"vocab_size", 8000},
           {"hidden_size", 768},
           {"num_hidden_layers", 12},
           {"num_attention_heads", 12},
           {"intermediate_size", 3072},
           {"relative_attention", true},
           {"position_buckets", 256},
           {"pos_att_type", {"p2c", "c2p"}},
           {"share_att_key", true},
           {"norm_rel_ebd", "layer_norm"},
           {"position_biased_input", false}}};
}

void bench_model(const nlohmann::json& config, const std::vector<std::pair<int64_t, int64_t>>& shapes, const Passes& passes) {
  const auto encoder = infig::make_text_encoder(config);
  encoder->initialize(1);
  for (const auto& [batch, length] : shapes) {
    const auto batches = length > 0 ? std::vector<Texts>{make_texts(*encoder, batch, length)} : mixed_texts(*encoder, batch);
    const Timing timing = time_forward(*encoder, batches, passes);
    std::printf("{\"model\": \"%s\", \"width\": %lld, \"batch\": %lld, \"length\": %lld, \"median\": %.6g, \"fastest\": %.6g}\n",
                config.value("model_type", "").c_str(), static_cast<long long>(encoder->hidden_size()), static_cast<long long>(batch),
                static_cast<long long>(length), timing.median, timing.fastest);
    std::fflush(stdout);
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::string model;
  Passes passes;
  std::vector<std::pair<int64_t, int64_t>> shapes;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--model" && i + 1 < argc) {
      model = argv[++i];
    } else if (word == "--threads" && i + 1 < argc) {
      at::set_num_threads(std::stoi(argv[++i]));
    } else if (word == "--repeats" && i + 1 < argc) {
      passes.repeats = std::max(1LL, std::stoll(argv[++i]));
    } else if (word == "--warmup" && i + 1 < argc) {
      passes.warmup = std::stoll(argv[++i]);
    } else if (word == "--processor-time") {
      passes.processor = true;
    } else {
      const size_t cross = word.find('x');
      if (cross == std::string::npos) return std::fprintf(stderr, "unknown word %s\n", word.c_str()), 2;
      shapes.emplace_back(std::stoll(word.substr(0, cross)), std::stoll(word.substr(cross + 1)));
    }
  }
  if (shapes.empty()) shapes = {{1, 16}, {1, 128}, {32, 16}, {32, 0}};
  std::vector<nlohmann::json> configs;
  if (!model.empty()) configs.push_back(infig::read_model_config(model));
  if (model.empty()) configs = built_in_configs();
  for (const auto& config : configs) bench_model(config, shapes, passes);
  return 0;
}
