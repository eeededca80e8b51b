// infig encode: features of posts by a published encoder, row by row, for comparing with other implementations and for use elsewhere.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "apps/commands.h"
#include "apps/compute_flags.h"
#include "core/error.h"
#include "core/log.h"
#include "core/parallel.h"
#include "core/progress.h"
#include "data/data_set.h"
#include "data/sampler.h"
#include "encoders/clip.h"
#include "encoders/image_backbone.h"
#include "encoders/text_encoder.h"
#include "image/decode.h"
#include "image/transform.h"
#include "tensor/archive.h"
#include "tensor/batch.h"
#include "text/tokenizer.h"

namespace infig {
namespace {

namespace fs = std::filesystem;

struct EncodeFlags {
  std::string model, input, output, layers = "last";
  int64_t batch_size = 32, threads = 0, workers = 2, limit = 0;
  bool gradients = false;
};

std::vector<Post> posts_of(const EncodeFlags& flags) {
  if (flags.threads > 0) at::set_num_threads(static_cast<int>(flags.threads));
  std::vector<Post> posts = read_posts(flags.input);
  if (flags.limit > 0 && std::cmp_less(flags.limit, posts.size())) posts.resize(static_cast<size_t>(flags.limit));
  if (posts.empty()) throw DataError(fmt::format("{}: holds no posts", flags.input));
  return posts;
}

void save_encoded(const EncodeFlags& flags, const std::vector<Post>& posts, const TensorMap& tensors) {
  nlohmann::json ids = nlohmann::json::array();
  for (const Post& post : posts) ids.push_back(post.id);
  save_tensors(flags.output, tensors, {{"format", "pt"}, {"ids", ids.dump()}});
  std::fprintf(stderr, "%zu posts written to %s\n", posts.size(), flags.output.c_str());
}

// The scalar that --gradients differentiates: the sum of every element times cos(index + 1), indices counted row by row over all states.
// Every part of the output has its own weight, so nothing cancels (a plain sum of a LayerNorm's output is constant).
at::Tensor probe(const std::vector<at::Tensor>& states) {
  at::Tensor sum = at::zeros({}, at::kDouble);
  int64_t first = 1;
  for (const at::Tensor& state : states) {
    const at::Tensor index = at::arange(first, first + state.numel(), at::kDouble);
    sum = sum + (state.reshape({-1}).to(at::kDouble) * index.cos()).sum();
    first += state.numel();
  }
  return sum;
}

void add_gradients(torch::nn::Module& module, const at::Tensor& scalar, TensorMap& tensors) {
  scalar.backward();
  tensors["probe"] = scalar.detach().to(at::kFloat);
  for (const auto& item : module.named_parameters()) {
    if (item.value().grad().defined()) tensors["grad." + item.key()] = item.value().grad();
  }
}

// Texts as ids: [N, L] with L the longest, padded with the tokenizer's padding, and the mask.
struct EncodedTexts {
  at::Tensor input_ids, attention_mask;
  std::vector<int64_t> lengths;
};

EncodedTexts encode_texts(const std::vector<Post>& posts, const fs::path& model, int64_t longest, int64_t workers) {
  const auto tokenizer = load_tokenizer(model);
  std::vector<std::vector<int64_t>> ids(posts.size());
  parallel_for(static_cast<int64_t>(posts.size()), workers, [&](int64_t i) {
    const auto row = static_cast<size_t>(i);
    ids[row] = tokenizer->encode(posts[row].text, longest).ids;
  });
  EncodedTexts texts;
  for (const auto& row : ids) texts.lengths.push_back(static_cast<int64_t>(row.size()));
  std::vector<int64_t> all(ids.size());
  std::iota(all.begin(), all.end(), 0);
  PaddedTexts padded = pad_texts(ids, all, tokenizer->pad_id());
  texts.input_ids = std::move(padded.input_ids);
  texts.attention_mask = std::move(padded.attention_mask);
  return texts;
}

// Calls `use(rows, input_ids, attention_mask)` batch by batch, texts of like length together, cut to the batch's longest.
template <typename Use>
void for_each_text_batch(const EncodeFlags& flags, const EncodedTexts& texts, const Use& use) {
  for (const auto& batch : sorted_batches(texts.lengths, flags.batch_size)) {
    const at::Tensor rows = at::tensor(batch, at::kLong);
    int64_t width = 0;
    for (const int64_t row : batch) width = std::max(width, texts.lengths[static_cast<size_t>(row)]);
    const auto part = [&](const at::Tensor& tensor) { return tensor.index_select(0, rows).narrow(1, 0, width).contiguous(); };
    use(rows, part(texts.input_ids), part(texts.attention_mask));
  }
}

void encode_text_gradients(const EncodeFlags& flags, const std::vector<Post>& posts, TextEncoder& encoder, const EncodedTexts& texts) {
  TensorMap tensors = {{"input_ids", texts.input_ids}, {"attention_mask", texts.attention_mask}};
  std::vector<at::Tensor> states = encoder.forward(texts.input_ids, texts.attention_mask, nullptr);
  for (at::Tensor& state : states) state = state * texts.attention_mask.unsqueeze(2);
  add_gradients(encoder, probe(states), tensors);
  save_encoded(flags, posts, tensors);
}

void encode_text_verb(const EncodeFlags& flags) {
  const std::vector<Post> posts = posts_of(flags);
  const auto encoder = load_text_encoder(flags.model);
  const EncodedTexts texts = encode_texts(posts, flags.model, encoder->max_length(), flags.workers);
  if (flags.gradients) return encode_text_gradients(flags, posts, *encoder, texts);
  TensorMap tensors = {{"input_ids", texts.input_ids}, {"attention_mask", texts.attention_mask}};
  const auto output = [&](const std::string& name) -> at::Tensor& {
    at::Tensor& tensor = tensors[name];
    if (!tensor.defined()) tensor = at::zeros({texts.input_ids.size(0), texts.input_ids.size(1), encoder->hidden_size()});
    return tensor;
  };
  ProgressBar bar("encoding", static_cast<int64_t>(posts.size()));
  int64_t done = 0;
  for_each_text_batch(flags, texts, [&](const at::Tensor& rows, const at::Tensor& ids, const at::Tensor& mask) {
    const int64_t width = ids.size(1);
    std::vector<at::Tensor> states;
    {
      const c10::InferenceMode inference;
      states = encoder->forward(ids, mask, nullptr);
      // Padding is 0, whatever batch a text was in.
      for (at::Tensor& state : states) state = state * mask.unsqueeze(2);
    }
    output("last_hidden_state").narrow(1, 0, width).index_copy_(0, rows, states.back());
    for (size_t k = 0; flags.layers == "all" && k < states.size(); ++k) {
      output(fmt::format("hidden_states.{}", k)).narrow(1, 0, width).index_copy_(0, rows, states[k]);
    }
    bar.update(done += rows.size(0));
  });
  bar.finish();
  save_encoded(flags, posts, tensors);
}

// The pixels of posts first .. first + count - 1: [count, 3, S, S] float, channels-last in memory.
at::Tensor read_pixels(const std::vector<Post>& posts, int64_t first, int64_t count, const ImageOptions& options, int64_t workers) {
  const int64_t side = options.size;
  at::Tensor pixels = at::empty({count, side, side, 3}, at::kFloat);
  parallel_for(count, workers, [&](int64_t i) {
    const Post& post = posts[static_cast<size_t>(first + i)];
    if (post.image.empty()) throw DataError(fmt::format("post {}: has no picture; encode needs one in every row", post.id));
    const DecodedImage decoded = decode_image_file(post.image, options.decode());
    if (!usable(decoded.status)) {
      throw DataError(
          fmt::format("post {}: picture {}: {}: {}", post.id, post.image.string(), image_status_name(decoded.status), decoded.reason));
    }
    if (decoded.status != ImageStatus::kOk) log_warning("post {}: picture {}: {}", post.id, post.image.string(), decoded.reason);
    normalize_image(transform_image(decoded.image, options, nullptr), options, pixels.data_ptr<float>() + i * side * side * 3);
  });
  return pixels.permute({0, 3, 1, 2});
}

// Calls `use(first row, pixels)` batch by batch.
template <typename Use>
void for_each_pixel_batch(const EncodeFlags& flags, const std::vector<Post>& posts, const ImageOptions& options, const Use& use) {
  ProgressBar bar("encoding", static_cast<int64_t>(posts.size()));
  const auto total = static_cast<int64_t>(posts.size());
  for (int64_t first = 0; first < total; first += flags.batch_size) {
    const int64_t count = std::min(flags.batch_size, total - first);
    use(first, read_pixels(posts, first, count, options, flags.workers));
    bar.update(first + count);
  }
  bar.finish();
}

void encode_image_verb(const EncodeFlags& flags) {
  const std::vector<Post> posts = posts_of(flags);
  const PublishedBackbone published = load_image_backbone(flags.model);
  const auto total = static_cast<int64_t>(posts.size());
  if (flags.gradients) {
    const at::Tensor pixels = read_pixels(posts, 0, total, published.pixels, flags.workers);
    TensorMap tensors = {{"pixel_values", pixels}};
    add_gradients(*published.backbone, probe({published.backbone->features(pixels, false).flatten(2).transpose(1, 2)}), tensors);
    return save_encoded(flags, posts, tensors);
  }
  const int64_t side = published.pixels.size, channels = published.backbone->feature_size();
  TensorMap tensors = {{"pixel_values", at::empty({total, 3, side, side})}, {"pooled", at::empty({total, channels})}};
  for_each_pixel_batch(flags, posts, published.pixels, [&](int64_t first, const at::Tensor& pixels) {
    const c10::InferenceMode inference;
    const at::Tensor map = published.backbone->features(pixels, false), grid = map.flatten(2).transpose(1, 2);  // [B, P, c], row by row
    if (first == 0) {
      const c10::InferenceMode normal(false);
      tensors["grid"] = at::empty({total, grid.size(1), channels});
    }
    tensors["pixel_values"].narrow(0, first, pixels.size(0)).copy_(pixels);
    tensors["grid"].narrow(0, first, pixels.size(0)).copy_(grid);
    tensors["pooled"].narrow(0, first, pixels.size(0)).copy_(pool_grid(map));
  });
  save_encoded(flags, posts, tensors);
}

void encode_clip_verb(const EncodeFlags& flags) {
  const std::vector<Post> posts = posts_of(flags);
  PublishedClip clip = load_clip(flags.model);
  const ClipOptions& options = clip.model->options();
  const EncodedTexts texts = encode_texts(posts, folder_of_clip(flags.model), options.max_position_embeddings, flags.workers);
  const auto total = static_cast<int64_t>(posts.size());
  TensorMap tensors = {{"image_embeds", at::empty({total, options.projection_dim})},
                       {"text_embeds", at::empty({total, options.projection_dim})},
                       {"input_ids", texts.input_ids},
                       {"attention_mask", texts.attention_mask}};
  for_each_text_batch(flags, texts, [&](const at::Tensor& rows, const at::Tensor& ids, const at::Tensor&) {
    const c10::InferenceMode inference;
    tensors["text_embeds"].index_copy_(0, rows, clip.model->text_embeds(ids));
  });
  for_each_pixel_batch(flags, posts, clip.pixels, [&](int64_t first, const at::Tensor& pixels) {
    const c10::InferenceMode inference;
    tensors["image_embeds"].narrow(0, first, pixels.size(0)).copy_(clip.model->image_embeds(pixels));
  });
  save_encoded(flags, posts, tensors);
}

using EncodeWork = void (*)(const EncodeFlags&);

std::shared_ptr<EncodeFlags> add_encoder(CLI::App& app, const char* name, const char* help, const char* footer, EncodeWork work) {
  CLI::App* part = app.add_subcommand(name, help);
  auto flags = std::make_shared<EncodeFlags>();
  part->add_option("--model", flags->model, "model folder as transformers saves it, or a file of weights")
      ->required()
      ->check(CLI::ExistingPath);
  part->add_option("--input", flags->input, "JSONL, CSV or TSV with id, text, image (paths from the file's folder), or a data set folder")
      ->required()
      ->check(CLI::ExistingPath);
  part->add_option("--output", flags->output, "safetensors file that is written")->required();
  add_compute_flags(*part, {.batch_size = flags->batch_size,
                            .threads = flags->threads,
                            .workers = flags->workers,
                            .workers_help = "threads that tokenise and read pictures"});
  add_limit_flag(*part, flags->limit, "only the first so many posts");
  part->footer(footer);
  part->callback([flags, work] { work(*flags); });
  return flags;
}

constexpr const char* kProbe =
    "write instead the gradients grad.NAME of the scalar `probe`: every element of the states (padding as 0; grid for image) times\n"
    "cos(1 + its index), indices counted row by row over all states; all posts are one batch";

}  // namespace

void add_encode(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("encode", "features of posts by a published encoder, one row a post, in order");
  verb->require_subcommand(1);
  verb->footer("infig encode KIND --help explains each kind.");
  const auto text = add_encoder(
      *verb, "text", "hidden states of a text encoder: DeBERTa v2 and v3, BERT, RoBERTa, XLM-R, MPNet",
      "Output: input_ids, attention_mask I64 [N,L]; last_hidden_state F32 [N,L,d] and, with --layers all, hidden_states.0 (embeddings) "
      "...\n"
      "hidden_states.n; 0 where the mask is 0. Texts are cut at the model's last position. Metadata ids: JSON list of the posts' ids.\n"
      "Example:\n  infig encode text --model weights/minilm-l6 --input posts.jsonl --output text.safetensors --layers all",
      encode_text_verb);
  CLI::App* text_verb = verb->get_subcommand("text");
  text_verb->add_option("--layers", text->layers, "last | all")->capture_default_str()->check(CLI::IsMember({"last", "all"}));
  text_verb->add_flag("--gradients", text->gradients, kProbe);
  const auto image = add_encoder(
      *verb, "image", "grid of an image backbone: ResNet, EfficientNet-Lite",
      "Output: pixel_values F32 [N,3,S,S] as the network sees them; grid F32 [N,P,c] row by row (P = 49 at 224 pixels); pooled F32 [N,c].\n"
      "Metadata ids: JSON list of the posts' ids. A picture that cannot be used stops the work.\n"
      "Example:\n  infig encode image --model weights/efficientnet-lite0 --input posts.jsonl --output image.safetensors",
      encode_image_verb);
  verb->get_subcommand("image")->add_flag("--gradients", image->gradients, kProbe);
  add_encoder(*verb, "clip", "image and text embeddings of CLIP",
              "Output: image_embeds, text_embeds F32 [N,projection], projected, not normalised; input_ids, attention_mask I64 [N,L].\n"
              "Metadata ids: JSON list of the posts' ids. A picture that cannot be used stops the work.\n"
              "Example:\n  infig encode clip --model weights/clip-vit-b32 --input posts.jsonl --output clip.safetensors",
              encode_clip_verb);
}

}  // namespace infig
