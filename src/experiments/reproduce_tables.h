// Tables that compare the paper's scores with ours.
#pragma once

#include <filesystem>
#include <string>

#include "experiments/reproduce.h"

namespace infig {

std::string reproduction_markdown(const Reproduction& all);
std::string reproduction_csv(const Reproduction& all);    // data_set,model,metric,paper,ours,low,high,runs
std::string reproduction_latex(const Reproduction& all);  // models by data sets, "paper / ours" in percent
std::string reproduction_page(const Reproduction& all);

// Writes table.md, table.csv, table.tex, reproduction.json and report.html, each atomically. Equal runs give equal files.
void write_reproduction(const Reproduction& all, const std::filesystem::path& folder);

}  // namespace infig
