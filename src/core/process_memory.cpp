#include "core/process_memory.h"

#include <charconv>
#include <fstream>
#include <string>

namespace infig {
namespace {

// "VmHWM:     13612 kB" -> MiB; 0 where the kernel does not say.
double status_mib(const std::string& key) {
  std::ifstream in("/proc/self/status");
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(key)) continue;
    const size_t digits = line.find_first_of("0123456789", key.size());
    if (digits == std::string::npos) return 0;
    double kib = 0;
    std::from_chars(line.data() + digits, line.data() + line.size(), kib);
    return kib / 1024.0;
  }
  return 0;
}

}  // namespace

double resident_mib() { return status_mib("VmRSS:"); }

// Not getrusage(): its peak begins with what the process that started this one held.
double peak_resident_mib() { return status_mib("VmHWM:"); }

}  // namespace infig
