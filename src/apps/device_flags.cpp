#include "apps/device_flags.h"

#include <ATen/Parallel.h>

#include "apps/config_keys.h"
#include "core/config.h"

namespace infig {

void add_device_flags(CLI::App& verb, DeviceFlags& flags) {
  verb.add_option("--device", flags.device, "where to compute; auto: cuda where there is one")
      ->capture_default_str()
      ->check(CLI::IsMember(find_config_key("device")->words));
  verb.add_option("--precision", flags.precision, "of the computation; auto: what the model was trained in")
      ->capture_default_str()
      ->check(CLI::IsMember(find_config_key("precision")->words));
}

PredictorOptions use_device_flags(const DeviceFlags& flags) {
  PredictorOptions options;
  ConfigBinder binder;
  bind_options(binder, options);
  apply_override(binder, "device=" + flags.device);
  apply_override(binder, "precision=" + flags.precision);
  if (flags.threads > 0) at::set_num_threads(static_cast<int>(flags.threads));
  return options;
}

}  // namespace infig
