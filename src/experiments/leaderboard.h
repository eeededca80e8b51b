// Lists the runs below a folder with their scores and costs (infig runs).
// Reading is in leaderboard.cpp, filters, order and output in leaderboard_table.cpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "experiments/experiment.h"

namespace infig {

enum class RunState { kFinished, kUnfinished, kBroken };

// One run, or several seeds of one config, on one split of one data set.
struct BoardLine {
  std::string name;  // folder relative to where the search began; "." for that folder itself
  RunState state = RunState::kFinished;
  std::string note;                             // progress of an unfinished run, fault of a broken one, or a remark; may be empty
  std::string preset, precision;                // precision: of training
  std::vector<std::string> marks = {};          // what stands in for something in the model (Model::marks), of any of its seeds
  std::vector<std::string> seeds;               // one per run that was scored; without scores, of every run
  std::map<std::string, std::string> settings;  // config.yaml of the first seed: dotted keys and values
  double train_seconds = 0;                     // of these seeds together, from timings.jsonl; 0: unknown
  int64_t parameters = 0;                       // of one model, from its weights; 0: unknown
  // Its scores; `split` is empty if it was not evaluated.
  std::string data, data_sha256, split;
  int64_t posts = 0;
  Summary accuracy = {}, f1_macro = {}, f1_weighted = {}, mcc = {}, ece = {}, loss = {};
  std::optional<Interval> interval = {};  // of accuracy: Wilson's for one run, Student's for three or more seeds
};

struct BoardOptions {
  std::string split = "test";  // "all": every split
  bool each = false;           // a separate line for every seed
};

// Searches `folder` recursively, without following links or descending into runs and data sets. Unfinished and broken runs get a line, too.
// Throws DataError if the folder does not exist.
std::vector<BoardLine> find_runs(const std::filesystem::path& folder, const BoardOptions& options);

// Returns the columns of a line by name, as in the CSV (leaderboard_columns() in order), and every key of its config.
std::map<std::string, std::string> columns_of(const BoardLine& line);
const std::vector<std::string>& leaderboard_columns();

// Keeps the lines that satisfy a condition: "accuracy>0.7", "data=postcards", "preset!=tiny", "gam.layer<=2". Values are compared as
// numbers if both sides are numbers; lines without the column are dropped. Throws ConfigError if there is no operator, or if no line has
// the column, listing the known ones.
std::vector<BoardLine> filtered(std::vector<BoardLine> lines, const std::string& word);

// Sorts by data set and split, then by the column `key`: scores from high to low, costs and losses from low to high, words from A to Z;
// `reverse` inverts this order. Lines without the column come last. Throws ConfigError like filtered().
void sort_board(std::vector<BoardLine>& lines, const std::string& key, bool reverse);

std::string board_text(const std::vector<BoardLine>& lines);  // a table per data set and split, then the runs without evaluations
std::string board_csv(const std::vector<BoardLine>& lines);

}  // namespace infig
