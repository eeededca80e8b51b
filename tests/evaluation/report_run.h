// A run folder with five posts evaluated, for tests of what is written from it.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "core/files.h"
#include "evaluation/reports.h"
#include "image/encode.h"

namespace infig {

// Five posts of two classes, by hand. Truth a a a b b, predictions a a b b a: confusion [[2, 1], [1, 1]].
inline EvaluationResult small_result() {
  EvaluationResult result{.split = "test", .data = "five|posts", .data_sha256 = "feed"};
  result.labels = {"a", "b, \"odd\""};
  result.data_counts = {{.split = "dev", .posts = 10, .of_label = {3, 7}}, {.split = "test", .posts = 6, .of_label = {3, 2}}};
  result.loss = 0.75;
  result.predictions = {{"p1", 0, 0, {0.9, 0.1}},   {"p2", 0, 0, {0.6, 0.4}},
                        {"p3", 0, 1, {0.2, 0.8}},   {"p4", 1, 1, {0.30000000049, 0.69999999951}},
                        {"p5", 1, 0, {0.95, 0.05}}, {"p6", -1, 1, {0.25, 0.75}}};
  auto& scores = result.scores;
  scores.count = 5;
  scores.accuracy = 0.6;
  scores.accuracy_low = 0.23;
  scores.accuracy_high = 0.88;
  scores.f1_macro = 0.58;
  scores.f1_weighted = 0.6;
  scores.ece = 0.19;
  scores.classes = {{2. / 3, 2. / 3, 2. / 3, 3}, {0.5, 0.5, 0.5, 2}};
  scores.confusion = {{2, 1}, {1, 1}};
  result.images_missing = 3;
  return result;
}

class ReportTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(::testing::TempDir()) / ::testing::UnitTest::GetInstance()->current_test_info()->name() / "run-one";
    std::filesystem::remove_all(folder_.parent_path());
    std::filesystem::create_directories(folder_);
    write_file_atomic(folder_ / "description.json", R"({"data_sha256": "feed"})");  // what the run was trained on
  }
  void TearDown() override { std::filesystem::remove_all(folder_.parent_path()); }

  // Description, config, log and evaluation of a run, and its data set: p1 a picture of 40 x 20, p2 a wide one of 1000 x 500, p3 a text
  // that is markup, p4 no picture, p5 a file that is no picture and no text.
  DataSet synthetic_run() {
    write_file_atomic(folder_ / "description.json",
                      R"({"infig_version": "0.1.0", "git": "0123456789abcdef", "command": "SECRET-COMMAND", "host": "SECRET-HOST",
                           "seed": 7, "preset": "tiny", "data": "five|posts", "data_sha256": "feed"})");
    write_file_atomic(folder_ / "config.yaml",
                      "seed: 7\ngam:\n  layer: 2\n  queue_size: 64\noptim:\n  lr: 1e-5\nimage:\n  mean: [0.5, 0.5]\n");
    std::string log;
    for (int step = 10; step <= 6000; step += 10) {
      log += nlohmann::json{{"step", step},           {"epoch", step / 1000.0}, {"loss", 3.0 - step / 4000.0}, {"loss_classification", 1.0},
                            {"loss_gam", 1.5},        {"loss_hfam", 0.5},       {"learning_rate", 1e-5},       {"grad_norm", 2.0},
                            {"temperature_gam", 0.07}}
                 .dump() +
             "\n";
      if (step % 1000 == 0)
        log += nlohmann::json{{"step", step},         {"epoch", step / 1000.0},  {"eval_loss", 1.1}, {"eval_accuracy", 0.5 + step * 2e-5},
                              {"eval_f1_macro", 0.4}, {"eval_f1_weighted", 0.45}}
                   .dump() +
               "\n";
    }
    write_file_atomic(folder_ / "metrics.jsonl", log + R"({"step": 6010, "lo)");
    write_evaluation(small_result(), folder_);
    const auto small = folder_ / "small.jpg", wide = folder_ / "wide.jpg", broken = folder_ / "broken.jpg";
    write_file_atomic(small, encode_jpeg(make_image(40, 20, 200, 30, 30), 90));
    write_file_atomic(wide, encode_jpeg(make_image(1000, 500, 30, 30, 200), 90));
    write_file_atomic(broken, "not a picture");
    DataSet data{.name = "five|posts", .folder = folder_, .labels = small_result().labels, .posts = {}, .sha256 = "feed"};
    const auto add = [&data](const char* id, const char* text, const std::filesystem::path& image, int64_t label) {
      data.posts.push_back(
          {.id = id, .text = text, .image = image, .label = label < 0 ? "" : data.labels[label], .label_id = label, .split = Split::kTest});
    };
    add("p1", "a fine day", small, 0);
    add("p2", "two\nlines \xF0\x9F\x98\x80", wide, 0);
    add("p3", "<script src=\"http://evil.example/x.js\"></script> & 'more'\x01", small, 0);
    add("p4", "no picture here", "", 1);
    add("p5", "", broken, 1);
    add("p6", "without label", "", -1);
    return data;
  }

  std::string report(const DataSet& data, const ReportOptions& options = {}) {
    write_report(folder_, data, {.split = "test"}, options);
    return read_file(folder_ / "report.html");
  }

  std::filesystem::path folder_;
};

}  // namespace infig
