// A file of posts that is predicted in pieces: whatever stops it, batches that were scored are kept, and the bytes are those of one go.
#include "predict/file_prediction.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/files.h"
#include "predict/trained_run.h"
#include "reference/temporary_folder.h"

namespace infig {
namespace {

namespace fs = std::filesystem;

// 20 posts with texts of several lengths; every third names a file that is no picture.
fs::path twenty_rows(const fs::path& folder) {
  std::ofstream(folder / "broken.jpg") << "no picture";
  std::ofstream table(folder / "t.csv");
  table << "id,text,image\n";
  for (int i = 0; i < 20; ++i) {
    std::string text = "storm";
    for (int word = 0; word < i * 7 % 11; ++word) text += word % 2 == 0 ? " lovely" : " rain";
    table << "p" << i << "," << text << "," << (i % 3 == 0 ? "broken.jpg" : "") << "\n";
  }
  return folder / "t.csv";
}

TEST(FilePrediction, StoppedAfterEveryBatchItEndsInTheBytesOfOneGo) {
  const reference::TemporaryFolder folder("pieces");
  const fs::path base = folder / "";
  fs::create_directory(base / "run");
  test::write_run(base / "run");
  const fs::path input = twenty_rows(base);
  const Predictor predictor(base / "run", {});
  PredictingOptions options;
  options.scoring.batch_size = 4;
  std::atomic<int> stop{0};
  FilePredictionRequest request{.input = input, .output = base / "whole.csv", .format = PredictionFormat::kCsv, .block_rows = 16};
  request.stop = &stop;
  EXPECT_EQ(predict_files(predictor, request, options).rows, 20);
  request.output = base / "pieces.csv";
  stop = 2;
  // Of the block of 16 rows one batch of 4 at a time, then its writing; the same of the block of the last 4.
  std::vector<std::string> said;
  for (int start = 0; start < 7; ++start) {
    try {
      predict_files(predictor, request, options);
      FAIL() << "start " << start << " was not stopped";
    } catch (const Interrupted& stopped) {
      EXPECT_EQ(stopped.exit_code(), 130);
      said.emplace_back(stopped.what());
    }
  }
  std::vector<std::string> expected;
  for (const int rows : {4, 8, 12, 16, 16, 20, 20})
    expected.push_back("stopped; " + std::to_string(rows) + " rows are saved, the same command goes on behind them");
  EXPECT_EQ(said, expected);
  EXPECT_FALSE(fs::exists(request.output));
  stop = 0;
  const PredictionCounts counts = predict_files(predictor, request, options);
  EXPECT_EQ(counts.rows, 20);
  EXPECT_EQ(counts.pictures.bad, 7);  // i = 0, 3, ..., 18
  const std::string whole = read_file(base / "whole.csv");
  EXPECT_EQ(read_file(request.output), whole);
  EXPECT_EQ(std::count(whole.begin(), whole.end(), '\n'), 21);
  EXPECT_THAT(whole, testing::HasSubstr("unknown format"));
}

}  // namespace
}  // namespace infig
