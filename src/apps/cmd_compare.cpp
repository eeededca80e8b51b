#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "apps/commands.h"
#include "apps/compute_flags.h"
#include "apps/validators.h"
#include "core/files.h"
#include "core/log.h"
#include "core/words.h"
#include "data/data_set.h"
#include "evaluation/compare.h"

namespace infig {
namespace {

struct CompareFlags {
  std::string first, second, data, output;
  CompareOptions options;
};

void print_score(const char* name, const ScoreDifference& score) {
  fmt::print("  {:<12} {:>8.4f} {:>8.4f} {:>+9.4f}   {:>+7.4f} to {:>+7.4f} {:>8.4f}\n", name, score.first, score.second, score.difference,
             score.interval.low, score.interval.high, score.p_value);
}

// --data: a data set as it lies there, by the hash of its posts, or the name of one.
CompareOptions options_of(const CompareFlags& flags) {
  CompareOptions options = flags.options;
  if (flags.data.empty()) return options;
  options.data_title = flags.data;
  options.data = std::filesystem::exists(flags.data) ? read_data_set(flags.data).sha256 : flags.data;
  return options;
}

void warn_of_runs_on_both_sides(const Comparison& result) {
  for (const auto& one : result.first.runs) {
    const auto same = [&](const auto& other) { return std::filesystem::weakly_canonical(one) == std::filesystem::weakly_canonical(other); };
    if (std::ranges::any_of(result.second.runs, same)) log_warning("{} stands on both sides: it is compared with itself", one.string());
  }
}

void compare(const CompareFlags& flags) {
  CompareOptions options = options_of(flags);
  options.bootstrap.threads = threads_of_flag(options.bootstrap.threads);
  const Comparison result = compare_runs(parse_side(flags.first), parse_side(flags.second), options);
  warn_of_runs_on_both_sides(result);
  fmt::print("{}{}{}: {}\n", result.data.empty() ? "" : result.data + ", ", result.split,
             result.without.empty() ? "" : " without " + result.without, counted(result.posts, "post"));
  for (const auto& [letter, side] : {std::pair{'A', &result.first}, std::pair{'B', &result.second}})
    fmt::print("  {} = {}{}{}\n", letter, side->name, side->runs.size() > 1 ? fmt::format(", mean of {} runs", side->runs.size()) : "",
               side->marks.empty() ? "" : fmt::format("; marks: {}", fmt::join(side->marks, ", ")));
  fmt::print("  {:<12} {:>8} {:>8} {:>9}   {:>18.0f} % {:>7}\n", "score", "A", "B", "B - A", 100 * result.level, "p");
  print_score("accuracy", result.scores.accuracy);
  print_score("macro F1", result.scores.f1_macro);
  print_score("weighted F1", result.scores.f1_weighted);
  print_score("MCC", result.scores.mcc);
  for (size_t i = 0; i < result.mcnemar.size(); ++i) {
    const McNemar& test = result.mcnemar[i];
    const std::string pair = result.mcnemar.size() == 1 ? ""
                                                        : fmt::format(", {} and {}", result.first.runs[i].generic_string(),
                                                                      result.second.runs[i].generic_string());
    fmt::print("  McNemar, exact{}: {} right in A alone, {} in B alone, p = {:.4f}\n", pair, test.only_first, test.only_second,
               test.p_value);
  }
  fmt::print("{}\n", conclusion(result));
  if (flags.output.empty()) return;
  make_folder_of(flags.output);
  write_file_atomic(flags.output, to_json(result).dump(2) + "\n");
  fmt::print("wrote {}\n", flags.output);
}

}  // namespace

void add_compare(CLI::App& app) {
  auto* verb = app.add_subcommand("compare", "which of two runs is better on the same posts, by how much, and how sure that is");
  auto flags = std::make_shared<CompareFlags>();
  auto& bootstrap = flags->options.bootstrap;
  bootstrap.threads = 0;
  verb->add_option("first", flags->first, "A: a run folder, several joined by commas, or a folder of seeds (RUN/seed-1, ...)")->required();
  verb->add_option("second", flags->second, "B: the same")->required();
  verb->add_option(
      "--data", flags->data,
      "which of the data sets that both were evaluated on: its folder or file, its name, or the beginning of its hash (default: the "
      "one that each run was trained on)");
  verb->add_option("--split", flags->options.split, "train | dev | test")
      ->capture_default_str()
      ->check(CLI::IsMember({"train", "dev", "test"}));
  verb->add_option("--without", flags->options.without, "compare the evaluations with this part withheld: image | text")
      ->check(CLI::IsMember({"image", "text"}));
  verb->add_option("--replicates", bootstrap.replicates, "bootstrap replicates")
      ->capture_default_str()
      ->check(whole_between(100, 10'000'000));
  verb->add_option("--level", bootstrap.level, "of the intervals")->capture_default_str();
  verb->add_option("--seed", bootstrap.seed, "of the bootstrap's draws")->capture_default_str();
  add_threads_flag(*verb, bootstrap.threads, "threads; 0: all cores; change no figure");
  verb->add_option("--output", flags->output, "also write the figures to this JSON file");
  verb->footer(
      "Posts, and on a side of several runs the runs as well, are drawn anew for each replicate (paired bootstrap); McNemar's test "
      "compares\n"
      "run by run. Both runs must have been evaluated on the same posts: infig evaluate.\n\n"
      "Examples:\n  infig compare runs/without-gam runs/full --split dev\n"
      "  infig compare runs/mvsa runs/postcards --data data/mvsa\n"
      "  infig compare runs/a-1,runs/a-2,runs/a-3 runs/b-1,runs/b-2,runs/b-3 --output comparison.json");
  verb->callback([flags] { compare(*flags); });
}

}  // namespace infig
