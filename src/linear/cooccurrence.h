// What stands together in a data set: pairs of words within a window, and classes in one picture. The graphs of MGNNS
// (model/baselines/mgnns.h) are made of both, once a data set.
#pragma once

#include <cstdint>
#include <vector>

namespace infig {

struct WordPairOptions {
  int64_t words = 0;      // V: ids lie below it; 0 (padding) and 1 (unknown) are no words, but hold their places
  int64_t window = 5;     // positions on each side of a word
  int64_t min_count = 2;  // pairs counted less often are left out
  int64_t threads = 1;
  int64_t counters = int64_t{64} << 20;  // counted at once, 4 bytes each: more pairs take more passes over the texts
};

// Ordered pairs (u, v) that stand within the window of each other at least min_count times and more often than chance has it: pointwise
// mutual information log(c_uv N / (c_u c_v)) > 0, with c_uv the times that v stands within `window` positions of a u (two places of one
// word count too), c_u the occurrences of u and N those of all words. Returns u V + v, ascending. Compared in whole numbers, so that the
// answer depends on neither threads nor counters. Throws DataError for an id that is not below V. Deviates: the released code leaves out
// the last position of the window on the right, which makes (u, v) and (v, u) differ.
std::vector<int64_t> word_pairs(const std::vector<std::vector<int64_t>>& texts, const WordPairOptions& options);

struct ClassGraphOptions {
  int64_t classes = 0;     // n
  double threshold = 0.3;  // t
  double gamma = 0.2;      // share of the neighbours
};

// pictures[k]: the classes seen in picture k, in any order, each counted once. With n_i pictures of class i (1 where there is none) and
// c_ij of i and j together: B_ij = 1 where i != j and c_ij / n_i >= t, else 0;  A = gamma B_ij / (sum_i B_ij + 1e-6) + (1 - gamma) I;
// returns G = D A^T D row by row [n n], D = diag(1 / sqrt(sum_j A_ij)) (Chen et al., Multi-Label Image Recognition with Graph Convolutional
// Networks, CVPR 2019). Throws DataError for a class that is
// not below n.
std::vector<double> class_graph(const std::vector<std::vector<int64_t>>& pictures, const ClassGraphOptions& options);

}  // namespace infig
