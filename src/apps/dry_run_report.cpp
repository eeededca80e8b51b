#include "apps/dry_run_report.h"

#include <fmt/format.h>

#include "core/disk.h"
#include "core/progress.h"
#include "core/words.h"

namespace infig {
namespace {

void print_reading(const DryRun& found, const DataSet& data) {
  fmt::print("would read   {} ({})\n", data.called(), counted(static_cast<int64_t>(data.labels.size()), "class", "classes"));
  for (const Split split : {Split::kTrain, Split::kDev, Split::kTest}) {
    const SplitContents& one = found.splits.at(static_cast<size_t>(split));
    fmt::print("  {:<10} {}, {}, {} named{}{}\n", split_name(split), counted(one.posts, "post"), counted(one.texts, "text"),
               counted(one.pictures, "picture"), one.absent > 0 ? fmt::format(", {} of them absent", one.absent) : "",
               split != Split::kTest   ? ""
               : found.cache_bytes > 0 ? " (for the feature cache alone)"
                                       : " (not read by train)");
  }
  for (const auto& [key, path] : found.weights) fmt::print("  {:<10} {}\n", key, path.string());
}

void print_work(const DryRun& found, const RunConfig& config) {
  fmt::print("would train  {}: {} of {} of {}, {} on dev{}{}\n", counted(found.steps, "step"), counted(config.train.epochs, "epoch"),
             counted(found.steps_per_epoch, "step"), counted(found.batch_size, "post"), counted(found.evaluations, "evaluation"),
             config.train.patience > 0 && found.evaluations > 0
                 ? fmt::format(" (fewer where {} bring nothing better)", config.train.patience)
                 : "",
             found.left_out > 0 ? fmt::format("; {} left out of every epoch (data.drop_last)", counted_are(found.left_out, "post")) : "");
  fmt::print("  model      {:.2f} million parameters, {:.2f} million trained, {} on {}, {}\n", static_cast<double>(found.parameters) / 1e6,
             static_cast<double>(found.trained) / 1e6, found.precision, found.device, counted(found.threads, "thread"));
  fmt::print("  time       about {}: a step takes {:.0f} ms", format_duration(found.seconds), 1e3 * found.step_seconds);
  if (found.evaluations > 0) fmt::print(", an evaluation {:.1f} s", found.evaluation_seconds);
  if (found.cache_seconds > 0) fmt::print(", features of frozen encoders {} once", format_duration(found.cache_seconds));
  if (found.timed_pictures > 0) fmt::print(" (timed on {})", counted(found.timed_pictures, "picture"));
  fmt::print(" (measured on two steps; writing checkpoints comes on top)\n");
  fmt::print("  memory     {:.0f} MiB{} (measured on the longest texts and two steps)\n", found.peak_mib,
             found.pictures_mib >= 1 ? fmt::format(", and up to {:.0f} MiB of pictures that are kept", found.pictures_mib) : "");
}

}  // namespace

void print_dry_run(const DryRun& found, const DataSet& data, const RunConfig& config, const std::string& run) {
  print_reading(found, data);
  print_work(found, config);
  fmt::print("would write  {}\n  disk       {}{}{}\n", run, describe(found.disk),
             found.cache_bytes > 0 ? fmt::format("; the feature cache is {}", format_bytes(found.cache_bytes)) : "",
             found.free_bytes < 0 ? "" : fmt::format("; {} are free", format_bytes(found.free_bytes)));
  const int64_t wanted = found.disk.most + found.cache_bytes;
  if (found.free_bytes >= 0 && wanted > found.free_bytes)
    fmt::print("  too little: {} are needed, {} are free; the run would be refused\n", format_bytes(wanted),
               format_bytes(found.free_bytes));
  fmt::print("nothing was written\n");
}

}  // namespace infig
