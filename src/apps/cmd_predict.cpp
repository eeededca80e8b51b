#include <ATen/Parallel.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>

#include "apps/commands.h"
#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "data/rows.h"
#include "data/utf8.h"
#include "model/inference.h"
#include "model/pretrained.h"

namespace infig {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

struct PredictFlags {
  std::string run, text, image, input, output, bad_image = "missing";
  int64_t batch_size = 64, threads = 0, workers = 2;
};

// One row of the input: a post, or why it is none. Rows keep their place whatever happens to them.
struct InputRow {
  Post post;
  std::string error;
};

std::vector<InputRow> read_input(const fs::path& path) {
  std::vector<InputRow> rows;
  const fs::path folder = path.parent_path();
  for_each_row(
      path,
      [&](PostRow&& row) {
        InputRow input;
        input.post.id = row.id.value_or(std::to_string(rows.size() + 1));
        input.post.text = row.text.value_or("");
        const std::string image = row.image.value_or("");
        if (!image.empty()) input.post.image = fs::path(image).is_absolute() ? fs::path(image) : folder / image;
        rows.push_back(std::move(input));
      },
      [&](const std::string& message) {
        InputRow faulty;
        faulty.post.id = std::to_string(rows.size() + 1);
        faulty.error = message;
        rows.push_back(std::move(faulty));
      });
  return rows;
}

std::string json_line(const InputRow& row, const std::vector<std::string>& labels, const double* probabilities,
                      const std::string& picture) {
  nlohmann::ordered_json line;
  line["id"] = row.post.id;
  if (!row.error.empty()) {
    line["error"] = row.error;
    return line.dump() + "\n";
  }
  const auto best = std::max_element(probabilities, probabilities + labels.size()) - probabilities;
  line["label"] = labels[static_cast<size_t>(best)];
  for (size_t c = 0; c < labels.size(); ++c) line["probabilities"][labels[c]] = probabilities[c];
  if (!picture.empty()) line["image"] = picture;
  return line.dump() + "\n";
}

std::string csv_line(const InputRow& row, const std::vector<std::string>& labels, const double* probabilities, const std::string& picture) {
  std::string line = csv_cell(row.post.id);
  if (!row.error.empty()) {
    line += "," + std::string(labels.size() + 1, ',') + csv_cell(row.error);
  } else {
    const auto best = std::max_element(probabilities, probabilities + labels.size()) - probabilities;
    line += "," + csv_cell(labels[static_cast<size_t>(best)]);
    for (size_t c = 0; c < labels.size(); ++c) line += fmt::format(",{:.9g}", probabilities[c]);
    line += "," + csv_cell(picture.empty() ? "" : "image " + picture);
  }
  return line + "\n";
}

void write_predictions(const PredictFlags& flags, const std::vector<InputRow>& rows, const LoadedModel& loaded,
                       const std::vector<double>& probabilities, const std::vector<std::string>& pictures) {
  const std::string extension = fs::path(flags.output).extension();
  AtomicFile file(flags.output);
  if (extension == ".csv") {
    file.stream() << "id,prediction";
    for (const auto& label : loaded.labels) file.stream() << "," << csv_cell("p_" + label);
    file.stream() << ",note\n";
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    const double* row = probabilities.data() + i * loaded.labels.size();
    file.stream() << (extension == ".csv" ? csv_line(rows[i], loaded.labels, row, pictures[i])
                                          : json_line(rows[i], loaded.labels, row, pictures[i]));
  }
  file.commit();
}

void predict_file(const PredictFlags& flags, LoadedModel& loaded, const LoaderOptions& loader_options) {
  const std::string extension = fs::path(flags.output).extension();
  if (extension != ".csv" && extension != ".jsonl")
    throw ConfigError(fmt::format("--output {}: expected a .jsonl or .csv file", flags.output));
  std::vector<InputRow> rows = read_input(flags.input);
  std::vector<Post> posts;
  for (const auto& row : rows) posts.push_back(row.post);
  PostLoader loader(posts, *loaded.tokenizer, loaded.model->options().image.pixels, loaded.model->options().text.max_length, loader_options,
                    0);
  std::vector<int64_t> wanted;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].error.empty()) wanted.push_back(static_cast<int64_t>(i));
  }
  const std::vector<int64_t> kept = loader.prepare(wanted, "reading pictures");
  const ScoredRows scored = score_rows(loaded.model, loader, kept, {.batch_size = flags.batch_size, .title = "predicting"});
  const size_t classes = loaded.labels.size();
  std::vector<double> all(rows.size() * classes, 0.0);
  std::vector<std::string> pictures(rows.size());
  std::vector<bool> done(rows.size(), false);
  for (size_t i = 0; i < kept.size(); ++i) {
    std::copy_n(scored.probabilities.data() + i * classes, classes, all.data() + static_cast<size_t>(kept[i]) * classes);
    done[static_cast<size_t>(kept[i])] = true;
  }
  int64_t faults = 0;
  for (const auto& [row, bad] : loader.bad_by_row()) {
    const auto r = static_cast<size_t>(row);
    if (rows[r].post.image.empty()) continue;  // the row names no picture: nothing went wrong
    pictures[r] = bad.status + ": " + bad.reason;
    if (!done[r]) rows[r].error = "image " + pictures[r];
  }
  for (auto& row : rows) faults += row.error.empty() ? 0 : 1;
  write_predictions(flags, rows, loaded, all, pictures);
  std::fprintf(stderr, "%zu rows written to %s (%lld with an error)\n", rows.size(), flags.output.c_str(), static_cast<long long>(faults));
}

void predict_one(const PredictFlags& flags, LoadedModel& loaded, const LoaderOptions& loader_options) {
  if (find_invalid_utf8(flags.text) != std::string::npos) throw DataError("--text: not UTF-8");
  InputRow row;
  row.post.id = "1";
  row.post.text = flags.text;
  row.post.image = flags.image;
  const std::vector<Post> posts = {row.post};
  PostLoader loader(posts, *loaded.tokenizer, loaded.model->options().image.pixels, loaded.model->options().text.max_length, loader_options,
                    0);
  const ScoredRows scored = score_rows(loaded.model, loader, {0}, {.batch_size = 1, .title = ""});
  std::string picture;
  for (const auto& bad : loader.bad_pictures()) {
    if (flags.image.empty()) continue;
    picture = bad.status + ": " + bad.reason;
    if (bad.status != "truncated") throw DataError(fmt::format("--image {}: {}", flags.image, picture));
    log_warning("--image {}: {}", flags.image, picture);
  }
  std::fputs(json_line(row, loaded.labels, scored.probabilities.data(), picture).c_str(), stdout);
}

void predict_verb(const PredictFlags& flags) {
  const bool one = !flags.text.empty() || !flags.image.empty();
  if (one == !flags.input.empty())
    throw ConfigError("predict: give either --text and/or --image for one post, or --input and --output for a file");
  if (!one && flags.output.empty()) throw ConfigError("predict: --input needs --output FILE.jsonl or FILE.csv");
  if (flags.threads > 0) at::set_num_threads(static_cast<int>(flags.threads));
  LoaderOptions loader{.workers = one ? 1 : flags.workers, .cache_mb = 0};
  ConfigBinder binder;
  bind_options(binder, loader);
  apply_override(binder, "bad_image=" + flags.bad_image);
  LoadedModel loaded = load_model(find_checkpoint(flags.run));
  if (one) {
    predict_one(flags, loaded, loader);
  } else {
    predict_file(flags, loaded, loader);
  }
}

}  // namespace

void add_predict(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("predict", "labels and probabilities of one post, or of a file row by row");
  auto flags = std::make_shared<PredictFlags>();
  verb->add_option("--run", flags->run, "run folder, or a checkpoint folder")->required();
  verb->add_option("--text", flags->text, "the post's text");
  verb->add_option("--image", flags->image, "the post's picture");
  verb->add_option("--input", flags->input, "JSONL, CSV or TSV with id, text, image (paths from the file's folder)");
  verb->add_option("--output", flags->output, "JSONL or CSV to write, one row for each input row, in order");
  verb->add_option("--bad-image", flags->bad_image,
                   "rows whose picture cannot be used: missing (text alone) | skip (row gets an error) | error (stop)")
      ->capture_default_str();
  verb->add_option("--batch-size", flags->batch_size, "posts a batch")->capture_default_str()->check(CLI::PositiveNumber);
  verb->add_option("--threads", flags->threads, "compute threads; 0: all cores")->capture_default_str()->check(CLI::NonNegativeNumber);
  verb->add_option("--workers", flags->workers, "threads that read pictures")->capture_default_str()->check(CLI::PositiveNumber);
  verb->footer(
      "Examples:\n  infig predict --run runs/demo --text \"What a lovely day\" --image storm.jpg\n"
      "  infig predict --run runs/demo --input posts.jsonl --output predictions.jsonl");
  verb->callback([flags] { predict_verb(*flags); });
}

}  // namespace infig
