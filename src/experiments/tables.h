// Writes the results of an experiment: experiment.json, table.md, table.csv, table.tex, report.html.
// The page is in experiment_page.cpp, the rest in tables.cpp.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "experiments/experiment.h"

namespace infig {

// "0.7444 ± 0.0058 (0.7300 to 0.7588)": mean, sample standard deviation and Student's 95 % interval of the mean, clipped to [0, 1]; "0.7444
// (the two: 0.7403, 0.7485)" for two runs, whose interval would cover nearly everything; "0.7444" for one run; "-" for none.
std::string score_cell(const Summary& summary);

// "+0.0110 (-0.0040 to +0.0260): not shown": the difference of accuracy from the reference with its interval; empty without a comparison.
std::string compared_cell(const std::optional<Comparison>& comparison);

// "random vectors, scene=surrogate": what stands in for something in the variant's model; empty where nothing does, or no run is finished.
std::string marks_cell(const VariantScores& scores);
bool has_marks(const ExperimentScores& scores);  // whether any variant has some: only then tables have a column of them

std::string latex_escape(const std::string& text);

// A sentence that explains the cells of score_cell() for this number of seeds.
std::string summary_words(size_t seeds);

// The rungs of halving as a Markdown table below a sentence; empty if there are none.
std::string halving_table(const ExperimentScores& scores);

std::string markdown_table(const ExperimentScores& scores);  // a row per variant, then a row per run
std::string csv_table(const ExperimentScores& scores);  // a row per run: variant,seed,accuracy,f1_macro,f1_weighted,mcc; with halving also
                                                        // dropped_after, with marks also marks
std::string latex_table(const ExperimentScores& scores);      // tabular, in percent as usual in papers
std::string experiment_page(const ExperimentScores& scores);  // report.html: one self-contained file

// Writes only experiment.json, which records the experiment that the folder belongs to before its first run is finished.
void write_record(const ExperimentScores& scores, const std::filesystem::path& folder);

// Writes all files, each atomically. Equal experiments give equal files.
void write_tables(const ExperimentScores& scores, const std::filesystem::path& folder);

}  // namespace infig
