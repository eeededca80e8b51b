#include "model/baselines/text_graph.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/error.h"
#include "nn/attention.h"

namespace infig {

TextGraphImpl::TextGraphImpl(int64_t words, int64_t size, int64_t ngram, int64_t pairs) : vocabulary_(words), ngram_(ngram) {
  nodes_ = register_module("nodes", WordVectors(words, size));
  pair_weight_ = register_parameter("pair_weight", at::ones({pairs + 1, 1}));
  pair_keys_ = register_buffer("pair_keys", at::zeros({pairs}, at::kLong));
}

void TextGraphImpl::set_pairs(const at::Tensor& keys) {
  const at::NoGradGuard no_grad;
  if (keys.scalar_type() != at::kLong || keys.dim() != 1 || keys.size(0) != pair_keys_.size(0)) {
    throw ShapeError(fmt::format("text graph: expected {} pairs of words, int64, found {} {}", pair_keys_.size(0),
                                 c10::toString(keys.scalar_type()), keys.sizes().vec()));
  }
  const int64_t count = keys.size(0);
  const bool ascending = count < 2 || keys.slice(0, 1).gt(keys.slice(0, 0, count - 1)).all().item<bool>();
  if (!ascending || (count > 0 && (keys[0].item<int64_t>() < 0 || keys[-1].item<int64_t>() >= vocabulary_ * vocabulary_)))
    throw ShapeError(fmt::format("text graph: pairs of words must be ascending keys below {} x {}", vocabulary_, vocabulary_));
  pair_keys_.copy_(keys);
}

void TextGraphImpl::initialize() {
  const at::NoGradGuard no_grad;
  pair_weight_.fill_(1.0);
}

at::Tensor TextGraphImpl::pair_rows(const at::Tensor& from, const at::Tensor& to) const {
  const at::Tensor keys = from * vocabulary_ + to;
  const int64_t count = pair_keys_.size(0);
  if (count == 0) return at::zeros_like(keys);
  const at::Tensor place = at::searchsorted(pair_keys_, keys.contiguous()).clamp_max(count - 1);
  return at::where(pair_keys_.index_select(0, place.flatten()).view_as(place).eq(keys), place + 1, at::zeros_like(place));
}

// Messages are made position by position, from the 2 n + 1 words around each; those of the positions of one word are then joined. A pair
// that stands in several places sends the same message several times, of which the maximum knows nothing.
at::Tensor TextGraphImpl::forward(const at::Tensor& words) {
  const int64_t posts = words.size(0), length = words.size(1), around = 2 * ngram_ + 1;
  const at::Tensor near = at::constant_pad_nd(words, {ngram_, ngram_}).unfold(1, around, 1);  // [B, W, 2n + 1]: who may send to a position
  const at::Tensor here = words.unsqueeze(2).expand_as(near);
  const at::Tensor absent = near.eq(0).logical_or(here.eq(0));
  const at::Tensor weights = at::embedding(pair_weight_, pair_rows(near, here)).squeeze(3);                             // [B, W, 2n + 1]
  const at::Tensor vectors = at::constant_pad_nd(nodes_->forward(words), {0, 0, ngram_, ngram_}).unfold(1, around, 1);  // [B, W, w, 2n + 1]
  const at::Tensor messages = vectors * weights.unsqueeze(2);
  const double lowest = lowest_value(messages.scalar_type());
  const at::Tensor received = messages.masked_fill(absent.unsqueeze(2), lowest).amax(3);  // [B, W, w]
  // A node lies where its word stands first.
  const at::Tensor index = at::arange(length, words.options());
  const at::Tensor same = words.unsqueeze(2).eq(words.unsqueeze(1));
  const at::Tensor first = at::where(same, index.view({1, 1, length}), at::full({}, length, words.options())).amin(2);  // [B, W]
  const at::Tensor place = first.unsqueeze(2).expand_as(received);
  const at::Tensor nodes = at::full_like(received.detach(), lowest).scatter_reduce(1, place, received, "amax");
  const at::Tensor is_node = first.eq(index.view({1, length})).logical_and(words.ne(0));
  return nodes.masked_fill(is_node.logical_not().unsqueeze(2), 0.0).sum(1).view({posts, received.size(2)});
}

}  // namespace infig
