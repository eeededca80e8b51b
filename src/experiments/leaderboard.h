// The run folders under a folder, with what they score and what they cost: infig runs.
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
  std::string name;  // of the folder, from where the search began; "." for that folder itself
  RunState state = RunState::kFinished;
  std::string note;                             // how far it came, or what is broken; empty for a finished run
  std::string preset, precision;                // precision that it was trained in
  std::vector<std::string> seeds;               // one a run
  std::map<std::string, std::string> settings;  // config.yaml by dotted key, of the first seed
  double train_seconds = 0;                     // of all seeds, by timings.jsonl; 0: not known
  int64_t parameters = 0;                       // of one model, by its weights; 0: not known
  // What it scored; `split` is empty where it was not evaluated.
  std::string data, data_sha256, split;
  int64_t posts = 0;
  Summary accuracy = {}, f1_macro = {}, f1_weighted = {}, mcc = {}, ece = {}, loss = {};
  std::optional<Interval> interval = {};  // of accuracy: Wilson's of one run, Student's of three seeds or more
};

struct BoardOptions {
  std::string split = "test";  // "all": every split
  bool each = false;           // every seed in a line of its own
};

// Searches `folder` and what lies in it; links are not followed, and nothing is looked for inside a run or a data set. A run that is
// unfinished or broken is a line too. Throws DataError for a folder that is absent.
std::vector<BoardLine> find_runs(const std::filesystem::path& folder, const BoardOptions& options);

// The columns of a line by name, as the CSV has them (leaderboard_columns() in order), and every key of its config.
std::map<std::string, std::string> columns_of(const BoardLine& line);
const std::vector<std::string>& leaderboard_columns();

// "accuracy>0.7", "data=postcards", "preset!=tiny", "gam.layer<=2": keeps the lines of which it holds. Numbers are compared as such where
// both sides are numbers; a line without the column is left out. Throws ConfigError for a word without an operator, or for a column that no
// line has, naming those there are.
std::vector<BoardLine> filtered(std::vector<BoardLine> lines, const std::string& word);

// By data set and split, then by the column `key`: scores from the best down, costs and losses from the least up, words from A to Z;
// `reverse` turns it round. Lines that lack it come last. Throws ConfigError as filtered() does.
void sort_board(std::vector<BoardLine>& lines, const std::string& key, bool reverse);

std::string board_text(const std::vector<BoardLine>& lines);  // a table for each data set and split, then the runs that have none
std::string board_csv(const std::vector<BoardLine>& lines);

}  // namespace infig
