// infig encode: features of posts by a published encoder, row by row, for comparing with other implementations and for use elsewhere.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "apps/commands.h"
#include "apps/compute_flags.h"
#include "apps/encode_pictures.h"
#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "core/parallel.h"
#include "core/progress.h"
#include "core/words.h"
#include "data/data_set.h"
#include "data/sampler.h"
#include "encoders/clip.h"
#include "encoders/image_backbone.h"
#include "encoders/sentence_vector.h"
#include "encoders/text_encoder.h"
#include "image/transform.h"
#include "tensor/archive.h"
#include "tensor/batch.h"
#include "text/tokenizer.h"

namespace infig {
namespace {

namespace fs = std::filesystem;

struct EncodeFlags {
  std::string model, input, output, layers = "last", bad_image = "missing";
  int64_t batch_size = 32, threads = 0, workers = 2, limit = 0;
  bool gradients = false, pooled = false;
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
  make_folder_of(flags.output);
  save_tensors(flags.output, tensors, {{"format", "pt"}, {"ids", ids.dump()}});
  std::fprintf(stderr, "%s written to %s\n", counted(static_cast<int64_t>(posts.size()), "post").c_str(), flags.output.c_str());
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
  int64_t pad_id = 0;
  int64_t prompt_length = 0;  // the first tokens of every text, which are the prompt's
};

// Tokens of a prompt without the special one behind it, as sentence-transformers counts.
int64_t prompt_length(const Tokenizer& tokenizer, const std::string& prompt, int64_t longest) {
  if (prompt.empty()) return 0;
  const std::vector<int64_t> ids = tokenizer.encode(prompt, longest).ids;
  const SpecialIds& special = tokenizer.special_ids();
  const bool framed = !ids.empty() && std::ranges::any_of(std::array{special.pad, special.cls, special.sep, special.unk, special.mask},
                                                          [&](int32_t id) { return id == ids.back(); });
  return static_cast<int64_t>(ids.size()) - (framed ? 1 : 0);
}

EncodedTexts encode_texts(const std::vector<Post>& posts, const fs::path& model, int64_t longest, int64_t workers,
                          ClipText clip_text = ClipText::kByFolder, const std::string& prompt = "") {
  const auto tokenizer = load_tokenizer(model, SpecialInText::kKeep, clip_text);
  log_info("tokenizer: {}", tokenizer->rule());
  std::vector<std::vector<int64_t>> ids(posts.size());
  parallel_for(static_cast<int64_t>(posts.size()), workers, [&](int64_t i) {
    const auto row = static_cast<size_t>(i);
    ids[row] = tokenizer->encode(prompt + posts[row].text, longest).ids;
  });
  EncodedTexts texts;
  for (const auto& row : ids) texts.lengths.push_back(static_cast<int64_t>(row.size()));
  std::vector<int64_t> all(ids.size());
  std::iota(all.begin(), all.end(), 0);
  texts.pad_id = tokenizer->pad_id();
  texts.prompt_length = prompt_length(*tokenizer, prompt, longest);
  PaddedTexts padded = pad_texts(ids, all, texts.pad_id);
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

// One vector a text, as the sentence-transformers folder makes it.
void encode_sentences(const EncodeFlags& flags) {
  if (!fs::is_directory(flags.model) || !has_sentence_modules(flags.model)) {
    throw ConfigError(fmt::format("{}: --pooled needs a folder that sentence-transformers saved; it has no modules.json", flags.model));
  }
  const std::vector<Post> posts = posts_of(flags);
  const SentenceModules modules = read_sentence_modules(flags.model);
  const auto encoder = load_text_encoder(modules.encoder);
  int64_t longest = encoder->max_length();
  if (modules.max_length > 0) longest = longest > 0 ? std::min(longest, modules.max_length) : modules.max_length;
  const EncodedTexts texts = encode_texts(posts, modules.encoder, longest, flags.workers, ClipText::kByFolder, modules.prompt);
  const int64_t passed_over = modules.include_prompt ? 0 : texts.prompt_length;
  TensorMap tensors = {{"input_ids", texts.input_ids}, {"attention_mask", texts.attention_mask}};
  ProgressBar bar("encoding", static_cast<int64_t>(posts.size()));
  int64_t done = 0;
  for_each_text_batch(flags, texts, [&](const at::Tensor& rows, const at::Tensor& ids, const at::Tensor& mask) {
    at::Tensor vectors;
    {
      const c10::InferenceMode inference;
      at::Tensor pooled = mask.clone();
      pooled.narrow(1, 0, std::min(passed_over, mask.size(1))).zero_();
      vectors = sentence_vectors(modules, encoder->forward(ids, mask, nullptr).back(), pooled);
    }
    at::Tensor& all = tensors["sentence_embedding"];
    if (!all.defined()) all = at::zeros({texts.input_ids.size(0), vectors.size(1)});
    all.index_copy_(0, rows, vectors);
    bar.update(done += rows.size(0));
  });
  bar.finish();
  save_encoded(flags, posts, tensors);
}

void encode_text_verb(const EncodeFlags& flags) {
  if (flags.pooled) return encode_sentences(flags);
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

// What --gradients differentiates: of convolutions the grid, of a Vision Transformer its hidden states and the tokens of the last one
// behind the final LayerNorm.
std::vector<at::Tensor> image_states(ImageBackbone& backbone, const at::Tensor& pixels) {
  std::vector<at::Tensor> states = backbone.hidden_states(pixels);
  const at::Tensor features = backbone.features(pixels, false);
  states.push_back(states.empty() ? backbone.grid(features) : features);
  return states;
}

EncodePictures pictures_of(const EncodeFlags& flags, const ImageOptions& pixels) {
  EncodePictures how{.pixels = pixels, .batch_size = flags.batch_size, .workers = flags.workers};
  if (flags.bad_image == "skip") how.bad_image = BadImage::kSkip;
  if (flags.bad_image == "error") how.bad_image = BadImage::kError;
  return how;
}

// `posts` and `tensors` row by row, under --bad-image skip without the rows that have no picture.
void save_pictured(const EncodeFlags& flags, const std::vector<Post>& posts, const TensorMap& tensors, const std::vector<int64_t>& others) {
  if (flags.bad_image != "skip") return save_encoded(flags, posts, tensors);
  std::vector<Post> kept;
  for (size_t row = 0; row < posts.size(); ++row) {
    if (!std::binary_search(others.begin(), others.end(), static_cast<int64_t>(row))) kept.push_back(posts[row]);
  }
  save_encoded(flags, kept, without_rows(tensors, others));
}

at::Tensor rows_of_nan(std::vector<int64_t> shape, int64_t rows) {
  const c10::InferenceMode normal(false);
  shape[0] = rows;
  return at::full(shape, std::numeric_limits<float>::quiet_NaN());
}

// All posts are one batch, and each needs its picture: the scalar is of all of them.
void encode_image_gradients(const EncodeFlags& flags, const std::vector<Post>& posts, const PublishedBackbone& published) {
  EncodePictures how = pictures_of(flags, published.pixels);
  how.bad_image = BadImage::kError;
  how.batch_size = static_cast<int64_t>(posts.size());
  TensorMap tensors;
  for_each_pixel_batch(posts, how, [&](const at::Tensor&, const at::Tensor& pixels) {
    tensors["pixel_values"] = pixels;
    add_gradients(*published.backbone, probe(image_states(*published.backbone, pixels)), tensors);
  });
  save_encoded(flags, posts, tensors);
}

void encode_image_verb(const EncodeFlags& flags) {
  const std::vector<Post> posts = posts_of(flags);
  const PublishedBackbone published = load_image_backbone(flags.model);
  const auto total = static_cast<int64_t>(posts.size());
  if (flags.gradients) return encode_image_gradients(flags, posts, published);
  TensorMap tensors;
  const auto encode = [&](const at::Tensor& rows, const at::Tensor& pixels) {
    const c10::InferenceMode inference;
    const at::Tensor features = published.backbone->features(pixels, false);
    const auto keep = [&](const std::string& name, const at::Tensor& part) {
      at::Tensor& whole = tensors[name];
      if (!whole.defined()) whole = rows_of_nan(part.sizes().vec(), total);
      whole.index_copy_(0, rows, part);
    };
    keep("pixel_values", pixels);
    keep("grid", published.backbone->grid(features));  // [B, P, c], row by row
    keep("pooled", published.backbone->pooled(features));
    if (flags.layers != "all") return;
    const std::vector<at::Tensor> states = published.backbone->hidden_states(pixels);
    if (states.empty()) throw ConfigError(fmt::format("{}: --layers all is for Transformers; {} has none", flags.model, published.name));
    for (size_t k = 0; k < states.size(); ++k) keep(fmt::format("hidden_states.{}", k), states[k]);
  };
  const std::vector<int64_t> others = for_each_pixel_batch(posts, pictures_of(flags, published.pixels), encode);
  save_pictured(flags, posts, tensors, others);
}

void encode_clip_verb(const EncodeFlags& flags) {
  const std::vector<Post> posts = posts_of(flags);
  const PublishedImageText clip = load_image_text(flags.model);
  const int64_t width = clip.model->embed_dim();
  const EncodedTexts texts =
      encode_texts(posts, folder_of_clip(flags.model), clip.model->max_length(), flags.workers, clip_text_of(flags.model));
  const auto total = static_cast<int64_t>(posts.size());
  TensorMap tensors = {{"image_embeds", rows_of_nan({total, width}, total)},
                       {"text_embeds", at::empty({total, width})},
                       {"input_ids", texts.input_ids},
                       {"attention_mask", texts.attention_mask}};
  for_each_text_batch(flags, texts, [&](const at::Tensor& rows, const at::Tensor& ids, const at::Tensor&) {
    const c10::InferenceMode inference;
    tensors["text_embeds"].index_copy_(0, rows, clip.model->text_embeds(clip.model->padded(ids, texts.pad_id)));
  });
  const auto encode = [&](const at::Tensor& rows, const at::Tensor& pixels) {
    const c10::InferenceMode inference;
    tensors["image_embeds"].index_copy_(0, rows, clip.model->image_embeds(pixels));
  };
  const std::vector<int64_t> others = for_each_pixel_batch(posts, pictures_of(flags, clip.pixels), encode);
  save_pictured(flags, posts, tensors, others);
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

void add_bad_image_flag(CLI::App& verb, EncodeFlags& flags) {
  verb.add_option("--bad-image", flags.bad_image,
                  "posts without a picture that can be used: missing (their rows are NaN) | skip (they are left out) | error (stop)")
      ->capture_default_str()
      ->check(CLI::IsMember({"missing", "skip", "error"}));
}

constexpr const char* kProbe =
    "write instead the gradients grad.NAME of the scalar `probe`: every element of the states (padding as 0; of an image backbone the "
    "grid, of a Vision Transformer hidden_states.0 to .n and then CLS and patches behind the final LayerNorm) times "
    "cos(1 + its index), indices counted row by row over all states; all posts are one batch";

}  // namespace

void add_encode(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("encode", "features of posts by a published encoder, one row a post, in order");
  verb->require_subcommand(1);
  verb->footer("infig encode KIND --help explains each kind.");
  const auto text = add_encoder(
      *verb, "text", "hidden states of a text encoder: DeBERTa v2 and v3, BERT, RoBERTa, XLM-R, MPNet, DistilBERT, ELECTRA, ModernBERT",
      "Output: input_ids, attention_mask I64 [N,L]; last_hidden_state F32 [N,L,d] and, with --layers all, hidden_states.0 (embeddings) "
      "...\n"
      "hidden_states.n; 0 where the mask is 0. Texts are cut at the model's last position. Metadata ids: JSON list of the posts' ids.\n"
      "Example:\n  infig encode text --model weights/minilm-l6 --input posts.jsonl --output text.safetensors --layers all",
      encode_text_verb);
  CLI::App* text_verb = verb->get_subcommand("text");
  text_verb->add_option("--layers", text->layers, "last | all")->capture_default_str()->check(CLI::IsMember({"last", "all"}));
  CLI::Option* layers = text_verb->get_option("--layers");
  text_verb
      ->add_flag("--pooled", text->pooled,
                 "write instead sentence_embedding F32 [N,d], the vector of a sentence-transformers folder: its pooling (mean, cls, max, "
                 "weightedmean, ...), Dense and Normalize; texts are cut where the folder says")
      ->excludes(layers);
  text_verb->add_flag("--gradients", text->gradients, kProbe)->excludes("--pooled");
  const auto image = add_encoder(
      *verb, "image",
      "features of an image backbone: ResNet, ConvNeXt, EfficientNet, ..., or Vision Transformers (ViT, DeiT, DINOv2, CLIP, SigLIP)",
      "Output: pixel_values F32 [N,3,S,S] as the network sees them; grid F32 [N,P,c] row by row (P = 49 at 224 pixels); pooled F32 [N,c].\n"
      "Of a Vision Transformer grid are the patches and pooled is the CLS behind the final LayerNorm, and --layers all adds "
      "hidden_states.0 "
      "...\nhidden_states.n as transformers gives them.\n"
      "Metadata ids: JSON list of the posts' ids.\n"
      "Example:\n  infig encode image --model weights/efficientnet-lite0 --input posts.jsonl --output image.safetensors",
      encode_image_verb);
  CLI::App* image_verb = verb->get_subcommand("image");
  image_verb->add_option("--layers", image->layers, "last | all (Vision Transformers)")
      ->capture_default_str()
      ->check(CLI::IsMember({"last", "all"}));
  add_bad_image_flag(*image_verb, *image);
  image_verb->add_flag("--gradients", image->gradients, kProbe)->excludes("--bad-image");
  const auto clip =
      add_encoder(*verb, "clip", "image and text embeddings of CLIP or SigLIP",
                  "Output: image_embeds, text_embeds F32 [N,projection], projected, not normalised; input_ids, attention_mask I64 [N,L].\n"
                  "Metadata ids: JSON list of the posts' ids.\n"
                  "Example:\n  infig encode clip --model weights/clip-vit-b32 --input posts.jsonl --output clip.safetensors",
                  encode_clip_verb);
  add_bad_image_flag(*verb->get_subcommand("clip"), *clip);
}

}  // namespace infig
