#include "model/infig_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "model/published_keys.h"

namespace infig {
namespace {

constexpr Range kAtLeastOne{.low = 1};
constexpr Range kProbability{.low = 0, .high = 1, .high_open = true};

std::vector<std::pair<std::string, Activation>> activations() {
  return {{"gelu", Activation::kGelu}, {"gelu_tanh", Activation::kGeluTanh}, {"relu", Activation::kRelu}};
}

void bind_layer(ConfigBinder& binder, TransformerLayerOptions& layer) {
  binder.field("num_attention_heads", layer.num_attention_heads, kAtLeastOne, "heads; divides the hidden size");
  binder.field("intermediate_size", layer.intermediate_size, kAtLeastOne, "width of the feed-forward part");
  binder.choice("hidden_act", layer.hidden_act, activations(), "activation of the feed-forward part: gelu | gelu_tanh | relu");
  binder.field("hidden_dropout_prob", layer.hidden_dropout_prob, kProbability, "dropout of hidden states, row 30");
  binder.field("attention_probs_dropout_prob", layer.attention_probs_dropout_prob, kProbability, "dropout of attention weights");
  binder.field("layer_norm_eps", layer.layer_norm_eps, {.low = 0, .low_open = true}, "epsilon of LayerNorm");
}

void bind_text(ConfigBinder& binder, TextOptions& text) {
  DebertaOptions& e = text.encoder;
  binder.section("text");
  binder.field("model", text.model,
               "folder of a published encoder with its tokenizer (DeBERTa, BERT, RoBERTa, XLM-R, MPNet, DistilBERT, ELECTRA, ModernBERT); "
               "empty: from "
               "scratch");
  binder.field("max_length", text.max_length, {.low = 3},
               "tokens a text, special ones included; longer texts are cut and keep [SEP], row 34");
  binder.choice("special_in_text", text.special_in_text, {{"split", SpecialInText::kSplit}, {"keep", SpecialInText::kKeep}},
                "special tokens that a text has written out ([SEP], </s>): split | keep; split cuts them as other text, keep makes "
                "them those tokens, as transformers does");
  binder.field("vocab_size", text.vocab_size, {.low = 16}, "pieces of the vocabulary trained on the run's own training texts");
  binder.field("character_coverage", text.character_coverage, {.low = 0.98, .high = 1},
               "share of the characters that get a piece of their own");
  binder.field("case_fold", text.case_fold, "upper and lower case are one in a vocabulary trained on the run's own texts");
  binder.field("hidden_size", e.hidden_size, kAtLeastOne, "width d of every part of the model");
  binder.field("num_hidden_layers", e.num_hidden_layers, kAtLeastOne, "DeBERTa layers");
  binder.field("num_attention_heads", e.num_attention_heads, kAtLeastOne, "heads; divides hidden_size");
  binder.field("intermediate_size", e.intermediate_size, kAtLeastOne, "width of the feed-forward part");
  binder.choice("hidden_act", e.hidden_act, activations(), "activation of the feed-forward part: gelu | gelu_tanh | relu");
  binder.field("hidden_dropout_prob", e.hidden_dropout_prob, kProbability, "dropout of hidden states");
  binder.field("attention_probs_dropout_prob", e.attention_probs_dropout_prob, kProbability, "dropout of attention weights");
  binder.field("max_position_embeddings", e.max_position_embeddings, kAtLeastOne, "largest position");
  binder.field("layer_norm_eps", e.layer_norm_eps, {.low = 0, .low_open = true}, "epsilon of LayerNorm");
  binder.field("initializer_range", e.initializer_range, {.low = 0, .low_open = true}, "deviation of random initial weights");
  binder.field(
      "embedding_initializer_range", e.embedding_initializer_range, {.low = 0},
      "the same of the word embeddings; 0: initializer_range. From scratch on few texts a small one learns words instead of posts");
  binder.field("relative_attention", e.relative_attention, "disentangled attention with relative positions");
  binder.field("max_relative_positions", e.max_relative_positions, {.low = -1}, "largest distance told apart; -1: max_position_embeddings");
  binder.field("position_buckets", e.position_buckets, {.low = -1}, "log buckets of distances; -1: one bucket a distance");
  binder.field("pos_att_c2p", e.pos_att_c2p, "content-to-position attention");
  binder.field("pos_att_p2c", e.pos_att_p2c, "position-to-content attention");
  binder.field("share_att_key", e.share_att_key, "positions use the content's query and key projections");
  binder.field("norm_rel_ebd", e.norm_rel_ebd_layer_norm, "LayerNorm over the relative embeddings");
  binder.field("position_biased_input", e.position_biased_input, "absolute positions added to the embeddings");
}

void bind_image(ConfigBinder& binder, ImageModelOptions& image) {
  ImageEncoderOptions& e = image.encoder;
  binder.section("image");
  binder.field(
      "model", image.model,
      "folder or file of a published backbone (ResNet, ConvNeXt, EfficientNet, ...), or folder of a Vision Transformer (ViT, DeiT, "
      "DINOv2, CLIP, SigLIP), row 46; empty: from scratch");
  binder.choice("preprocess", image.own_pixels, {{"model", true}, {"config", false}},
                "with image.model: size, resize, filter, mean and std as the model's own files say, or as the keys here");
  bind_options(binder, image.pixels);
  bind_backbone_keys(binder, e.backbone);
  binder.field(
      "finetune", image.finetune,
      "train the backbone too (of a Vision Transformer the layers below image.num_hidden_layers, with patches and positions), row 20");
  binder.field("batch_norm_train", image.batch_norm_train, "BatchNorm uses the batch's statistics in training, row 20");
  binder.field(
      "drop_path", image.drop_path, kProbability,
      "stochastic depth where the backbone is trained, and of a Vision Transformer's own layers: how often its last block is left out for "
      "a post, lower ones less often; what image.model states does not count");
  binder.field("num_hidden_layers", e.num_hidden_layers, kAtLeastOne,
               "layers of the image Transformer, row 21; of a Vision Transformer its uppermost so many, which are trained, row 46");
  bind_layer(binder, e.layer);
  binder.choice("pos", e.learned_positions, {{"none", false}, {"learned", true}},
                "position embeddings of the image tokens: none | learned, row 21");
  binder.field("initializer_range", e.initializer_range, {.low = 0, .low_open = true}, "deviation of random initial weights, row 21");
}

void bind_clip(ConfigBinder& binder, ClipPriorOptions& clip) {
  binder.section("clip");
  binder.field("model", clip.model,
               "folder or file of a published CLIP, or folder of a SigLIP, frozen, for GAM; empty: none (Table 3's w/o CLIP), row 14");
  binder.field("tokenizer", clip.tokenizer, "folder of its vocabulary and merges; empty: beside clip.model");
  binder.choice("variant", clip.variant,
                {{"ViT-B/32", ClipVariant::kVitB32},
                 {"ViT-B/16", ClipVariant::kVitB16},
                 {"ViT-L/14", ClipVariant::kVitL14},
                 {"any", ClipVariant::kAny}},
                "what clip.model must be (SigLIP: any), and what --random-init makes (any: a ViT-B/32), row 13");
}

void bind_gam(ConfigBinder& binder, GamOptions& gam) {
  binder.section("gam");
  binder.field("layer", gam.layer, kAtLeastOne, "layer from the end whose CLS is aligned; 1 = last (Figure 3)");
  binder.field("queue_size", gam.queue_size, {.low = 0},
               "entries of the momentum queues, row 4; clamped to the training split less a batch");
  binder.choice("queue_start", gam.queue_start, {{"empty", QueueStart::kEmpty}, {"random", QueueStart::kRandom}},
                "empty = only entries that were written count; random = unit vectors, row 6");
  binder.field("momentum", gam.momentum, {.low = 0, .high = 1}, "momentum of the twins, row 8");
  binder.choice("momentum_mode", gam.momentum_train_mode, {{"eval", false}, {"train", true}},
                "eval | train (dropout in the twins), row 10");
  binder.field("momentum_backbone", gam.momentum_backbone, "a trained ResNet gets a twin too instead of being shared, row 9");
  binder.field("proj_dim", gam.proj_dim, {.low = 0}, "extra linear projection of the CLS; 0: none, row 17");
  binder.field("clip_dim", gam.clip_dim, kAtLeastOne, "width of the linear projection of CLIP's embeddings, row 15");
  binder.choice("concat", gam.literal_concat, {{"normalized", false}, {"literal", true}},
                "CLS and CLIP side by side: normalized = each of length 1 first, literal = as they are, row 16");
  binder.field("literal", gam.loss.literal, "leave the positive out of the denominator, as eq. 1 reads, row 1");
  binder.choice("partner", gam.loss.online_partner, {{"momentum", false}, {"online", true}},
                "the positive's other side: momentum | online, row 2");
  binder.field("batch_negatives", gam.loss.batch_negatives, "other posts of the batch are negatives, row 3");
  binder.field("mask_equal_ids", gam.loss.mask_equal_ids, "entries of the same post are no negatives, row 5");
  binder.field("soft_targets", gam.loss.soft_targets, {.low = 0, .high = 1},
               "weight of the momentum model's soft targets (ALBEF's alpha), row 11");
  binder.field("temperature", gam.temperature, {.low = 0.001, .high = 0.5}, "tau at the start, row 12");
  binder.field("learn_temperature", gam.learn_temperature, "tau is learned, clamped to [.001, .5], row 12");
}

void bind_hfam(ConfigBinder& binder, HfamOptions& hfam) {
  binder.section("hfam");
  binder.field("layers", hfam.layers, kAtLeastOne, "pairs of layers from the end, eq. 6, row 24");
  binder.field("top_j", hfam.loss.top_j, kAtLeastOne, "tokens kept on each side, eq. 3; fewer where fewer are there, row 25");
  binder.field("decoupled", hfam.loss.decoupled, "leave the positive out of the denominator, as eq. 5 reads, row 27");
  binder.field("keep_sep", hfam.keep_sep, "[SEP] is a counted token, row 22");
  binder.field("proj_dim", hfam.proj_dim, {.low = 0}, "linear projection before the cosine; 0: none, row 23");
  binder.field("temperature", hfam.temperature, {.low = 0.001, .high = 0.5}, "tau at the start, row 12");
  binder.field("learn_temperature", hfam.learn_temperature, "tau is learned, clamped to [.001, .5], row 12");
  binder.field("chunk_texts", hfam.loss.chunk_texts, kAtLeastOne, "texts compared at once: bounds memory, changes no result");
}

}  // namespace

void InfigOptions::bind_towers(ConfigBinder& binder) {
  bind_text(binder, text);
  bind_image(binder, image);
}

void InfigOptions::bind(ConfigBinder& binder) {
  bind_towers(binder);
  bind_clip(binder, clip);
  bind_gam(binder, gam);
  bind_hfam(binder, hfam);
  binder.section("fusion");
  binder.field("num_hidden_layers", fusion.layers, kAtLeastOne, "layers of the fusion Transformer, eq. 7");
  bind_layer(binder, fusion.layer);
  binder.field("with_cls", fusion.with_cls, "both CLS tokens take part in fusion, row 29");
  binder.field("null_tokens", fusion.null_tokens,
               "a learned token stands in for a missing text or picture (instead of nothing); train.modality_dropout turns it on");
  binder.section("head");
  binder.field("dropout", head_dropout, kProbability, "dropout before the classifier, row 32");
  binder.field("gelu_logits", gelu_logits, "GELU on the logits, as eq. 11 reads, row 33");
  binder.section("loss");
  binder.field("lambda_g", loss.lambda_g, {.low = 0}, "weight of the global alignment loss, eq. 12; 0: no GAM at all");
  binder.field("lambda_f", loss.lambda_f, {.low = 0}, "weight of the fine-grained alignment loss, eq. 12; 0: no HFAM at all");
  bind_options(binder, static_cast<ClassifierLossKeys&>(loss));
}

std::optional<VisionTransformerOptions> ImageModelOptions::vision() const {
  const auto* network = published ? std::get_if<VisionTransformerOptions>(&*published) : nullptr;
  return network == nullptr ? std::nullopt : std::optional<VisionTransformerOptions>(*network);
}

VisionTowerOptions ImageModelOptions::vision_tower(const VisionTransformerOptions& network) const {
  VisionTowerOptions tower = {.network = network,
                              .upper_layers = encoder.num_hidden_layers,
                              .hidden_size = encoder.layer.hidden_size,
                              .initializer_range = encoder.initializer_range,
                              .drop_path = drop_path};
  // Dropout is a choice of the training, which a published config.json does not decide.
  tower.network.hidden_dropout_prob = encoder.layer.hidden_dropout_prob;
  tower.network.attention_probs_dropout_prob = encoder.layer.attention_probs_dropout_prob;
  return tower;
}

int64_t InfigOptions::hidden_size() const { return text_encoder_facts(text.tower()).hidden_size; }

int64_t InfigOptions::text_layers() const { return text_encoder_facts(text.tower()).num_hidden_layers; }

int64_t InfigOptions::global_size() const {
  return (gam.proj_dim > 0 ? gam.proj_dim : hidden_size()) + (clip.embed_dim > 0 ? gam.clip_dim : 0);
}

namespace {

// A Vision Transformer's positions are made for pictures of one size, unless it resamples them.
void finish_vision(const ImageModelOptions& image, const VisionTransformerOptions& network) {
  image.vision_tower(network).validate();
  const bool fits = network.any_size() ? image.pixels.size >= network.patch_size : image.pixels.size == network.image_size;
  if (fits) return;
  throw ConfigError(
      fmt::format("image.size: is {}; {} has positions for pictures of {} pixels; use that, with image.preprocess=config where "
                  "image.model says otherwise",
                  image.pixels.size, network.model_type, network.image_size));
}

void finish_image(ImageModelOptions& image) {
  if (const auto network = image.vision()) return finish_vision(image, *network);
  const int64_t stride = stride_of(image.backbone());
  image.encoder.grid = cells_of(image.backbone(), image.pixels.size);
  if (image.encoder.grid == 0) {
    throw ConfigError(fmt::format("image.size: {} pixels are no multiple of the backbone's stride {}; choose one, as {}", image.pixels.size,
                                  stride, (image.pixels.size / stride + 1) * stride));
  }
  image.encoder.validate();
}

}  // namespace

void InfigOptions::finish() {
  const int64_t d = hidden_size();
  image.encoder.layer.hidden_size = d;
  fusion.layer.hidden_size = d;
  image.pixels.validate();
  if (!text.published) text.encoder.validate();
  finish_image(image);
  fusion.layer.validate();
  gam.loss.validate();
  hfam.loss.validate();
  loss.validate();
  const int64_t shared_layers = std::min(text_layers(), image.encoder.num_hidden_layers);
  if (gam.layer > shared_layers)
    throw ConfigError(fmt::format("gam.layer: {} from the end, but the encoders share only {} layers", gam.layer, shared_layers));
  if (hfam.layers > shared_layers)
    throw ConfigError(fmt::format("hfam.layers: {} pairs, but the encoders share only {} layers", hfam.layers, shared_layers));
  const int64_t longest = text_encoder_facts(text.tower()).max_length;
  if (longest > 0 && text.max_length > longest) {
    throw ConfigError(fmt::format("text.max_length: {} is more than the {} positions of the text encoder", text.max_length, longest));
  }
  if (image.batch_norm_train && !image.finetune) {
    throw ConfigError(
        "image.batch_norm_train: true needs image.finetune: true (a frozen backbone keeps its running statistics); set "
        "image.batch_norm_train=false");
  }
  if (image.batch_norm_train && image.vision()) {
    throw ConfigError("image.batch_norm_train: true is for convolutional backbones; a Vision Transformer has no BatchNorm");
  }
  if (image.drop_path > 0 && !image.finetune && !image.vision()) {
    throw ConfigError(
        fmt::format("image.drop_path: {} needs image.finetune: true (no block of a frozen backbone is left out)", image.drop_path));
  }
  if (gam.momentum_backbone && !image.finetune) {
    throw ConfigError(
        "gam.momentum_backbone: true needs image.finetune: true (a frozen backbone never moves: its twin would be a second copy of it)");
  }
}

InfigOptions& infig_options(ModelConfig& config) {
  if (auto* options = dynamic_cast<InfigOptions*>(&*config)) return *options;
  throw ConfigError(fmt::format("model.name: is {}; this works for infig alone", config.kind().name));
}

const InfigOptions& infig_options(const ModelConfig& config) {
  if (const auto* options = dynamic_cast<const InfigOptions*>(&*config)) return *options;
  throw ConfigError(fmt::format("model.name: is {}; this works for infig alone", config.kind().name));
}

}  // namespace infig
