// What the verbs that train several runs share.
#pragma once

#include <string>

#include "data/table_reading.h"
#include "experiments/experiment.h"

namespace infig {

// Runs the experiment on the data set at `data_path` and prints its table.
void run_and_print(const ExperimentRequest& request, const std::string& data_path, const TableReading& reading = {});

}  // namespace infig
