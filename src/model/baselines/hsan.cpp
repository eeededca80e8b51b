#include "model/baselines/hsan.h"

#include <ATen/ATen.h>

#include "nn/linear.h"

namespace infig {

void HsanOptions::validate() const {
  require_size("hsan.lstm_size", lstm_size);
  require_size("hsan.hidden_size", hidden_size);
}

void bind_options(ConfigBinder& binder, HsanOptions& options) {
  binder.section("hsan");
  binder.field("lstm_size", options.lstm_size, {.low = 1}, "width of the LSTMs of text, caption and post, and of their attention");
  binder.field("hidden_size", options.hidden_size, {.low = 1}, "width of the layer before the classifier");
}

Hsan::Hsan(const BaselineSizes& sizes, const HsanOptions& options) {
  sizes.validate();
  options.validate();
  const int64_t h = options.lstm_size;
  words_ = register_module("words", WordVectors(sizes.words, sizes.word_size));
  tweet_lstm_ = register_module("tweet_lstm", ForwardLstm(sizes.word_size, h));
  tweet_attention_ = register_module("tweet_attention", ContextAttention(h, h));
  caption_lstm_ = register_module("caption_lstm", ForwardLstm(sizes.word_size, h));
  caption_attention_ = register_module("caption_attention", ContextAttention(h, h));
  post_lstm_ = register_module("post_lstm", ForwardLstm(h, h));
  post_attention_ = register_module("post_attention", ContextAttention(h, h));
  hidden_ = register_module("hidden", linear(h, options.hidden_size));
  classifier_ = register_module("classifier", linear(options.hidden_size, sizes.labels));
}

void Hsan::initialize(uint64_t seed) { initialize_baseline(*this, StartRule::kGlorot, seed, {"words."}); }

at::Tensor Hsan::logits(const BaselineInputs& inputs, DropoutSource* /*dropout*/) {
  const at::Tensor tweet_mask = inputs.words.ne(0), caption_mask = inputs.captions.ne(0);
  const at::Tensor tweet = tweet_attention_->forward(tweet_lstm_->forward(words_->forward(inputs.words), tweet_mask), tweet_mask);
  const at::Tensor caption =
      caption_attention_->forward(caption_lstm_->forward(words_->forward(inputs.captions), caption_mask), caption_mask);
  const at::Tensor has_tweet = tweet_mask.any(1), has_caption = caption_mask.any(1);
  // Steps that are there come first.
  const at::Tensor in_order = has_tweet.unsqueeze(1);
  const at::Tensor steps = at::stack({at::where(in_order, tweet, caption), at::where(in_order, caption, tweet)}, 1);
  const at::Tensor mask = at::stack({has_tweet.logical_or(has_caption), has_tweet.logical_and(has_caption)}, 1);
  const at::Tensor post = post_attention_->forward(post_lstm_->forward(steps, mask), mask);
  return classifier_->forward(at::relu(hidden_->forward(post))).to(at::kFloat);
}

}  // namespace infig
