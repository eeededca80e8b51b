// Logistic regression against scikit-learn's golden solution, TF-IDF against its golden matrix, anchors on a data set worked by hand.
#include "model/baselines/anchors.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "linear/tfidf.h"
#include "model/baselines/logistic_regression.h"
#include "reference/temporary_folder.h"
#include "reference/tensors.h"

namespace infig {
namespace {

using nlohmann::json;

json golden() {
  const std::filesystem::path path = std::filesystem::path(INFIG_SOURCE_DIR) / "tests/golden/model/anchors.json";
  return json::parse(read_file(path));
}

at::Tensor matrix(const json& rows, at::ScalarType type) {
  std::vector<double> values;
  for (const auto& row : rows) {
    for (const double value : row) values.push_back(value);
  }
  const auto columns = static_cast<int64_t>(rows.at(0).size());
  return at::tensor(values, at::kDouble).view({static_cast<int64_t>(rows.size()), columns}).to(type);
}

at::Tensor dense(const SparseMatrix& sparse) {
  at::Tensor result = at::zeros({sparse.row_count(), sparse.column_count}, at::kDouble);
  for (int64_t row = 0; row < sparse.row_count(); ++row) {
    for (int64_t i = sparse.row_start[static_cast<size_t>(row)]; i < sparse.row_start[static_cast<size_t>(row) + 1]; ++i)
      result[row][sparse.columns[static_cast<size_t>(i)]] = static_cast<double>(sparse.values[static_cast<size_t>(i)]);
  }
  return result;
}

TEST(LogisticRegression, FindsScikitLearnsMinimum) {
  const json all = golden().at("logistic_regression");
  const Features features{.sparse = {}, .dense = matrix(all.at("x"), at::kFloat)};
  const std::vector<int64_t> labels = all.at("y");
  ASSERT_FALSE(all.at("fits").empty());
  LogisticRegression model;
  for (const auto& fit : all.at("fits")) {
    model.fit(features, labels, 3, {.c = fit.at("c"), .tolerance = 1e-9});
    EXPECT_TRUE(reference::close(model.predict_proba(features), matrix(fit.at("probabilities"), at::kDouble), 1e-5)) << fit.at("c");
  }
}

// A sparse and a dense half are one matrix.
TEST(LogisticRegression, SparseAndDensePartsAreOneMatrix) {
  const json all = golden().at("logistic_regression");
  const at::Tensor x = matrix(all.at("x"), at::kFloat);
  Features split{.sparse = {}, .dense = x.narrow(1, 3, x.size(1) - 3).contiguous()};
  split.sparse.column_count = 3;
  for (int64_t row = 0; row < x.size(0); ++row) {
    for (int32_t column = 0; column < 3; ++column) {
      split.sparse.columns.push_back(column);
      split.sparse.values.push_back(x[row][column].item<float>());
    }
    split.sparse.row_start.push_back(static_cast<int64_t>(split.sparse.columns.size()));
  }
  const std::vector<int64_t> labels = all.at("y");
  const auto& fit = all.at("fits").at(1);
  for (const int64_t threads : {1, 3}) {
    LogisticRegression model;
    model.fit(split, labels, 3, {.c = fit.at("c"), .tolerance = 1e-9, .threads = threads});
    EXPECT_TRUE(reference::close(model.predict_proba(split), matrix(fit.at("probabilities"), at::kDouble), 1e-5));
  }
}

TEST(LogisticRegression, RefusesWhatDoesNotFit) {
  const Features features{.sparse = {}, .dense = at::ones({2, 2})};
  LogisticRegression model;
  EXPECT_THROW(model.fit(features, {0}, 2, {}), ShapeError);
  EXPECT_THROW(model.fit(features, {0, 2}, 2, {}), ShapeError);
  EXPECT_THROW(model.fit(features, {0, 1}, 2, {.c = 0}), ConfigError);
  EXPECT_THROW(model.predict(features), ShapeError);
  EXPECT_THROW(model.fit(Features{}, {}, 2, {}), ShapeError);
}

TEST(Tfidf, EqualsScikitLearn) {
  const json all = golden().at("tfidf");
  TfidfVectorizer vectorizer;
  vectorizer.fit(all.at("train").get<std::vector<std::string>>());
  ASSERT_EQ(vectorizer.term_count(), all.at("terms").get<int64_t>());
  for (const char* split : {"train", "other"}) {
    const at::Tensor ours = dense(vectorizer.transform(all.at(split).get<std::vector<std::string>>()));
    // Columns are numbered otherwise here: inner products of rows do not see that, sorted rows do not either.
    EXPECT_TRUE(reference::close(ours.matmul(ours.t()), matrix(all.at(std::string(split) + "_products"), at::kDouble), 1e-6)) << split;
    EXPECT_TRUE(reference::close(std::get<0>(ours.sort(1)), matrix(all.at(std::string(split) + "_sorted"), at::kDouble), 1e-6)) << split;
  }
}

DataSet hand_made() {
  DataSet data;
  data.name = "hand";
  data.sha256 = "abc";
  data.labels = {"glad", "sad"};
  const auto add = [&](const char* text, int64_t label, Split split) {
    Post post;
    post.id = std::to_string(data.posts.size());
    post.text = text;
    post.label_id = label;
    post.label = data.labels[static_cast<size_t>(label)];
    post.split = split;
    data.posts.push_back(post);
  };
  for (int i = 0; i < 6; ++i) add("lovely sunny morning", 0, Split::kTrain);
  for (int i = 0; i < 4; ++i) add("dreadful rainy evening", 1, Split::kTrain);
  add("lovely morning", 0, Split::kDev);
  add("rainy evening", 1, Split::kDev);
  add("dreadful", 1, Split::kDev);
  add("sunny", 0, Split::kTest);
  return data;
}

TEST(Anchors, HandMadeDataSet) {
  const DataSet data = hand_made();
  const AnchorTable table = compute_anchors(data, {}, {});
  ASSERT_EQ(table.rows.size(), 2u);
  EXPECT_EQ(table.rows[0].name, "majority");
  EXPECT_NEAR(table.rows[0].splits.at("dev").accuracy, 1.0 / 3, 1e-12);
  EXPECT_EQ(table.rows[0].splits.at("test").accuracy, 1.0);
  EXPECT_EQ(table.rows[1].name, "tfidf");
  EXPECT_EQ(table.rows[1].splits.at("dev").accuracy, 1.0);
  EXPECT_GT(table.rows[1].c, 0);
}

TEST(Anchors, FrozenFeaturesTakePart) {
  const DataSet data = hand_made();
  std::vector<float> told, untold;
  for (const auto& post : data.posts) {
    told.insert(told.end(), {post.label_id == 0 ? 2.0F : -2.0F, 1.0F});
    untold.insert(untold.end(), {1.0F, 1.0F});
  }
  const auto rows = static_cast<int64_t>(data.posts.size());
  const AnchorTable table =
      compute_anchors(data, {.text = at::tensor(told).view({rows, 2}), .image = at::tensor(untold).view({rows, 2})}, {});
  ASSERT_EQ(table.rows.size(), 6u);
  EXPECT_EQ(table.rows[2].name, "text");
  EXPECT_EQ(table.rows[2].splits.at("dev").accuracy, 1.0);
  EXPECT_EQ(table.rows[3].name, "image");
  EXPECT_NEAR(table.rows[3].splits.at("dev").accuracy, 1.0 / 3, 1e-12);  // equal features: the larger class
  EXPECT_EQ(table.rows[5].name, "tfidf+text+image");
  EXPECT_EQ(table.rows[5].splits.at("dev").accuracy, 1.0);
}

TEST(Anchors, TableComesBack) {
  const AnchorTable table = compute_anchors(hand_made(), {}, {});
  const reference::TemporaryFolder folder("anchors");
  const auto path = anchors_path(folder);
  write_anchors(table, path);
  const auto back = read_anchors(path, "abc");
  ASSERT_TRUE(back.has_value());
  ASSERT_EQ(back->rows.size(), table.rows.size());
  EXPECT_EQ(back->rows[1].splits.at("dev").accuracy, table.rows[1].splits.at("dev").accuracy);
  EXPECT_FALSE(read_anchors(path, "other").has_value());
  write_file_atomic(path, "{\"data_sha256\": \"abc\"}");
  EXPECT_THROW(static_cast<void>(read_anchors(path, "abc")), DataError);
  std::filesystem::remove(path);
  EXPECT_FALSE(read_anchors(path, "abc").has_value());
}

}  // namespace
}  // namespace infig
