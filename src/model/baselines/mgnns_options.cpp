// The keys of MGNNS, see mgnns.h.
#include <fmt/format.h>

#include "core/error.h"
#include "model/baselines/mgnns.h"

namespace infig {

void MgnnsOptions::validate() const {
  require_size("mgnns.ngram", ngram, 0);
  require_size("mgnns.window", window);
  require_size("mgnns.min_pair_count", min_pair_count);
  require_size("mgnns.lstm_size", lstm_size);
  require_size("mgnns.graph_size", graph_size);
  require_size("mgnns.attention_heads", attention_heads);
  require_size("mgnns.label_size", label_size);
  require_size("mgnns.blocks", blocks);
  require_size("mgnns.heads", heads);
  require_size("mgnns.head_size", head_size);
  require_dropout("mgnns.dropout", dropout);
  require_dropout("mgnns.attention_dropout", attention_dropout);
  if (2 * lstm_size % attention_heads != 0) {
    throw ConfigError(
        fmt::format("mgnns.attention_heads: is {}; allowed is a divisor of twice mgnns.lstm_size = {}", attention_heads, 2 * lstm_size));
  }
  const auto share = [](const char* key, double value) {
    if (!(value >= 0 && value <= 1)) throw ConfigError(fmt::format("{}: is {}; allowed is 0 to 1", key, value));
  };
  share("mgnns.object_threshold", object_threshold);
  share("mgnns.scene_threshold", scene_threshold);
  share("mgnns.gamma", gamma);
}

void bind_options(ConfigBinder& binder, MgnnsOptions& options) {
  const Range size{.low = 1}, probability{.low = 0, .high = 1, .high_open = true}, share{.low = 0, .high = 1};
  binder.section("mgnns");
  binder.field("ngram", options.ngram, {.low = 0}, "positions on each side that a word of the text's graph is joined with");
  binder.field("window", options.window, size, "positions on each side in which pairs of words are counted for their PMI");
  binder.field("min_pair_count", options.min_pair_count, size, "pairs of words counted less often share one weight");
  binder.field("lstm_size", options.lstm_size, size, "width of each direction of the text's LSTM; the model is twice as wide");
  binder.field("graph_size", options.graph_size, size, "width between the two layers of the class graphs");
  binder.field("attention_heads", options.attention_heads, size, "heads of the sentiment attention; divides the model's width");
  binder.field("label_size", options.label_size, size, "what the sentiment attention keeps of each label");
  binder.field("blocks", options.blocks, size, "blocks in each stack of the fusion");
  binder.field("heads", options.heads, size, "heads of a block's attention");
  binder.field("head_size", options.head_size, size, "width of each of these heads");
  binder.field("dropout", options.dropout, probability, "dropout everywhere but in a block's attention");
  binder.field("attention_dropout", options.attention_dropout, probability, "dropout of the attention weights of a block");
  binder.field("object_threshold", options.object_threshold, share,
               "share of the posts with object i that show j from which both are joined");
  binder.field("scene_threshold", options.scene_threshold, share, "the same of scenes");
  binder.field("gamma", options.gamma, share, "share of its neighbours in a class of a graph");
}

}  // namespace infig
