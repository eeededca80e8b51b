#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/commands.h"
#include "apps/signals.h"
#include "core/error.h"
#include "data/data_set.h"
#include "data/postcards.h"
#include "data/prepare.h"
#include "data/prepare_common.h"
#include "data/target.h"

namespace infig {
namespace {

// Flags of every kind of data set; each subcommand binds those that it knows.
struct PrepareFlags {
  std::string raw;
  std::string splits;
  std::string out;
  std::string images;
  std::vector<std::string> labels;
  std::string text_decode = text_decode_name(TextDecode::kUtf8Ignore);
  std::string name;
  bool copy_images = false;
  bool link_images = false;
  bool overwrite = false;
  uint64_t seed = 1;
  PostcardsOptions postcards;
};
using Flags = std::shared_ptr<PrepareFlags>;

PrepareOptions common_options(const PrepareFlags& flags) {
  PrepareOptions options;
  options.name = flags.name;
  options.seed = flags.seed;
  options.text_decode = parse_text_decode(flags.text_decode);
  options.pictures = flags.copy_images   ? PictureTransfer::kCopy
                     : flags.link_images ? PictureTransfer::kSymlink
                                         : PictureTransfer::kHardLink;
  options.overwrite = flags.overwrite;
  options.stop = watch_signals();
  return options;
}

// The data set as it now lies on the disk.
void print_result(const std::string& out) {
  const DataSet data = read_data_set(out);
  const nlohmann::json counts = count_posts(data);
  for (const Split split : {Split::kTrain, Split::kDev, Split::kTest}) {
    const auto found = counts.find(split_name(split));
    if (found == counts.end()) continue;
    std::string line = fmt::format("{:<6}{:>8} posts:", split_name(split), (*found)["posts"].get<int64_t>());
    for (const auto& label : data.labels) line += fmt::format(" {} {}", label, (*found)["labels"][label].get<int64_t>());
    fmt::print("{}\n", line);
  }
  fmt::print("SHA-256 {}\nwritten to {}\n", data.sha256, out);
}

void print_report(const PrepareReport& report, const std::string& out) {
  constexpr size_t kListed = 20;
  for (const auto& [rule, left] : report.counts) fmt::print("{:>8}  {}\n", left, rule);
  for (size_t i = 0; i < std::min(kListed, report.dropped.size()); ++i)
    fmt::print("dropped {}: {}\n", report.dropped[i].id, report.dropped[i].reason);
  if (!report.dropped.empty()) fmt::print("{:>8}  dropped; all of them with their reasons: {}/dropped.csv\n", report.dropped.size(), out);
  for (const auto& [kind, count] : report.noted) fmt::print("{:>8}  {}\n", count, kind);
  if (!report.notes.empty()) fmt::print("          these posts are kept and listed in {}/notes.csv\n", out);
  print_result(out);
}

void add_common(CLI::App& command, const Flags& flags) {
  command.add_option("--out", flags->out, "Data set folder to make; it must not exist yet, or be empty")->required();
  command.add_flag("--overwrite", flags->overwrite, "Replace the data set that --out holds already");
}

void add_pictures(CLI::App& command, const Flags& flags) {
  auto* copy =
      command.add_flag("--copy-images", flags->copy_images, "Copy pictures (default: hard links, copied where the file system refuses)");
  command
      .add_flag("--link-images", flags->link_images, "Refer to the pictures by symbolic links; the raw files must then stay where they are")
      ->excludes(copy);
  command.add_option("--name", flags->name, "Name of the data set, as reports show it");
  command.add_option("--seed", flags->seed, "Draws the split (80/10/10 by label) where the raw files bring none")->capture_default_str();
}

void add_postcards(CLI::App& prepare) {
  auto flags = std::make_shared<PrepareFlags>();
  auto* command = prepare.add_subcommand("postcards", "The built-in data set: small drawn pictures with a sentence each");
  add_common(*command, flags);
  command->add_option("--count", flags->postcards.count, "Posts in all splits together")->capture_default_str();
  command->add_option("--size", flags->postcards.size, "Width and height of the pictures in pixels")->capture_default_str();
  command->add_option("--seed", flags->postcards.seed, "Draws everything; the same seed gives the same bytes")->capture_default_str();
  command->footer("Example:\n  infig prepare postcards --out data/postcards --count 2000 --seed 1");
  command->callback([flags] {
    flags->postcards.validate();
    DataSetTarget target(flags->out, flags->overwrite);
    const auto* stop = watch_signals();
    const DataSet data = write_postcards(flags->postcards, target.folder());
    stop_if_asked(stop);
    const nlohmann::json rules{
        {"source", "postcards"}, {"seed", flags->postcards.seed}, {"count", flags->postcards.count}, {"size", flags->postcards.size}};
    write_data_set(data, rules, target.folder());
    target.keep();
    print_result(flags->out);
  });
}

void add_mvsa_single(CLI::App& prepare) {
  auto flags = std::make_shared<PrepareFlags>();
  auto* command = prepare.add_subcommand("mvsa-single", "MVSA-Single as its authors publish it");
  command->add_option("--raw", flags->raw, "MVSA_Single/ (with data/ and labelResultAll.txt), or its parent")->required();
  command->add_option("--splits", flags->splits,
                      "Folder with the public split: train.json, dev.json (or valid.json), test.json, or some of them");
  add_common(*command, flags);
  command
      ->add_option("--text-decode", flags->text_decode,
                   "How raw texts are read: utf8_ignore (as the public split was made), gb18030, utf8 or latin1")
      ->check(CLI::IsMember({"utf8_ignore", "utf8", "gb18030", "latin1"}))
      ->capture_default_str();
  add_pictures(*command, flags);
  command->footer(
      "Labels: equal labels of text and image give that label, one neutral gives the other; positive against negative drops the pair.\n"
      "With --splits the labels and the order are the split files', and differences from the raw files are listed.\n"
      "Example:\n  infig prepare mvsa-single --raw MVSA_Single --splits MVSA-single/10-flod-1 --out data/mvsa-single");
  command->callback([flags] {
    const auto report = prepare_mvsa_single(flags->raw, flags->splits, flags->out, common_options(*flags));
    print_report(report, flags->out);
  });
}

void add_table(CLI::App& prepare) {
  auto flags = std::make_shared<PrepareFlags>();
  auto* command = prepare.add_subcommand("table", "Posts of your own: a CSV, TSV or JSONL table with id, text, image, label, split");
  command
      ->add_option("--raw,--input", flags->raw,
                   "The table (.csv, .tsv or .jsonl); columns besides these five are ignored, split may be absent")
      ->required();
  add_common(*command, flags);
  command->add_option("--images", flags->images, "Folder that relative picture paths start from (default: the table's own)");
  command->add_option("--labels", flags->labels, "Label names in id order, separated by commas (default: alphabetical)")->delimiter(',');
  add_pictures(*command, flags);
  command->footer(
      "Rows without label, or with neither text nor picture, are dropped and listed.\n"
      "Example:\n  infig prepare table --raw posts.csv --images pictures --labels positive,neutral,negative --out data/mine");
  command->callback([flags] {
    const TableOptions options{.common = common_options(*flags), .images = flags->images, .labels = flags->labels};
    print_report(prepare_table(flags->raw, flags->out, options), flags->out);
  });
}

}  // namespace

void add_prepare(CLI::App& app) {
  auto* prepare = app.add_subcommand("prepare", "Make a data set folder out of raw files");
  prepare->require_subcommand(1);
  add_postcards(*prepare);
  add_mvsa_single(*prepare);
  add_table(*prepare);
  prepare->footer("A data set folder appears whole or not at all. infig prepare KIND --help explains each kind.");
}

}  // namespace infig
