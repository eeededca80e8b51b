// --device and --precision of the verbs that run a model; --threads is one of compute_flags.h.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "predict/predictor.h"

namespace infig {

struct DeviceFlags {
  std::string device = "auto", precision = "auto";
  int64_t threads = 0;
};

void add_device_flags(CLI::App& verb, DeviceFlags& flags);

// The choice that the flags name; --threads is set for the process. Throws ConfigError for other words.
PredictorOptions use_device_flags(const DeviceFlags& flags);

}  // namespace infig
