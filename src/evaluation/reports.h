// What an evaluation leaves in the run folder, and the pages made of it: eval/SPLIT.json, eval/SPLIT-predictions.csv,
// eval/SPLIT-confusion.csv, eval/SPLIT-posts.json (evaluation/stored.h says where those of another data set lie), report.html,
// model-card.md. Equal runs give equal bytes: no file holds a time or a host, and the model card alone the command.
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

// A simple model's score on the same split (infig anchors), to read the model's own against.
struct AnchorLine {
  std::string name;
  double accuracy = 0, f1_macro = 0, f1_weighted = 0;
};

// The same predictions over the posts of the split that no other split holds as well (infig verify-data --write-clean-test).
struct CleanScores {
  int64_t posts = 0;
  double accuracy = 0, accuracy_low = 0, accuracy_high = 0;  // with 95 % Wilson interval
  double f1_macro = 0, f1_weighted = 0;
};

// Posts of one split of a data set, all and by label.
struct SplitCount {
  std::string split;
  int64_t posts = 0;                   // without a label too
  std::vector<int64_t> of_label = {};  // in label order
};

std::vector<SplitCount> count_splits(const DataSet& data);  // those that have posts, in the order train, dev, test

// What is said where the largest probability reaches a bound, of the posts with a label (--min-confidence).
struct SelectiveScores {
  double min_confidence = 0;
  int64_t posts = 0, answered = 0, right = 0;
  double coverage() const { return posts == 0 ? 0 : static_cast<double>(answered) / static_cast<double>(posts); }
  // With 95 % Wilson interval; nothing where no post is answered.
  struct Accuracy {
    double value, low, high;
  };
  std::optional<Accuracy> accuracy() const;
};

struct EvaluationResult {
  std::string split;                         // "train", "dev", "test"
  std::string data = {};                     // name of the data set; empty where it is not known, as in files of older versions
  std::string data_sha256 = {};              // of its posts; likewise
  std::vector<SplitCount> data_counts = {};  // of the whole data set; likewise
  std::string checkpoint = {};               // that was scored: "step-000500"; likewise
  std::string without = {};                  // "" or the part that was withheld from the model: "image", "text"
  std::vector<std::string> labels = {};      // in id order
  ClassificationScores scores = {};          // over the posts with a label
  double loss = 0;                           // mean cross-entropy of the classifier over the posts with a label, nats
  std::vector<Prediction> predictions = {};  // in the order of the split
  int64_t images_missing = 0;                // posts read without a picture: none named, or none that could be decoded
  int64_t images_truncated = 0;              // pictures of which only the first rows could be decoded
  int64_t images_skipped = 0;                // posts left out by --bad-image skip
  int64_t texts_missing = 0;                 // posts without a text
  PictureCounts pictures = {};               // of the posts of the split; all 0 without pictures
  int64_t posts_empty = 0;                   // posts scored with neither a text nor a picture that can be used
  std::vector<AnchorLine> anchors = {};      // where they have been computed for the data set
  std::optional<CleanScores> clean = {};     // where the posts without leaks are known
  std::vector<AnchorLine> sides = {};        // "text_only", "image_only": the same model and posts with one side alone, where asked for

  std::optional<ScoreIntervals> intervals = {};   // 95 % bootstrap intervals over the posts
  std::optional<SelectiveScores> selective = {};  // --min-confidence
  double temperature = 1;                         // that the probabilities were scaled by
  std::vector<SliceScores> slices = {};           // by text length, parts and script

  // Throws ShapeError where labels, scores and predictions do not fit each other, or no post has a label.
  void validate() const;
};

// Scores of the predictions with a label whose ids are listed; nothing where there are none.
std::optional<CleanScores> score_clean(const EvaluationResult& result, const std::vector<std::string>& ids);

SelectiveScores score_selective(const EvaluationResult& result, double min_confidence);

// Share of the split's largest class: what always answering that class would score.
double majority_accuracy(const ClassificationScores& scores);

// Writes the three files of `result` where evaluation_folder() says, each atomically, and returns where that is. Keys at the top level of
// the JSON: data, data_sha256, data_counts, checkpoint, split, eval_loss, eval_accuracy, eval_accuracy_low, eval_accuracy_high (95 % Wilson
// interval), eval_f1_macro, eval_f1_weighted, eval_ece, eval_samples, eval_majority_accuracy, with `sides`
// eval_{text_only,image_only}_{accuracy,f1_macro,f1_weighted}, per class
// eval_{f1,precision,recall,support}_<label>, labels, classes (the same, in label order), confusion_matrix ([truth][prediction]), anchors
// (where they are known), eval_clean_{accuracy,accuracy_low,accuracy_high,f1_macro,f1_weighted,samples} (where the posts without leaks are)
// eval_{min_confidence,coverage,accuracy_at_min_confidence} with `selective` (the accuracy null where no post is answered), and the counts
// of pictures, of texts and of posts without label, which are predicted and not scored. A label called `macro` or `weighted` stands in
// `classes` alone, its F1 key being taken.
StoredEvaluation write_evaluation(const EvaluationResult& result, const std::filesystem::path& run_folder);

// Reads its JSON and its table of predictions. Throws DataError naming file and key where one is absent or does not fit.
EvaluationResult read_evaluation(const std::filesystem::path& run_folder, const StoredEvaluation& stored);
// Of the data set that the run was trained on.
EvaluationResult read_evaluation(const std::filesystem::path& run_folder, const std::string& split, const std::string& without = "");

struct ReportOptions {
  int64_t right_posts = 24;          // rightly classified posts shown; 0..1000
  int64_t wrong_posts = 24;          // wrongly classified posts shown; 0..1000
  int64_t thumbnail = 320;           // longer side of a picture, pixels; 16..2048; smaller pictures stay as they are
  int64_t jpeg_quality = 80;         // 1..100
  bool exif = true;                  // turn pictures as their EXIF orientation says
  int64_t max_pixels = 100'000'000;  // larger pictures are shown as unreadable
  int64_t threads = 1;               // pictures decoded at once; >= 1; changes no byte
  void validate() const;             // throws ConfigError
};

// RUN/report.html, atomically: one file without links to anything outside itself, from what the run folder holds. Its head is the run's own
// test split, or, where that was never evaluated, `shown`; every other evaluation has its line in a table and its section. Before that the
// posts of `shown` that the page presents are stored beside it (SPLIT-posts.json), with the pictures and texts of `data`. Throws DataError
// where a file cannot be read, or where a predicted post is not in `data` (the run was evaluated on another data set).
void write_report(const std::filesystem::path& run_folder, const DataSet& data, const StoredEvaluation& shown,
                  const ReportOptions& options);

// RUN/model-card.md, atomically: what the model is, the command that trained it, data, splits and their leaks (the data set's leaks.csv),
// main settings, seeds (those beside it in an experiment too), the scores of the run's own test split with intervals, calibration, limits;
// with the metadata block that Hugging Face's hub reads. Where that split was never evaluated it says so, and shows dev. `data` is the data
// set at hand: where the run was trained on another one, a card that is there stays as it is, and false is returned. Throws as
// write_report does.
bool write_model_card(const std::filesystem::path& run_folder, const DataSet& data);

}  // namespace infig
