// The outcome of an experiment as files: experiment.json, table.md, table.csv, table.tex, report.html.
// The page is in experiment_page.cpp, the rest in tables.cpp.
#pragma once

#include <filesystem>
#include <string>

#include "experiments/experiment.h"

namespace infig {

// "0.7444 ± 0.0058 (0.7300 to 0.7588)": mean, sample standard deviation and Student's 95 % interval of the mean, inside [0, 1];
// "0.7444 (the two: 0.7403, 0.7485)" for two runs, whose interval would hold everything; "0.7444" for one run, "-" for none.
std::string score_cell(const Summary& summary);

// A sentence on what score_cell shows for so many seeds.
std::string summary_words(size_t seeds);

// The rungs of halving as a table of Markdown with a sentence above; empty where there are none.
std::string halving_table(const ExperimentScores& scores);

std::string markdown_table(const ExperimentScores& scores);  // a row a variant, then one a run
std::string csv_table(
    const ExperimentScores& scores);  // one row a run: variant,seed,accuracy,f1_macro,f1_weighted,mcc, with halving dropped_after
std::string latex_table(const ExperimentScores& scores);      // tabular, percentages as papers print them
std::string experiment_page(const ExperimentScores& scores);  // report.html: one file that opens no connection

// experiment.json alone: which experiment the folder belongs to, before its first run is done.
void write_record(const ExperimentScores& scores, const std::filesystem::path& folder);

// All of them and experiment.json, each atomically. Nothing in them differs between equal experiments.
void write_tables(const ExperimentScores& scores, const std::filesystem::path& folder);

}  // namespace infig
