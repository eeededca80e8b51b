// GAM and HFAM by plain loops in double precision, values and analytic gradients, straight from eq. 1-6. No tensor operations.
#pragma once

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <vector>

namespace infig::reference {

using Vec = std::vector<double>;
using Mat = std::vector<Vec>;     // [rows][width]
using Tokens = std::vector<Mat>;  // [posts][tokens][width]

inline Mat to_rows(const at::Tensor& tensor) {
  const at::Tensor values = tensor.detach().to(at::kDouble).contiguous();
  Mat rows(values.size(0), Vec(values.size(1)));
  for (int64_t i = 0; i < values.size(0); ++i) {
    for (int64_t k = 0; k < values.size(1); ++k) rows[i][k] = values.const_data_ptr<double>()[i * values.size(1) + k];
  }
  return rows;
}

inline Tokens to_tokens(const at::Tensor& tensor) {
  Tokens tokens;
  for (int64_t i = 0; i < tensor.size(0); ++i) tokens.push_back(to_rows(tensor.select(0, i)));
  return tokens;
}

inline at::Tensor to_tensor(const Mat& rows) {
  at::Tensor tensor = at::empty({static_cast<int64_t>(rows.size()), static_cast<int64_t>(rows.at(0).size())}, at::kDouble);
  for (size_t i = 0; i < rows.size(); ++i)
    std::copy(rows[i].begin(), rows[i].end(), tensor.mutable_data_ptr<double>() + i * rows[i].size());
  return tensor;
}

inline at::Tensor to_tensor(const Tokens& tokens) {
  std::vector<at::Tensor> posts;
  for (const Mat& post : tokens) posts.push_back(to_tensor(post));
  return at::stack(posts);
}

inline double dot(const Vec& a, const Vec& b) { return std::inner_product(a.begin(), a.end(), b.begin(), 0.0); }
inline double cosine(const Vec& a, const Vec& b) {
  const double norms = std::sqrt(dot(a, a)) * std::sqrt(dot(b, b));
  return norms > 0 ? dot(a, b) / norms : 0;
}
// gradient += weight * d cos(a, b) / da
inline void add_cosine_gradient(const Vec& a, const Vec& b, double weight, Vec& gradient) {
  const double aa = std::sqrt(dot(a, a)), bb = std::sqrt(dot(b, b));
  if (aa == 0 || bb == 0) return;
  const double c = cosine(a, b);
  for (size_t k = 0; k < a.size(); ++k) gradient[k] += weight * (b[k] / (aa * bb) - c * a[k] / (aa * aa));
}

// Places of the j largest values (fewer where fewer are there), of equal ones the first.
inline std::vector<int64_t> top(const Vec& values, int64_t j) {
  std::vector<int64_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return values[a] > values[b]; });
  order.resize(std::min<size_t>(order.size(), j));
  return order;
}

// One InfoNCE over rows of logits; left_out[r][k]: k is not in row r's denominator. Gradients with respect to the logits.
struct NaiveNce {
  double sum = 0;
  int64_t count = 0;
  Mat gradient;
};
inline NaiveNce naive_info_nce(const Mat& logits, const std::vector<int64_t>& targets, std::vector<std::vector<bool>> left_out, bool drop) {
  NaiveNce result;
  for (size_t r = 0; r < logits.size(); ++r) {
    left_out[r][targets[r]] = drop;
    result.gradient.emplace_back(logits[r].size(), 0.0);
    double denominator = 0;
    for (size_t k = 0; k < logits[r].size(); ++k) denominator += left_out[r][k] ? 0 : std::exp(logits[r][k]);
    if (denominator == 0) continue;
    result.sum += std::log(denominator) - logits[r][targets[r]];
    ++result.count;
    for (size_t k = 0; k < logits[r].size(); ++k) result.gradient[r][k] += left_out[r][k] ? 0 : std::exp(logits[r][k]) / denominator;
    result.gradient[r][targets[r]] -= 1;
  }
  return result;
}
inline std::vector<std::vector<bool>> nothing_left_out(size_t rows, size_t columns) { return {rows, std::vector<bool>(columns, false)}; }

// Eq. 3-4 for every image and text, and the gradient of sum(to_text * S_p2q + to_image * S_q2p) where weights are given.
struct NaiveFineGrained {
  Mat image_to_text, text_to_image;
  Tokens image_gradient, text_gradient;
};
inline NaiveFineGrained naive_fine_grained(const Tokens& image, const Tokens& text, const at::Tensor& mask, int64_t j,
                                           const Mat& to_text = {}, const Mat& to_image = {}) {
  NaiveFineGrained result{Mat(image.size(), Vec(text.size())), Mat(image.size(), Vec(text.size())), image, text};
  for (Tokens* gradient : {&result.image_gradient, &result.text_gradient}) {
    for (Mat& post : *gradient)
      for (Vec& token : post) std::fill(token.begin(), token.end(), 0.0);
  }
  for (size_t p = 0; p < image.size(); ++p) {
    for (size_t q = 0; q < text.size(); ++q) {
      std::vector<int64_t> counted;
      for (size_t l = 0; l < text[q].size(); ++l)
        if (mask[q][l].item<int64_t>() != 0) counted.push_back(l);
      const auto pair = [&](int64_t k, int64_t l, double weight) {
        add_cosine_gradient(image[p][k], text[q][l], weight, result.image_gradient[p][k]);
        add_cosine_gradient(text[q][l], image[p][k], weight, result.text_gradient[q][l]);
      };
      for (size_t k = 0; k < image[p].size(); ++k) {
        Vec values;
        for (const int64_t l : counted) values.push_back(cosine(image[p][k], text[q][l]));
        const auto kept = top(values, j);
        const double scale = 1.0 / static_cast<double>(kept.size() * image[p].size());
        for (const int64_t i : kept) {
          result.image_to_text[p][q] += values[i] * scale;
          if (!to_text.empty()) pair(k, counted[i], to_text[p][q] * scale);
        }
      }
      for (const int64_t l : counted) {
        Vec values;
        for (const Vec& token : image[p]) values.push_back(cosine(token, text[q][l]));
        const auto kept = top(values, j);
        const double scale = 1.0 / static_cast<double>(kept.size() * counted.size());
        for (const int64_t k : kept) {
          result.text_to_image[p][q] += values[k] * scale;
          if (!to_image.empty()) pair(k, l, to_image[p][q] * scale);
        }
      }
    }
  }
  return result;
}

// Eq. 5 of one layer and its gradients with respect to tokens and temperature.
struct NaiveFineGrainedLoss {
  double sum = 0;
  int64_t count = 0;
  double temperature_gradient = 0;
  NaiveFineGrained parts;
};
inline NaiveFineGrainedLoss naive_fine_grained_loss(const Tokens& image, const Tokens& text, const at::Tensor& mask, int64_t j, double tau,
                                                    bool decoupled) {
  const size_t posts = image.size();
  const NaiveFineGrained similarity = naive_fine_grained(image, text, mask, j);
  Mat by_image = similarity.image_to_text, by_text = similarity.text_to_image;  // rows of by_text: texts
  for (size_t p = 0; p < posts; ++p) {
    for (size_t q = 0; q < posts; ++q) {
      by_image[p][q] = similarity.image_to_text[p][q] / tau;
      by_text[q][p] = similarity.text_to_image[p][q] / tau;
    }
  }
  std::vector<int64_t> own(posts);
  std::iota(own.begin(), own.end(), 0);
  const NaiveNce image_side = naive_info_nce(by_image, own, nothing_left_out(posts, posts), decoupled);
  const NaiveNce text_side = naive_info_nce(by_text, own, nothing_left_out(posts, posts), decoupled);
  NaiveFineGrainedLoss loss{.sum = image_side.sum + text_side.sum, .count = image_side.count, .parts = {}};
  Mat to_text = by_image, to_image = by_image;
  for (size_t p = 0; p < posts; ++p) {
    for (size_t q = 0; q < posts; ++q) {
      to_text[p][q] = image_side.gradient[p][q] / tau;
      to_image[p][q] = text_side.gradient[q][p] / tau;
      loss.temperature_gradient -= image_side.gradient[p][q] * by_image[p][q] / tau + text_side.gradient[q][p] * by_text[q][p] / tau;
    }
  }
  loss.parts = naive_fine_grained(image, text, mask, j, to_text, to_image);
  return loss;
}

// Eq. 1-2 with rows 1-6. Posts with counted[b] = false are neither queries nor keys.
struct NaiveGlobal {
  double sum = 0;
  int64_t count = 0;
  double temperature_gradient = 0;
  Mat image_gradient, text_gradient;
};
struct NaiveGlobalInput {
  Mat image, text, image_key, text_key, queue_image, queue_text;
  std::vector<int64_t> queue_ids, ids;
  std::vector<bool> counted;
};
inline void naive_global_side(const NaiveGlobalInput& input, const Mat& query, const Mat& key, const Mat& queue, double tau, bool literal,
                              Mat& gradient, NaiveGlobal& result) {
  std::vector<int64_t> posts;
  for (size_t b = 0; b < input.ids.size(); ++b)
    if (input.counted[b]) posts.push_back(b);
  Mat keys;
  std::vector<int64_t> key_ids;
  for (const int64_t b : posts) {
    keys.push_back(key[b]);
    key_ids.push_back(input.ids[b]);
  }
  for (size_t v = 0; v < queue.size(); ++v) {
    keys.push_back(queue[v]);
    key_ids.push_back(input.queue_ids[v]);
  }
  Mat logits;
  std::vector<int64_t> own;
  auto left_out = nothing_left_out(posts.size(), keys.size());
  for (size_t r = 0; r < posts.size(); ++r) {
    own.push_back(r);
    logits.emplace_back();
    for (size_t k = 0; k < keys.size(); ++k) {
      logits[r].push_back(cosine(query[posts[r]], keys[k]) / tau);
      left_out[r][k] = key_ids[k] == input.ids[posts[r]];
    }
  }
  const NaiveNce nce = naive_info_nce(logits, own, left_out, literal);
  result.sum += nce.sum / 2;
  result.count = nce.count;
  for (size_t r = 0; r < posts.size(); ++r) {
    for (size_t k = 0; k < keys.size(); ++k) {
      add_cosine_gradient(query[posts[r]], keys[k], nce.gradient[r][k] / (2 * tau), gradient[posts[r]]);
      result.temperature_gradient -= nce.gradient[r][k] * logits[r][k] / (2 * tau);
    }
  }
}
inline NaiveGlobal naive_global(const NaiveGlobalInput& input, double tau, bool literal) {
  NaiveGlobal result;
  result.image_gradient = Mat(input.image.size(), Vec(input.image[0].size(), 0.0));
  result.text_gradient = result.image_gradient;
  naive_global_side(input, input.image, input.text_key, input.queue_text, tau, literal, result.image_gradient, result);
  naive_global_side(input, input.text, input.image_key, input.queue_image, tau, literal, result.text_gradient, result);
  return result;
}

// Value alone, with the other readings of rows 1-3, 5 and 11.
struct NaiveGlobalOptions {
  bool literal = false, online_partner = false, batch_negatives = true, mask_equal_ids = true;
  double soft_targets = 0;
};
inline double naive_global_value(const NaiveGlobalInput& input, double tau, const NaiveGlobalOptions& options) {
  const size_t posts = input.ids.size();
  const auto side = [&](const Mat& query, const Mat& partner, const Mat& momentum_query, const Mat& key, const Mat& queue) {
    double sum = 0;
    for (size_t r = 0; r < posts; ++r) {
      double denominator = 0, teacher_denominator = 0, own = 0;
      Vec logit, teacher;
      std::vector<bool> out;
      for (size_t k = 0; k < posts + queue.size(); ++k) {
        const bool in_batch = k < posts, positive = k == r;
        const Vec& other = in_batch ? key[k] : queue[k - posts];
        const bool online = positive && options.online_partner;
        logit.push_back(cosine(query[r], online ? partner[r] : other) / tau);
        teacher.push_back(cosine(momentum_query[r], other) / tau);
        const int64_t id = in_batch ? input.ids[k] : input.queue_ids[k - posts];
        const bool same = options.mask_equal_ids && id == input.ids[r];
        out.push_back(positive ? options.literal : same || (in_batch && !options.batch_negatives));
        if (positive) own = logit.back();
        if (!out.back()) denominator += std::exp(logit.back());
        if (!out.back()) teacher_denominator += std::exp(teacher.back());
      }
      sum += (1 - options.soft_targets) * (std::log(denominator) - own);
      for (size_t k = 0; k < logit.size(); ++k) {
        if (!out[k]) sum += options.soft_targets * std::exp(teacher[k]) / teacher_denominator * (std::log(denominator) - logit[k]);
      }
    }
    return sum;
  };
  return (side(input.image, input.text, input.image_key, input.text_key, input.queue_text) +
          side(input.text, input.image, input.text_key, input.image_key, input.queue_image)) /
         2;
}

}  // namespace infig::reference
