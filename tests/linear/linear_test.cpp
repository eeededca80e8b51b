// Sparse regression against scikit-learn's golden solution, bags of words by hand.
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "linear/sparse_regression.h"
#include "linear/tfidf.h"

namespace infig {
namespace {

using nlohmann::json;

// Made by scikit-learn (tools/golden); the same file serves the model's own logistic regression.
json golden() {
  return json::parse(read_file(std::filesystem::path(INFIG_SOURCE_DIR) / "tests/golden/model/anchors.json")).at("logistic_regression");
}

SparseMatrix sparse_of(const json& rows) {
  SparseMatrix matrix;
  matrix.column_count = static_cast<int64_t>(rows.at(0).size());
  for (const auto& row : rows) {
    for (size_t column = 0; column < row.size(); ++column) {
      const auto value = row[column].get<float>();
      if (value == 0) continue;
      matrix.columns.push_back(static_cast<int32_t>(column));
      matrix.values.push_back(value);
    }
    matrix.row_start.push_back(static_cast<int64_t>(matrix.columns.size()));
  }
  return matrix;
}

TEST(SparseRegression, FindsScikitLearnsMinimum) {
  const json all = golden();
  const SparseMatrix rows = sparse_of(all.at("x"));
  const std::vector<int64_t> labels = all.at("y");
  ASSERT_FALSE(all.at("fits").empty());
  for (const int64_t threads : {1, 3}) {
    SparseRegression model;
    for (const auto& fit : all.at("fits")) {
      model.fit(rows, labels, 3, {.c = fit.at("c"), .tolerance = 1e-9, .threads = threads});
      const std::vector<double> found = model.predict_proba(rows);
      const auto& expected = fit.at("probabilities");
      ASSERT_EQ(found.size(), expected.size() * 3);
      for (size_t i = 0; i < found.size(); ++i) ASSERT_NEAR(found[i], expected.at(i / 3).at(i % 3).get<double>(), 1e-5);
    }
  }
}

TEST(SparseRegression, RefusesWhatDoesNotFit) {
  SparseMatrix rows = sparse_of(json::parse("[[1, 0], [0, 1]]"));
  SparseRegression model;
  EXPECT_THROW(model.predict_proba(rows), ShapeError);
  EXPECT_THROW(model.fit(rows, {0}, 2, {}), ShapeError);
  EXPECT_THROW(model.fit(rows, {0, 2}, 2, {}), ShapeError);
  EXPECT_THROW(model.fit(rows, {0, 1}, 2, {.c = 0}), ConfigError);
  EXPECT_THROW(model.fit(SparseMatrix{}, {}, 2, {}), DataError);
  model.fit(rows, {0, 1}, 2, {});
  rows.column_count = 3;
  EXPECT_THROW(model.predict_proba(rows), ShapeError);
}

TEST(Tfidf, SingleWordsAndTheMostFrequent) {
  TfidfVectorizer words({.pairs = false, .max_terms = 2});
  words.fit({"cat dog", "cat dog bird", "cat ant ant ant"});
  EXPECT_EQ(words.term_count(), 2);  // ant 3 times, cat 3 times, dog 2
  const SparseMatrix matrix = words.transform({"dog", "cat ant"});
  ASSERT_EQ(matrix.row_count(), 2);
  EXPECT_EQ(matrix.row_start[1], 0);  // dog is none of them
  ASSERT_EQ(matrix.columns.size(), 2U);
  // cat stands in 3 of 3 texts, ant in 1: ln(4/4) + 1 = 1 and ln(4/2) + 1, scaled to length 1.
  const double ant = std::log(2.0) + 1, length = std::sqrt(1 + ant * ant);
  EXPECT_NEAR(matrix.values[0], 1 / length, 1e-6);
  EXPECT_NEAR(matrix.values[1], ant / length, 1e-6);
}

}  // namespace
}  // namespace infig
