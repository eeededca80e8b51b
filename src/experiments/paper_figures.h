// What the paper printed: its data sets (Table 1) and the figures of Tables 2 and 3. Figure 3 is a drawing without numbers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace infig {

constexpr size_t kPaperDataSets = 4;

struct PaperDataSet {
  const char* name;          // of its folder, of `prepare` and in configs/paper-NAME.yaml
  const char* title;         // in the paper
  bool macro;                // its F1 is the macro mean, else the weighted one (section 4.4)
  int64_t train, dev, test;  // posts
};
const std::array<PaperDataSet, kPaperDataSets>& paper_data_sets();

struct PaperScore {
  double accuracy = 0, f1 = 0;
};

struct PaperRow {
  const char* model;
  const char* variant;  // our variant that repeats it ("full", "without-gam", ...), nullptr: a baseline that is only quoted
  std::array<std::optional<PaperScore>, kPaperDataSets> scores;  // in the order of paper_data_sets()
};
const std::vector<PaperRow>& paper_table2();
const std::vector<PaperRow>& paper_table3();

// One standard error of an accuracy measured on `posts` posts: sqrt(p (1 - p) / n).
double accuracy_standard_error(double accuracy, int64_t posts);

}  // namespace infig
