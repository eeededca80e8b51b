#include "experiments/reproduce.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "core/guarded_folder.h"
#include "core/json.h"
#include "core/log.h"
#include "core/progress.h"
#include "core/words.h"
#include "data/data_set.h"
#include "experiments/experiment_folder.h"
#include "experiments/paper_figures.h"
#include "experiments/plans.h"
#include "experiments/reproduce_tables.h"
#include "experiments/runs.h"
#include "model/infig_options.h"
#include "training/dry_run.h"

namespace infig {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFull = "full";  // the variant that is INFIG whole

// One data set that can be trained on.
struct Planned {
  size_t data_set;
  fs::path config;
  DataSet data;
  std::vector<Variant> variants;
  std::vector<std::string> notes;
  std::vector<MissingModel> missing = {};
  std::vector<size_t> order = {};  // of the variants, the cheapest first
};

fs::path config_of_set(const ReproduceRequest& request, const PaperDataSet& set) {
  const fs::path path =
      request.config_dir / (request.preset == "paper" ? fmt::format("paper-{}.yaml", set.name) : request.preset + ".yaml");
  if (!fs::exists(path))
    throw ConfigError(fmt::format("{}: no such preset; --config-dir names the folder that holds the project's configs", path.string()));
  return path;
}

// The full model is shared by all three parts, so its folder has the same name in each.
std::vector<Variant> layer_variants(const RunConfig& config) {
  std::vector<Variant> variants = sweep_variants({parse_axis("gam.layer=1,2,3,4")}, 0, 1);
  for (Variant& variant : variants) {
    if (variant.axes.front().second == std::to_string(infig_options(config.model).gam.layer)) variant.name = "full";
  }
  return variants;
}

std::vector<Variant> variants_of(PaperPart part, const RunConfig& config) {
  return part == PaperPart::kTable3 ? ablation_variants(config) : layer_variants(config);
}

// What --preset lite, base and tiny put in the place of the weights that the other models' presets name.
std::vector<std::string> stand_ins(const std::string& preset, const std::string& model) {
  if (preset == "paper") return {};
  if (preset == "tiny" && model == "mgnns") return {"image.model=", "image.size=224", "image.resize=224", "mgnns.classes=none"};
  if (preset == "tiny") return {"image.model="};
  const std::string network = preset == "lite" ? "weights/efficientnet-lite0" : "weights/efficientnet-lite2";
  std::vector<std::string> words = {"image.model=" + network};
  if (model == "clmlf") words.emplace_back(preset == "lite" ? "text.model=weights/minilm-l6" : "text.model=weights/mpnet-base");
  if (model == "hsan") words.push_back("image.class_names=" + network + "/class_names.txt");
  // Its classes are read off the classifier, at the size of pictures that this was trained on.
  if (model == "mgnns") words.emplace_back("image.preprocess=model");
  // Their presets have 448 pixels, with ImageNet's mean and deviation.
  if (model == "mmsd" || model == "concat2" || model == "concat3") {
    words.insert(words.end(), {"image.filter=bicubic", "image.mean=[0.4980392156862745, 0.4980392156862745, 0.4980392156862745]",
                               "image.std=[0.5019607843137255, 0.5019607843137255, 0.5019607843137255]"});
  }
  return words;
}

std::vector<std::string> with(std::vector<std::string> words, const std::vector<std::string>& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

bool is_wanted(const ReproduceRequest& request, const PaperRow& row) {
  const std::string name = row.variant == std::string(kFull) ? "infig" : row.variant;
  return request.models.empty() || std::ranges::find(request.models, name) != request.models.end();
}

// The rows of Table 2 that can be trained on this data set, as variants; what a row lacks goes to `missing`.
std::vector<Variant> model_variants(const ReproduceRequest& request, size_t place, std::vector<MissingModel>& missing) {
  const PaperDataSet& set = paper_data_sets()[place];
  std::vector<Variant> variants;
  for (const PaperRow& row : paper_table2()) {
    if (!row.scores[place] || !is_wanted(request, row)) continue;
    const bool infig = row.variant == std::string(kFull);
    if (request.preset == "tiny" && row.variant == std::string("hsan")) {
      missing.push_back({.model = row.model,
                         .what = "names of classes, which stand in for captions: the random network of preset tiny has no classifier",
                         .how = "--preset lite or base, after make lite-weights or make base-weights"});
      continue;
    }
    Variant variant{
        .name = row.variant, .title = row.model, .overrides = infig ? std::vector<std::string>() : stand_ins(request.preset, row.variant)};
    variant.config = infig ? config_of_set(request, set) : request.config_dir / fmt::format("{}-{}.yaml", row.variant, set.name);
    if (!fs::exists(variant.config))
      throw ConfigError(
          fmt::format("{}: no such preset; --config-dir names the folder that holds the project's configs", variant.config.string()));
    try {
      load_run_config(variant.config, with(request.overrides, variant.overrides));
      variants.push_back(std::move(variant));
    } catch (const CheckpointError& error) {
      missing.push_back({.model = row.model, .what = fmt::format("weights that {} names", variant.config.string()), .how = error.what()});
    } catch (const ConfigError& error) {
      throw ConfigError(fmt::format("{}: {}", row.model, error.what()));
    }
  }
  return variants;
}

std::vector<std::string> notes_of(const ReproduceRequest& request, const RunConfig& config, const PaperDataSet& set, const DataSet& data) {
  std::vector<std::string> notes;
  const auto count = [&](Split split) { return static_cast<int64_t>(data.rows_of(split).size()); };
  if (count(Split::kTrain) != set.train || count(Split::kDev) != set.dev || count(Split::kTest) != set.test) {
    notes.push_back(fmt::format("posts of train, dev, test: {}, {}, {}; the paper has {}, {}, {}", count(Split::kTrain), count(Split::kDev),
                                count(Split::kTest), set.train, set.dev, set.test));
  }
  if (data.name != set.name)
    notes.push_back(fmt::format("the posts are of the data set {}, which is not the paper's {}: its figures stand beside others'",
                                data.name, set.name));
  if (config.data.limit > 0) notes.push_back(fmt::format("trained on at most {} (data.limit)", counted(config.data.limit, "post")));
  if (request.preset != "paper")
    notes.push_back(fmt::format("preset {}, not the paper's model: the difference from the paper says nothing about the paper's result",
                                request.preset));
  if (config.model.kind().name == std::string_view("infig") && infig_options(config.model).clip.model.empty())
    notes.emplace_back("no CLIP in this preset: its whole model is what the paper calls w/o CLIP");
  if (request.split != "test") notes.push_back(fmt::format("scored on {}; the paper's figures are of test", request.split));
  return notes;
}

// Adds the data set to `planned`, or what it lacks to `missing`.
void plan_set(const ReproduceRequest& request, size_t place, std::vector<Planned>& planned, std::vector<MissingSet>& missing) {
  const PaperDataSet& set = paper_data_sets()[place];
  const fs::path folder = request.data_root / set.name, config_path = config_of_set(request, set);
  if (!fs::exists(folder)) {
    missing.push_back({.data_set = place,
                       .what = fmt::format("no data set at {}", folder.string()),
                       .how = fmt::format("infig prepare {} --raw RAW --out {}, with RAW as downloaded (docs/published-data.md)", set.name,
                                          folder.string())});
    return;
  }
  Planned one{.data_set = place, .config = config_path, .data = {}, .variants = {}, .notes = {}};
  RunConfig config;
  if (request.part == PaperPart::kTable2) {
    one.variants = model_variants(request, place, one.missing);
    if (one.variants.empty()) {
      for (const MissingModel& model : one.missing)
        missing.push_back({.data_set = place, .what = fmt::format("{}: {}", model.model, model.what), .how = model.how});
      return;
    }
    config = load_run_config(one.variants.front().config, with(request.overrides, one.variants.front().overrides));
  } else {
    try {
      config = load_run_config(config_path, request.overrides);
    } catch (const CheckpointError& error) {
      missing.push_back({.data_set = place, .what = fmt::format("weights that {} names", config_path.string()), .how = error.what()});
      return;
    }
    one.variants = variants_of(request.part, config);
  }
  one.data = read_data_set(folder);
  if (one.data.rows_of(parse_split(request.split)).empty()) {
    missing.push_back({.data_set = place,
                       .what = fmt::format("{} has no posts of {}", folder.string(), request.split),
                       .how = "prepare the whole data set, or score another split with --split"});
    return;
  }
  // Reports invalid values now, not after hours of training; those of Table 2 were loaded to see which can be trained.
  if (request.part != PaperPart::kTable2) {
    for (const Variant& variant : one.variants) load_run_config(config_path, with(request.overrides, variant.overrides));
  }
  one.notes = notes_of(request, config, set, one.data);
  planned.push_back(std::move(one));
}

ExperimentRequest experiment_of(const ReproduceRequest& request, const Planned& one) {
  const PaperDataSet& set = paper_data_sets()[one.data_set];
  ExperimentRequest experiment;
  experiment.title = fmt::format("{} on {}",
                                 request.part == PaperPart::kTable2   ? "Table 2"
                                 : request.part == PaperPart::kTable3 ? "Table 3"
                                                                      : "Figure 3",
                                 set.title);
  experiment.config = one.config;
  experiment.overrides = request.overrides;
  experiment.variants = one.variants;
  experiment.order = one.order;
  if (request.part == PaperPart::kTable2) experiment.reference = kFull;
  experiment.seeds = request.seeds;
  experiment.output = request.output / "runs" / set.name;
  experiment.tables = request.output / paper_part_name(request.part) / set.name;
  experiment.split = request.split;
  experiment.evaluate = request.evaluate;
  experiment.description_json = request.description_json;
  experiment.stop = request.stop;
  return experiment;
}

// OUT/PART; if that holds the tables of another split, OUT/PART/SPLIT. Refuses to replace a table by one that lacks some of its data sets.
fs::path tables_of(const ReproduceRequest& request, const std::vector<Planned>& planned) {
  fs::path folder = request.output / paper_part_name(request.part);
  for (int level = 0; level < 2 && fs::exists(folder / "reproduction.json"); ++level) {
    const nlohmann::json json = parse_foreign_json(read_file(folder / "reproduction.json"));
    const auto refuse = [&](const std::string& what) {
      throw ConfigError(fmt::format("{}: {}; choose another --output-dir", (folder / "reproduction.json").string(), what));
    };
    if (!json.is_object() || !json.contains("data_sets")) refuse("is not what reproduce wrote");
    if (json.value("split", "") != request.split && level == 0) {
      folder /= request.split;
      continue;
    }
    if (json.value("preset", "") != request.preset)
      refuse(fmt::format("is of preset {}, this command's is {}", json.value("preset", ""), request.preset));
    for (const auto& set : json.at("data_sets")) {
      const std::string name = set.value("name", "");
      if (std::none_of(planned.begin(), planned.end(), [&](const Planned& one) { return name == paper_data_sets()[one.data_set].name; }))
        refuse(fmt::format("holds figures of {}, which is not under {} now", name, request.data_root.string()));
    }
    break;
  }
  return folder;
}

// Puts the cheapest model first, by the time that a few of its steps take, and logs what all of them will take. Models whose runs are all
// there cost nothing; nor do those that only go on.
void order_by_cost(const ReproduceRequest& request, Planned& one) {
  const ExperimentRequest experiment = experiment_of(request, one);
  std::vector<double> costs;
  std::string words;
  double all = 0;
  for (const Variant& variant : one.variants) {
    std::vector<uint64_t> left;
    std::ranges::copy_if(request.seeds, std::back_inserter(left), [&](uint64_t seed) {
      return !fs::exists(StoredEvaluation{.split = request.split}.path(run_folder(experiment, variant, seed), ".json"));
    });
    // A run that was begun has the parts of its checkpoint, where a new one reads the files that its config names: only these are measured.
    const auto fresh = std::ranges::find_if(left, [&](uint64_t seed) { return !fs::exists(run_folder(experiment, variant, seed)); });
    double seconds = 0;
    if (fresh != left.end()) {
      const PrivateFolder scratch("reproduce");
      const RunConfig config = config_of(experiment, variant, *fresh);
      seconds = dry_run(config, one.data, scratch.path() / "run", scratch.path(), request.stop).seconds * static_cast<double>(left.size());
    }
    if (!left.empty())
      words += fmt::format("{}{} {}", words.empty() ? "" : ", ", variant.title, seconds > 0 ? format_duration(seconds) : "(goes on)");
    all += seconds;
    costs.push_back(seconds);
    one.order.push_back(one.order.size());
  }
  std::ranges::stable_sort(one.order, {}, [&costs](size_t place) { return costs[place]; });
  if (!words.empty())
    log_info("{}: about {} of training without early stops, by a few steps of each: {}", paper_data_sets()[one.data_set].title,
             format_duration(all), words);
}

std::map<std::string, RunCost> costs_of(const ExperimentScores& scores) {
  std::map<std::string, RunCost> costs;
  for (const VariantScores& variant : scores.variants) {
    if (variant.seeds.empty()) continue;
    RunCost& mean = costs[variant.variant.name];
    const auto count = static_cast<double>(variant.seeds.size());
    for (const SeedScores& seed : variant.seeds) {
      const RunCost cost = read_run_cost(seed.run, scores.split);
      mean.train_seconds += cost.train_seconds / count;
      mean.train_rate += cost.train_rate / count;
      mean.predict_rate += cost.predict_rate / count;
      mean.parameters = cost.parameters;
    }
  }
  return costs;
}

}  // namespace

const char* paper_part_name(PaperPart part) {
  return part == PaperPart::kTable2 ? "table2" : part == PaperPart::kTable3 ? "table3" : "figure3";
}

PaperPart parse_paper_part(const std::string& word) {
  for (const PaperPart part : {PaperPart::kTable2, PaperPart::kTable3, PaperPart::kFigure3}) {
    if (word == paper_part_name(part)) return part;
  }
  throw ConfigError(fmt::format("reproduce: \"{}\", expected table2, table3 or figure3", word));
}

Reproduction reproduce(const ReproduceRequest& request) {
  Reproduction all{
      .part = request.part, .preset = request.preset, .split = request.split, .seeds = request.seeds, .sets = {}, .missing = {}};
  if (!fs::is_directory(request.data_root))
    throw DataError(fmt::format("{}: no such folder; --data-root holds the data sets that prepare wrote", request.data_root.string()));
  std::vector<Planned> planned;
  for (size_t place = 0; place < kPaperDataSets; ++place) plan_set(request, place, planned, all.missing);
  if (planned.empty()) {
    std::vector<std::string> lines;
    for (const MissingSet& one : all.missing)
      lines.push_back(fmt::format("{}: {}; {}", paper_data_sets()[one.data_set].name, one.what, one.how));
    throw DataError(fmt::format("reproduce: nothing to train on\n{}", fmt::join(lines, "\n")));
  }
  for (const MissingSet& one : all.missing) log_warning("{} is left out: {}; {}", paper_data_sets()[one.data_set].title, one.what, one.how);
  for (const Planned& one : planned) {
    check_experiment_folder(experiment_of(request, one), one.data);
    for (const MissingModel& model : one.missing)
      log_warning("{}: {} is left out: {}; {}", paper_data_sets()[one.data_set].title, model.model, model.what, model.how);
  }
  const fs::path tables = tables_of(request, planned);
  all.tables = tables;
  if (request.part == PaperPart::kTable2) {
    for (Planned& one : planned) order_by_cost(request, one);
  }
  for (const Planned& one : planned) {
    ExperimentRequest experiment = experiment_of(request, one);
    const size_t place = all.sets.size();
    all.sets.push_back({.data_set = one.data_set, .scores = {}, .notes = one.notes, .missing = one.missing});
    experiment.on_update = [&, place](const ExperimentScores& scores) {
      all.sets[place].scores = scores;
      if (request.part == PaperPart::kTable2) all.sets[place].costs = costs_of(scores);
      write_reproduction(all, tables);
    };
    const ExperimentScores scores = run_experiment(experiment, one.data);
    if (request.part != PaperPart::kTable2) continue;
    all.sets[place].disagreements = find_disagreements(scores, one.data);
    write_reproduction(all, tables);
  }
  return all;
}

}  // namespace infig
