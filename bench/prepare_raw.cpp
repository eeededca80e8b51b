// `prepare` alone, without the rest of the program (and libtorch): posts a second and peak memory. Prints one JSON object. Killed and run
// again it goes on, as the verb does.
//   prepare_raw {mvsa-multiple,tumemo} RAW OUT [--threads N] [--pack SIDE]
#include <chrono>
#include <cstdio>
#include <string>

#include "core/error.h"
#include "core/process_memory.h"
#include "prepare/published_data_sets.h"

int main(int argc, char** argv) {
  try {
    if (argc < 4) throw infig::ConfigError("expected {mvsa-multiple,tumemo} RAW OUT");
    const std::string kind = argv[1];
    infig::PrepareOptions options;
    options.threads = 2;
    for (int i = 4; i + 1 < argc; i += 2) {
      const std::string flag = argv[i];
      if (flag == "--threads") {
        options.threads = std::stoll(argv[i + 1]);
      } else if (flag == "--pack") {
        options.pack = infig::PackSettings{.side = std::stoll(argv[i + 1])};
      } else {
        throw infig::ConfigError(flag + ": no such flag");
      }
    }
    const auto start = std::chrono::steady_clock::now();
    infig::PrepareReport report;
    if (kind == "tumemo") {
      report = infig::prepare_tumemo({.raw = argv[2]}, argv[3], options);
    } else if (kind == "mvsa-multiple") {
      report = infig::prepare_mvsa_multiple({.raw = argv[2]}, argv[3], options);
    } else {
      throw infig::ConfigError(kind + ": expected mvsa-multiple or tumemo");
    }
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const auto posts = static_cast<double>(report.counts.empty() ? 0 : report.counts.back().second);
    std::printf("{\"posts\": %.0f, \"dropped\": %lld, \"seconds\": %.2f, \"posts_per_second\": %.0f, \"peak_mib\": %.1f}\n", posts,
                static_cast<long long>(report.dropped_count), seconds, posts / seconds, infig::peak_resident_mib());
    return 0;
  } catch (const infig::Error& error) {
    std::fprintf(stderr, "prepare_raw: %s\n", error.what());
    return error.exit_code();
  }
}
