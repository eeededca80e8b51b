// Tables that compare the paper's scores with ours.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "experiments/reproduce.h"

namespace infig {

std::string reproduction_markdown(const Reproduction& all);
// In reproduce_exports.cpp. Of the CSV's columns those after `runs` repeat in a model's two rows: the paired difference of its accuracy
// from the reference (INFIG where it was run), cost and marks; what is not known is empty.
//   data_set,model,metric,paper,ours,low,high,runs,less_reference,less_reference_low,less_reference_high,parameters,train_seconds,
//   train_posts_per_second,predict_posts_per_second,marks
std::string reproduction_csv(const Reproduction& all);
// Models by data sets, "paper / ours" in percent; then a table of cost and marks for each data set of Table 2.
std::string reproduction_latex(const Reproduction& all);
nlohmann::ordered_json reproduction_json(const Reproduction& all);
std::string reproduction_page(const Reproduction& all);

// Writes table.md, table.csv, table.tex, reproduction.json and report.html, each atomically. Equal runs give equal files.
void write_reproduction(const Reproduction& all, const std::filesystem::path& folder);

}  // namespace infig
