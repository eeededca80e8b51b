#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/commands.h"
#include "apps/signals.h"
#include "apps/validators.h"
#include "archive/import.h"
#include "archive/pickle.h"
#include "archive/weight_archive.h"
#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "core/progress.h"
#include "core/words.h"
#include "hub/hub.h"

namespace infig {
namespace {

namespace fs = std::filesystem;

struct WeightTotals {
  int64_t parameters = 0;  // elements of floating-point tensors
  int64_t others = 0;      // elements of the rest (counters, positions)
  uint64_t bytes = 0;
};

int64_t elements_of(const TensorView& view) { return static_cast<int64_t>(view.data.size()) / dtype_size(view.dtype); }

WeightTotals count_weights(const WeightArchive& archive) {
  WeightTotals totals;
  for (const auto& [name, view] : archive.tensors()) {
    const bool real = view.dtype == DType::kF16 || view.dtype == DType::kBF16 || view.dtype == DType::kF32 || view.dtype == DType::kF64;
    (real ? totals.parameters : totals.others) += elements_of(view);
    totals.bytes += view.data.size();
  }
  return totals;
}

std::string format_text(const WeightArchive& archive) {
  const std::string name = archive_format_name(archive.format());
  return archive.format() == archive.file_format() ? name : fmt::format("{}, each {}", name, archive_format_name(archive.file_format()));
}

void print_weights_json(const WeightArchive& archive) {
  const WeightTotals totals = count_weights(archive);
  nlohmann::ordered_json out;
  out["format"] = archive_format_name(archive.format());
  out["file_format"] = archive_format_name(archive.file_format());
  out["files"] = nlohmann::ordered_json::array();
  for (const auto& file : archive.files()) out["files"].push_back(file.string());
  out["parameters"] = totals.parameters;
  out["other_elements"] = totals.others;
  out["bytes"] = totals.bytes;
  out["metadata"] = archive.metadata();
  out["entry"] = archive.entry();
  out["others"] = archive.others();
  out["left_out"] = archive.left_out();
  out["tensors"] = nlohmann::ordered_json::array();
  for (const auto& [name, view] : archive.tensors()) {
    out["tensors"].push_back({{"name", name}, {"dtype", dtype_name(view.dtype)}, {"shape", view.shape}, {"bytes", view.data.size()}});
  }
  fmt::print("{}\n", out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

// Names come out of files of any origin: nothing of them reaches the terminal as a control sequence.
std::string shown(std::string_view text) {
  constexpr size_t kPiece = 100;
  std::string result;
  for (size_t i = 0; i < text.size(); i += kPiece) result += printable(text.substr(i, kPiece));
  return result;
}

void print_weights(const WeightArchive& archive) {
  size_t width = 4;
  for (const auto& [name, view] : archive.tensors()) width = std::max(width, std::min<size_t>(name.size(), 80));
  for (const auto& [name, view] : archive.tensors()) {
    fmt::print("{:<{}}  {:<4}  [{}]\n", shown(name), width, dtype_name(view.dtype), fmt::join(view.shape, ", "));
  }
  const WeightTotals totals = count_weights(archive);
  fmt::print("\nformat      {}\n", format_text(archive));
  for (const auto& file : archive.files()) fmt::print("file        {}\n", file.string());
  fmt::print("tensors     {}\n", archive.tensors().size());
  fmt::print("parameters  {}{}\n", totals.parameters,
             totals.others > 0 ? fmt::format(" (and {} elements that are not floats)", totals.others) : "");
  fmt::print("bytes       {} ({:.1f} MB)\n", totals.bytes, static_cast<double>(totals.bytes) / 1e6);
  for (const auto& [key, value] : archive.metadata()) fmt::print("metadata    {} = {}\n", shown(key), shown(value));
  if (!archive.entry().empty()) fmt::print("read        {}\n", shown(archive.entry()));
  std::vector<std::string> left_out;
  for (const std::string& name : archive.left_out()) left_out.push_back(shown(name));
  if (!left_out.empty()) fmt::print("left out    {} (no tensors, or not the model's)\n", fmt::join(left_out, ", "));
}

constexpr const char* kEntryHelp =
    "Of a training checkpoint the entry to read (\"ema\"); without it the first of state_dict, model_state_dict, model_state, model, "
    "module, "
    "net, ... that holds tensors";

void add_weights_inspect(CLI::App& weights) {
  struct InspectFlags {
    std::string path, entry;
    bool json = false;
  };
  auto flags = std::make_shared<InspectFlags>();
  auto* command = weights.add_subcommand("inspect", "List the tensors of a file or of a model's folder");
  command->add_option("path", flags->path, "safetensors, .bin, .pth or .pt file, index of shards, or a folder that holds one")
      ->required()
      ->check(no_run_folder());
  command->add_flag("--json", flags->json, "One JSON object instead of a table");
  command->add_option("--entry", flags->entry, kEntryHelp);
  command->footer(
      "What a file is decides how it is read, not its name. Nothing in a PyTorch archive is ever executed.\n"
      "Example:\n  infig weights inspect weights/minilm-l6");
  command->callback([flags] {
    const WeightArchive archive = open_archive(flags->path, flags->entry);
    flags->json ? print_weights_json(archive) : print_weights(archive);
  });
}

void add_weights_import(CLI::App& weights) {
  struct ImportFlags {
    std::string source, output, entry, dtype = "keep";
    bool force = false;
  };
  auto flags = std::make_shared<ImportFlags>();
  auto* command = weights.add_subcommand("import", "Convert weights to safetensors in a folder of their own");
  command->add_option("source", flags->source, "A model's folder (config and tokenizer come along), or a file of weights alone")
      ->required()
      ->check(no_run_folder());
  command->add_option("--output", flags->output, "Folder to make; it must not exist yet, or be empty")->required();
  command->add_option("--dtype", flags->dtype, "keep, or fp32: what is stored in 16 or 64 bits becomes fp32")
      ->check(CLI::IsMember({"keep", "fp32"}))
      ->capture_default_str();
  command->add_option("--entry", flags->entry, kEntryHelp);
  command->add_flag("--force", flags->force, "Replace a folder that an earlier import wrote");
  command->footer(
      "Equal content gives equal bytes. The folder appears whole or not at all.\n"
      "Example:\n  infig weights import efficientnet-lite0-57934424.pth --output weights/efficientnet-lite0");
  command->callback([flags] {
    const ImportReport report = import_weights(flags->source, flags->output,
                                               {.to_float32 = flags->dtype == "fp32", .entry = flags->entry, .overwrite = flags->force});
    fmt::print("{} tensors, {:.1f} MB, from {}\n", report.tensors, static_cast<double>(report.bytes) / 1e6,
               archive_format_name(report.format));
    if (!report.entry.empty()) fmt::print("read: {}\n", shown(report.entry));
    if (report.converted > 0) fmt::print("{} of them converted to fp32\n", report.converted);
    if (!report.copied.empty()) fmt::print("with {}\n", fmt::join(report.copied, ", "));
    for (const std::string& name : report.left_out) fmt::print("left out: {}\n", shown(name));
    fmt::print("written to {}\n", flags->output);
  });
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// The words that the hub's own client takes for yes.
bool is_yes(std::string word) {
  std::transform(word.begin(), word.end(), word.begin(), [](unsigned char c) { return std::toupper(c); });
  constexpr std::array<const char*, 4> yes = {"1", "TRUE", "YES", "ON"};
  return std::find(yes.begin(), yes.end(), word) != yes.end();
}

struct PullFlags {
  std::string name, output;
  bool all = false, force = false;
  int64_t retries = 5;
};

void pull_weights(const PullFlags& flags) {
  const HubName name = parse_hub_name(flags.name);
  HubOptions options;
  const std::string endpoint = environment("HF_ENDPOINT");
  if (!endpoint.empty()) options.endpoint = endpoint;
  options.token = environment("HF_TOKEN");
  options.attempts = flags.retries;
  options.http.stop = watch_signals();
  if (is_yes(environment("HF_HUB_OFFLINE"))) {
    throw ResourceError(fmt::format("HF_HUB_OFFLINE is set, so nothing is fetched; unset it to pull {}", flags.name));
  }
  HubClient hub(options);
  const HubModel model = hub.list(name);
  const std::vector<HubFile> files = flags.all ? model.files : choose_hub_files(model);
  uint64_t total = 0, before = 0;
  for (const HubFile& file : files) total += file.size.value_or(0);
  fmt::print("{} at commit {}: {}, {:.1f} MB\n", model.name, model.commit, counted(static_cast<int64_t>(files.size()), "file"),
             static_cast<double>(total) / 1e6);
  std::fflush(stdout);
  make_folder(flags.output);
  ProgressBar bar("pull", static_cast<int64_t>(total / 1000), "kB");
  for (const HubFile& file : files) {
    uint64_t here = 0;
    const HubClient::Result result = hub.fetch(model, file, flags.output, flags.force, [&](uint64_t bytes) {
      here = bytes;
      bar.update(static_cast<int64_t>((before + bytes) / 1000), file.name);
    });
    before += here;
    ProgressBar::erase_active();
    fmt::print("{:<10}{:>12} bytes  {}\n", result == HubClient::Result::kFetched ? "fetched" : "is there", here, file.name);
    std::fflush(stdout);
  }
  bar.finish();
  if (flags.all) return;
  const WeightArchive archive = open_archive(flags.output);  // shards and index fit together, headers are whole
  fmt::print("{} tensors ({}) in {}\n", archive.tensors().size(), format_text(archive), flags.output);
}

void add_weights_pull(CLI::App& weights) {
  auto flags = std::make_shared<PullFlags>();
  auto* command = weights.add_subcommand("pull", "Fetch a model's files from the hub");
  command->add_option("name", flags->name, "OWNER/MODEL, or OWNER/MODEL@REVISION (branch, tag or commit)")->required();
  command->add_option("--output", flags->output, "Folder to fetch into; what is there and right stays, what is unfinished is continued")
      ->required();
  command->add_flag("--all", flags->all, "Every file of the model, not only config, tokenizer and weights");
  command->add_flag("--force", flags->force, "Replace files that are there and differ from the hub's");
  command->add_option("--retries", flags->retries, "Attempts at a request that breaks off")->capture_default_str();
  command->footer(
      "Environment: HF_ENDPOINT (default https://huggingface.co), HF_TOKEN (for private and gated models; sent to the endpoint\n"
      "alone), HF_HUB_OFFLINE=1 (fetch nothing). Each file's size and SHA-256 (small files: git's SHA-1) are checked.\n"
      "Example:\n  infig weights pull microsoft/deberta-v3-base --output weights/deberta-v3-base");
  command->callback([flags] { pull_weights(*flags); });
}

}  // namespace

void add_weights(CLI::App& app) {
  auto* weights = app.add_subcommand("weights", "list, convert or fetch the weights of published models");
  weights->require_subcommand(1);
  add_weights_inspect(*weights);
  add_weights_import(*weights);
  add_weights_pull(*weights);
  weights->footer("infig weights KIND --help explains each kind.");
}

}  // namespace infig
