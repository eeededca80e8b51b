#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "apps/commands.h"
#include "apps/compute_flags.h"
#include "apps/reading_flags.h"
#include "apps/validators.h"
#include "core/files.h"
#include "data/data_set.h"
#include "model/baselines/anchors.h"
#include "tensor/archive.h"
#include "training/run_inputs.h"

namespace infig {
namespace {

struct AnchorFlags {
  std::string data, text_model, image_model, features;
  AnchorOptions options;
  ReadingFlags reading;
  int64_t threads = 0, limit = 0;
};

// The features with labels and splits, so that any other implementation can be fitted on the very same numbers.
void write_features(const DataSet& data, const AnchorFeatures& features, const std::string& path) {
  TensorMap tensors;
  if (features.text.defined()) tensors["text"] = features.text;
  if (features.image.defined()) tensors["image"] = features.image;
  std::vector<int64_t> labels, splits;
  nlohmann::json ids = nlohmann::json::array();
  for (const auto& post : data.posts) {
    labels.push_back(post.label_id);
    splits.push_back(static_cast<int64_t>(post.split));
    ids.push_back(post.id);
  }
  tensors["labels"] = at::tensor(labels, at::kLong);
  tensors["splits"] = at::tensor(splits, at::kLong);
  make_folder_of(path);
  save_tensors(path, tensors, {{"ids", ids.dump()}, {"split_names", R"(["train","dev","test"])"}});
}

void print_table(const AnchorTable& table) {
  std::printf("%-18s %9s", "features", "c");
  const auto& columns = table.rows.front().splits;
  for (const auto& [split, scores] : columns) std::printf("  %4s accuracy  (95 %% Wilson)     macro F1  weighted F1", split.c_str());
  std::printf("\n");
  for (const auto& row : table.rows) {
    std::printf("%-18s %9s", row.name.c_str(), row.c > 0 ? fmt::format("{:.3g}", row.c).c_str() : "-");
    for (const auto& [split, s] : row.splits)
      std::printf("         %.4f  (%.4f to %.4f)    %.4f       %.4f", s.accuracy, s.accuracy_low, s.accuracy_high, s.f1_macro,
                  s.f1_weighted);
    std::printf("\n");
  }
}

void anchors_verb(const AnchorFlags& flags) {
  if (flags.threads > 0) at::set_num_threads(static_cast<int>(flags.threads));
  const DataSet whole = read_data_set(flags.data, flags.reading.reading()),
                data = flags.limit > 0 ? limited(whole, flags.limit, kLimitSeed) : whole;
  AnchorOptions options = flags.options;
  options.text_model = flags.text_model;
  options.image_model = flags.image_model;
  const AnchorFeatures features = anchor_features(data, options);
  if (!flags.features.empty()) write_features(data, features, flags.features);
  AnchorTable table = compute_anchors(data, features, options);
  print_table(table);
  if (!table.image_model.empty()) std::printf("%s\n", table.pictures.words().c_str());
  if (flags.limit > 0) {
    std::printf("the table is not kept: --limit %lld leaves a part of every split\n", static_cast<long long>(flags.limit));
    return;
  }
  const auto path = anchors_path(flags.data);
  if (const auto earlier = read_anchors(path, data.sha256)) {
    if (const std::string words = keep_earlier_rows(table, *earlier); !words.empty()) std::printf("%s\n", words.c_str());
  }
  write_anchors(table, path);
  std::printf("wrote %s; evaluate and report.html show these figures beside a model's\n", path.c_str());
}

}  // namespace

void add_anchors(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("anchors", "what simple models score on a data set: majority, TF-IDF, frozen features");
  auto flags = std::make_shared<AnchorFlags>();
  add_data_flag(*verb, flags->data);
  add_reading_flags(*verb, flags->reading);
  verb->add_option("--text-model", flags->text_model, "folder of a text encoder: adds rows with its features");
  verb->add_option("--image-model", flags->image_model, "folder or file of an image backbone: adds rows with its features");
  verb->add_option("--features", flags->features, "also write features, labels and splits to this .safetensors file");
  verb->add_option("--max-length", flags->options.max_length, "tokens a text for the text model")
      ->capture_default_str()
      ->check(whole_between(3, 100000));
  add_compute_flags(*verb, {.batch_size = flags->options.batch_size,
                            .threads = flags->threads,
                            .workers = flags->options.workers,
                            .batch_help = "posts a forward pass"});
  add_limit_flag(*verb, flags->limit,
                 "use at most so many posts of every split, drawn at random, to try things; the table is then not kept");
  verb->footer(
      "Examples:\n  infig anchors --data data/mvsa\n"
      "  infig anchors --data data/mvsa --text-model weights/minilm-l6 --image-model weights/efficientnet-lite0");
  verb->callback([flags] { anchors_verb(*flags); });
}

}  // namespace infig
