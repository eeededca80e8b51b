#include "any_model/models.h"

#include <map>

#include "any_model/frozen_linear.h"
#include "model/small_keys.h"

namespace infig::test {
namespace {

// Of the networks of Table 2: what they share, and their own widths.
std::vector<std::string> small_baseline(const std::string& name) {
  std::vector<std::string> keys = {"words.size=8"};
  // Of attribute words HSAN reads no picture, and takes no key of one.
  if (name != "hsan") {
    for (const std::string& key : small_backbone_keys()) keys.push_back(key);
  }
  static const std::map<std::string, std::vector<std::string>> kOwn = {
      {"multisentinet", {"multisentinet.lstm_size=12", "multisentinet.picture_size=12", "multisentinet.hidden_size=12"}},
      {"hsan", {"hsan.lstm_size=12", "hsan.hidden_size=12", "captions.from=attributes"}},
      {"co-memory", {"co_memory.lstm_size=6", "co_memory.hops=2"}},
      {"mvan", {"mvan.lstm_size=6", "mvan.hops=2", "mvan.hidden_size=12"}},
      {"concat2", {"words.max_length=12", "concat2.lstm_size=6", "concat2.region_size=8", "concat2.hidden_size=12"}},
      {"concat3",
       {"words.max_length=12", "concat3.lstm_size=6", "concat3.region_size=8", "concat3.attribute_size=6", "concat3.hidden_size=12"}},
      {"mmsd",
       {"words.max_length=12", "mmsd.lstm_size=6", "mmsd.region_size=8", "mmsd.attribute_size=6", "mmsd.fusion_size=12",
        "mmsd.hidden_size=12"}},
      {"dr-net", {"dr_net.lstm_size=6", "dr_net.space_size=8", "dr_net.hidden_size=12"}},
      {"mgnns",
       {"mgnns.lstm_size=4", "mgnns.graph_size=8", "mgnns.attention_heads=2", "mgnns.label_size=4", "mgnns.heads=2", "mgnns.head_size=4",
        "mgnns.classes=none", "mgnns.object_classes=5", "mgnns.scene_classes=7", "mgnns.dropout=0.1"}},
  };
  if (const auto own = kOwn.find(name); own != kOwn.end()) keys.insert(keys.end(), own->second.begin(), own->second.end());
  return keys;
}

}  // namespace

const ModelList& tried_models() {
  static const ModelList kModels = [] {
    ModelList models = built_in_models();
    models.push_back({"frozen-linear", "FrozenLinear", frozen_linear_options});
    return models;
  }();
  return kModels;
}

namespace {

// INFIG's towers, which CLMLF has too.
std::vector<std::string> small_towers() {
  return {"text.vocab_size=64",
          "text.hidden_size=16",
          "text.num_hidden_layers=3",
          "text.num_attention_heads=2",
          "text.intermediate_size=32",
          "text.position_buckets=8",
          "text.max_position_embeddings=64",
          "text.max_length=16",
          "image.size=32",
          "image.resize=32",
          "image.augment=none",
          "image.bottleneck=false",
          "image.stage_blocks=[1, 1, 1, 1]",
          "image.stage_widths=[16, 16, 16, 16]",
          "image.stem_width=16",
          "image.num_attention_heads=2",
          "image.intermediate_size=32"};
}

}  // namespace

std::vector<std::string> small_keys(const std::string& name) {
  if (name == "frozen-linear") return {};
  if (name == "clmlf") {
    std::vector<std::string> keys = small_towers();
    const std::vector<std::string> own = {"clmlf.num_hidden_layers=1", "clmlf.num_attention_heads=2", "clmlf.intermediate_size=32",
                                          "clmlf.frozen_epochs=1"};
    keys.insert(keys.end(), own.begin(), own.end());
    return keys;
  }
  if (name != "infig") return small_baseline(name);
  std::vector<std::string> keys = small_towers();
  const std::vector<std::string> own = {"image.num_hidden_layers=3", "fusion.num_hidden_layers=1", "fusion.num_attention_heads=2",
                                        "fusion.intermediate_size=32", "gam.queue_size=10"};
  keys.insert(keys.end(), own.begin(), own.end());
  return keys;
}

}  // namespace infig::test
