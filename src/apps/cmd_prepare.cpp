// infig prepare KIND: one function a kind, and its line in add_prepare().
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "apps/commands.h"
#include "apps/prepare_command.h"
#include "apps/signals.h"
#include "apps/validators.h"
#include "core/error.h"
#include "data/data_set.h"
#include "data/rows.h"
#include "postcards/postcards.h"
#include "prepare/pipeline.h"
#include "prepare/prepare.h"
#include "prepare/target.h"

namespace infig {
namespace {

void add_postcards(CLI::App& prepare) {
  auto flags = std::make_shared<PrepareFlags>();
  auto postcards = std::make_shared<PostcardsOptions>();
  auto* command = prepare.add_subcommand("postcards", "The built-in data set: small drawn pictures with a sentence each");
  add_prepare_out(*command, flags);
  command->add_option("--count", postcards->count, "Posts in all splits together")->capture_default_str()->check(whole_between(50, 100000));
  command->add_option("--size", postcards->size, "Width and height of the pictures in pixels")
      ->capture_default_str()
      ->check(whole_between(32, 512));
  command->add_option("--seed", postcards->seed, "Draws everything; the same seed gives the same bytes")->capture_default_str();
  command->footer("Example:\n  infig prepare postcards --out data/postcards --count 2000 --seed 1");
  command->callback([flags, postcards] {
    postcards->validate();
    DataSetTarget target(flags->out, flags->overwrite);
    const auto* stop = watch_signals();
    const DataSet data = write_postcards(*postcards, target.folder());
    stop_if_asked(stop);
    const nlohmann::json rules{{"source", "postcards"}, {"seed", postcards->seed}, {"count", postcards->count}, {"size", postcards->size}};
    write_data_set(data, rules, target.folder());
    target.keep();
    print_prepared(flags->out);
  });
}

void add_mvsa_single(CLI::App& prepare) {
  const PrepareKind kind = {
      .name = "mvsa-single",
      .description = "MVSA-Single as its authors publish it",
      .raw =
          "MVSA_Single/ (with data/ and labelResultAll.txt), its parent, or an archive of it (zip, tar, tar.gz); may be left out "
          "where --splits holds the texts",
      .raw_required = false,
      .splits = "Folder with the public split: train.json, dev.json (or valid.json), test.json, or some of them",
      .images = "Folder of the pictures <ID>.jpg (default: data/ of the raw files)",
      .text_decode = true,
      .clean = "without hashtags, names and URLs, as MultiSentiNet",
      .footer =
          "Labels: equal labels of text and image give that label, one neutral gives the other; positive against negative drops the pair.\n"
          "With --splits the labels and the order are the split files', and differences from the raw files are listed.\n"
          "Examples:\n  infig prepare mvsa-single --raw MVSA_Single --splits MVSA-single/10-flod-1 --out data/mvsa-single\n"
          "  infig prepare mvsa-single --protocol consistent-2592 --raw MVSA_Single --out data/mvsa-consistent\n"
          "  infig prepare mvsa-single --protocol fair-10fold --fold 1 --raw MVSA_Single --splits mvsa_single --out data/mvsa-fair-1",
  };
  auto protocol = std::make_shared<std::string>();
  CLI::App* command = add_prepare_kind(prepare, kind, std::make_shared<PrepareFlags>(), [protocol](const PrepareFlags& flags) {
    PrepareOptions options = prepare_options(flags);
    MvsaSingleOptions mvsa{.raw = flags.raw, .splits = flags.splits};
    if (!protocol->empty()) mvsa.protocol = parse_mvsa_protocol(*protocol);
    if (options.split.folds == 0) std::swap(mvsa.fold, options.split.fold);  // of the published folds
    return prepare_mvsa_single(mvsa, flags.out, options);
  });
  command->add_option("--protocol", *protocol,
                      "How the data set is measured: 4511 (the public split, the paper's), consistent-2592 (text and image with equal "
                      "labels) or fair-10fold (the public ten folds; --fold K)");
}

using PrepareTable = PrepareReport (*)(const std::filesystem::path&, const std::filesystem::path&, const TableOptions&);

PrepareReport run_table(const PrepareFlags& flags, PrepareTable run) {
  TableOptions options{.common = prepare_options(flags),
                       .images = flags.images,
                       .labels = flags.labels,
                       .strip_labels = flags.strip_labels,
                       .reading = flags.reading.reading()};
  options.common.images.clear();
  return run(flags.raw, flags.out, options);
}

constexpr const char* kTablePictures = "Folder that relative picture paths start from (default: the table's own)";
constexpr const char* kTableLabels =
    "Label names in id order, separated by commas (default: alphabetical); any other is refused, a whole number is a name's place from 0";

void add_table(CLI::App& prepare) {
  const PrepareKind kind = {
      .name = "table",
      .description = "Posts of your own: a table with text, image, label and, if it has them, id and split",
      .raw_names = "--raw,--input",
      .raw =
          "The table: .csv, .tsv or .txt with a header (separators , ; tab and | are found by looking), .jsonl, or .json (an array); or an "
          "archive (zip, tar, tar.gz) with one table and its pictures. Columns that are none of these five are named and not used; without "
          "id a row is called by its number",
      .images = kTablePictures,
      .labels = kTableLabels,
      .tables = true,
      .footer =
          "Splits are train, dev (valid, validation) and test, in any case; without the column they are drawn. Rows without label are kept "
          "in\ntest, for predict, and dropped elsewhere; so are rows with neither text nor picture. Every dropped row is listed.\n"
          "A sample, posts.csv, with its pictures in the folder pictures/ (an empty cell: the post has none):\n"
          "  id,text,image,label,split\n"
          "  1,\"What a morning, at last!\",sunrise.jpg,positive,train\n"
          "  2,The bus is late again,,negative,train\n"
          "  3,,harbour.jpg,neutral,dev\n"
          "  4,Nothing to complain about,street.jpg,neutral,test\n"
          "  5,Best day of the year,,positive,test\n"
          "  6,Cold soup again,soup.jpg,negative,dev\n"
          "Example:\n  infig prepare table --raw posts.csv --images pictures --labels positive,neutral,negative --out data/mine",
  };
  add_prepare_kind(prepare, kind, std::make_shared<PrepareFlags>(),
                   [](const PrepareFlags& flags) { return run_table(flags, prepare_table); });
}

void add_jsonl(CLI::App& prepare) {
  const PrepareKind kind = {
      .name = "jsonl",
      .description = "The same, of a JSONL table: one object a line with id, text, image, label, split",
      .raw_names = "--raw,--input",
      .raw =
          "The table: .jsonl or .ndjson, or .json with one array of such objects; other keys are named and not used, id and split may be "
          "absent",
      .images = kTablePictures,
      .labels = kTableLabels,
      .tables = true,
      .footer = "Example:\n  infig prepare jsonl --raw posts.jsonl --out data/mine --pack",
  };
  add_prepare_kind(prepare, kind, std::make_shared<PrepareFlags>(), [](const PrepareFlags& flags) {
    const std::string extension = std::filesystem::path(flags.raw).extension().string();
    if (extension != ".jsonl" && extension != ".ndjson" && extension != ".json")
      throw ConfigError(
          fmt::format("raw: {}: expected a .jsonl, .ndjson or .json file; infig prepare table reads .csv and .tsv", flags.raw));
    return run_table(flags, prepare_table);
  });
}

void add_webdataset(CLI::App& prepare) {
  const PrepareKind kind = {
      .name = "webdataset",
      .description = "Tar shards in WebDataset form: KEY.jpg, KEY.txt, KEY.cls, KEY.json",
      .raw = "A shard, a folder of shards, or a pattern (\"train-{000..009}.tar\")",
      .labels = "Label names in id order, separated by commas; KEY.cls may then be a number",
      .tables = true,
      .footer =
          "KEY ends at the first dot of a name. The id is KEY unless KEY.json has one; the split is what KEY.json says, or the word train, "
          "val, "
          "valid,\ndev or test in a shard's name (mine-val-000.tar); else it is drawn.\n"
          "Pictures are written to images/ (or --pack); with --link-images posts refer to their place in the shard.\n"
          "Example:\n  infig prepare webdataset --raw shards/ --labels positive,neutral,negative --out data/shards",
  };
  add_prepare_kind(prepare, kind, std::make_shared<PrepareFlags>(),
                   [](const PrepareFlags& flags) { return run_table(flags, prepare_webdataset); });
}

void add_parquet(CLI::App& prepare) {
  const PrepareKind kind = {
      .name = "parquet",
      .description = "Parquet as the hub and datasets write it: pictures inside or by path, class names in the schema",
      .raw_names = "--raw,--input",
      .raw = "A .parquet file, a folder of them (and its folders), or a pattern (\"data/train-*.parquet\")",
      .images = "Folder that pictures given by path lie in (default: the file's own)",
      .labels = "Label names in id order, separated by commas (default: the schema's ClassLabel, else alphabetical)",
      .tables = true,
      .footer =
          "image is a struct of bytes and path, bytes, or a path; the split is the column split, or the word in a file's name\n"
          "(train-00000-of-00001.parquet, validation-...), else it is drawn.\n"
          "Example:\n  infig prepare parquet --raw data/ --columns text=tweet --out data/mine",
  };
  add_prepare_kind(prepare, kind, std::make_shared<PrepareFlags>(), [](const PrepareFlags& flags) {
    // A table of another kind would be read by its extension: the flags and their meaning are those of `table`.
    const std::filesystem::path raw(flags.raw);
    if (std::filesystem::is_regular_file(raw) && !is_parquet(raw))
      throw ConfigError(fmt::format("raw: {}: expected a .parquet file; infig prepare table reads .csv, .tsv and .jsonl", flags.raw));
    return run_table(flags, prepare_parquet);
  });
}

void add_image_folder(CLI::App& prepare) {
  const PrepareKind kind = {
      .name = "imagefolder",
      .description = "A folder of pictures: metadata.{csv,jsonl,parquet} with file_name, text and label, or a folder for each class",
      .raw_names = "--raw,--input",
      .raw = "The folder; folders called train, validation (val, dev) and test in it are the splits",
      .labels = kTableLabels,
      .tables = true,
      .footer = "Example:\n  infig prepare imagefolder --raw pictures/ --out data/mine",
  };
  add_prepare_kind(prepare, kind, std::make_shared<PrepareFlags>(),
                   [](const PrepareFlags& flags) { return run_table(flags, prepare_image_folder); });
}

}  // namespace

void add_prepare(CLI::App& app) {
  auto* prepare = app.add_subcommand("prepare", "make a data set folder out of raw files");
  prepare->require_subcommand(1);
  add_postcards(*prepare);
  add_mvsa_single(*prepare);
  add_published_kinds(*prepare);
  add_table(*prepare);
  add_jsonl(*prepare);
  add_webdataset(*prepare);
  add_parquet(*prepare);
  add_image_folder(*prepare);
  prepare->footer(
      "A data set folder appears whole or not at all. Stopped or killed, the same command goes on where the work was.\n"
      "infig prepare KIND --help explains each kind.");
}

}  // namespace infig
