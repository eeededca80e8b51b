// The files that an evaluation writes to the run folder, and the pages made from them: eval/SPLIT.json, eval/SPLIT-predictions.csv,
// eval/SPLIT-confusion.csv, eval/SPLIT-posts.json (for other data sets see evaluation/stored.h), report.html, model-card.md. Equal runs
// give equal bytes: no file contains a time or host, and only the model card contains the command.
// The page is in html_report.cpp, the model card in model_card.cpp, the rest in reports.cpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "data/post.h"
#include "evaluation/predictions.h"
#include "evaluation/slices.h"
#include "evaluation/stored.h"
#include "metrics/classification.h"
#include "metrics/resampling.h"
#include "posts/post_counts.h"

namespace infig {

// A simple model's scores on the same split (infig anchors), for comparison.
struct AnchorLine {
  std::string name;
  double accuracy = 0, f1_macro = 0, f1_weighted = 0;
};

// Scores over those posts of the split that occur in no other split (infig verify-data --write-clean-test).
struct CleanScores {
  int64_t posts = 0;
  double accuracy = 0, accuracy_low = 0, accuracy_high = 0;  // with 95 % Wilson interval
  double f1_macro = 0, f1_weighted = 0;
};

// Posts of one split of a data set, all and by label.
struct SplitCount {
  std::string split;
  int64_t posts = 0;                   // posts without a label included
  std::vector<int64_t> of_label = {};  // in label order
};

std::vector<SplitCount> count_splits(const DataSet& data);  // splits that have posts, in the order train, dev, test

// Selective prediction: scores over the posts with a label whose largest probability is at least min_confidence (--min-confidence).
struct SelectiveScores {
  double min_confidence = 0;
  int64_t posts = 0, answered = 0, right = 0;
  double coverage() const { return posts == 0 ? 0 : static_cast<double>(answered) / static_cast<double>(posts); }
  // Accuracy over the answered posts, with 95 % Wilson interval; nothing if no post is answered.
  struct Accuracy {
    double value, low, high;
  };
  std::optional<Accuracy> accuracy() const;
};

struct EvaluationResult {
  std::string split;                         // "train", "dev", "test"
  std::string data = {};                     // name of the data set; empty in files of older versions, which lack it
  std::string data_sha256 = {};              // of its posts; empty in files of older versions
  std::vector<SplitCount> data_counts = {};  // of the whole data set; empty in files of older versions
  std::string checkpoint = {};               // that was evaluated: "step-000500"; empty in files of older versions
  std::string without = {};                  // "" or the side that was withheld from the model: "image", "text"
  std::string trained_without = {};          // "" or the side that was hidden in training already (data.without)
  std::vector<std::string> marks = {};       // what stands in for something in the model (Model::marks)
  std::vector<std::string> labels = {};      // in id order
  ClassificationScores scores = {};          // over the posts with a label
  double loss = 0;                           // mean cross-entropy of the classifier over the posts with a label, nats
  std::vector<Prediction> predictions = {};  // in the order of the split
  int64_t images_missing = 0;                // posts evaluated without a picture: none named, or it could not be decoded
  int64_t images_truncated = 0;              // pictures of which only the first rows could be decoded
  int64_t images_skipped = 0;                // posts dropped by --bad-image skip
  int64_t texts_missing = 0;                 // posts without a text
  PictureCounts pictures = {};               // of the split's posts; all 0 without pictures
  int64_t posts_empty = 0;                   // posts left out: neither a text nor a picture that can be used
  int64_t rows_left_out = 0;                 // of a table: rows of the split with neither text nor picture, which are no posts
  std::vector<AnchorLine> anchors = {};      // if they were computed for the data set
  std::optional<CleanScores> clean = {};     // if the posts without leaks are known
  std::vector<AnchorLine> sides = {};        // "text_only", "image_only": the same model and posts with one side only, if requested

  std::optional<ScoreIntervals> intervals = {};   // 95 % bootstrap intervals over the posts
  std::optional<SelectiveScores> selective = {};  // --min-confidence
  double temperature = 1;                         // by which the probabilities were scaled
  std::vector<SliceScores> slices = {};           // by text length, by sides present, by script

  // Throws ShapeError if labels, scores and predictions are inconsistent, or if no post has a label.
  void validate() const;
};

// Scores the predictions with a label whose ids are listed; nothing if there are none.
std::optional<CleanScores> score_clean(const EvaluationResult& result, const std::vector<std::string>& ids);

SelectiveScores score_selective(const EvaluationResult& result, double min_confidence);

// Share of the split's largest class, which is the accuracy of always answering that class.
double majority_accuracy(const ClassificationScores& scores);

// Writes the three files of `result` to evaluation_folder(), each atomically, and returns their location. Top-level keys of the JSON: data,
// data_sha256, data_counts, checkpoint, split, without, trained_without, marks, eval_loss, eval_accuracy, eval_accuracy_low,
// eval_accuracy_high (95 % Wilson interval), eval_f1_macro, eval_f1_weighted, eval_ece, eval_samples, eval_majority_accuracy; with `sides`
// eval_{text_only,image_only}_{accuracy,f1_macro,f1_weighted}; for each class eval_{f1,precision,recall,support}_<label>; labels, classes
// (the same, in label order), confusion_matrix ([truth][prediction]); with `anchors` anchors; with `clean`
// eval_clean_{accuracy,accuracy_low,accuracy_high,f1_macro,f1_weighted,samples}; with `selective`
// eval_{min_confidence,coverage,accuracy_at_min_confidence} (the accuracy is null if no post is answered); and the counts of pictures, of
// texts and of posts without a label, which are predicted but not scored. A class called `macro` or `weighted` appears only in `classes`,
// because its F1 key would be that of the mean.
StoredEvaluation write_evaluation(const EvaluationResult& result, const std::filesystem::path& run_folder);

// Reads the JSON and the table of predictions. Throws DataError naming file and key if a file is missing or inconsistent.
EvaluationResult read_evaluation(const std::filesystem::path& run_folder, const StoredEvaluation& stored);
// Reads the evaluation on the data set that the run was trained on.
EvaluationResult read_evaluation(const std::filesystem::path& run_folder, const std::string& split, const std::string& without = "");

struct ReportOptions {
  int64_t right_posts = 24;          // correctly classified posts shown; 0..1000
  int64_t wrong_posts = 24;          // misclassified posts shown; 0..1000
  int64_t thumbnail = 320;           // longer side of a picture, pixels; 16..2048; smaller pictures are not enlarged
  int64_t jpeg_quality = 80;         // 1..100
  bool exif = true;                  // apply the EXIF orientation
  int64_t max_pixels = 100'000'000;  // larger pictures are shown as unreadable
  int64_t threads = 1;               // threads that decode pictures, >= 1; does not change the output
  void validate() const;             // throws ConfigError
};

// Writes RUN/report.html, atomically, from the contents of the run folder: one file that refers to nothing outside itself. Its main
// evaluation is the run's own test split or, if that was never evaluated, `shown`; every other evaluation has a line in a table and its own
// section. First stores the posts of `shown` that the page presents (SPLIT-posts.json), with pictures and texts from `data`. Throws
// DataError if a file cannot be read or a predicted post is not in `data`, which means that the run was evaluated on another data set.
void write_report(const std::filesystem::path& run_folder, const DataSet& data, const StoredEvaluation& shown,
                  const ReportOptions& options);

// Writes RUN/model-card.md, atomically: what the model is, the command that trained it, data, splits and their leaks (the data set's
// leaks.csv), main settings, seeds (in an experiment also those of sibling runs), scores of the run's own test split with intervals,
// calibration, limits; and the metadata block that the Hugging Face hub reads. If that split was never evaluated, the card says so and
// shows dev. If the run was trained on another data set than `data`, an existing card is kept and false is returned. Throws like
// write_report().
bool write_model_card(const std::filesystem::path& run_folder, const DataSet& data);

}  // namespace infig
