// Numbers printed in the paper: its data sets (Table 1) and the scores of Tables 2 and 3. Figure 3 is a plot without numbers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace infig {

constexpr size_t kPaperDataSets = 4;

struct PaperDataSet {
  const char* name;          // of its folder, in `prepare` and in configs/paper-NAME.yaml
  const char* title;         // name in the paper
  bool macro;                // its F1 is the macro mean; false: the weighted mean (section 4.4)
  int64_t train, dev, test;  // posts
};
const std::array<PaperDataSet, kPaperDataSets>& paper_data_sets();

struct PaperScore {
  double accuracy = 0, f1 = 0;
};

struct PaperRow {
  const char* model;
  const char* variant;  // the variant of ours that reproduces it ("full", "without-gam", ...); of another model its model.name
  std::array<std::optional<PaperScore>, kPaperDataSets> scores;  // in the order of paper_data_sets()
};
const std::vector<PaperRow>& paper_table2();
const std::vector<PaperRow>& paper_table3();

// Standard error of an accuracy p measured on n = `posts` posts: sqrt(p (1 - p) / n).
double accuracy_standard_error(double accuracy, int64_t posts);

}  // namespace infig
