// infig prepare {mvsa-multiple,hfm,tumemo}.
#include <memory>
#include <string>

#include "apps/prepare_command.h"
#include "prepare/published_data_sets.h"

namespace infig {
namespace {

void add_hfm(CLI::App& prepare) {
  const PrepareKind kind = {
      .name = "hfm",
      .description = "HFM, the multimodal sarcasm of Twitter, as its authors publish it",
      .raw =
          "The authors' repository (text/train.txt, valid2.txt, test2.txt and extract/extract_all), its parent, or an archive of it; "
          "may be left out with --splits",
      .raw_required = false,
      .splits = "Folder with the public split: train.json, valid.json (or dev.json), test.json",
      .images = "Folder of the pictures <id>.jpg (default: dataset_image/ or images/ beside the texts)",
      .clean = "without # and emoji, which alone tell the label of 64 in 100 posts (the data set is then called hfm-without-cues)",
      .footer =
          "Posts whose text holds one of the authors' filter words (humor, sarcasm, <url>, ...) are dropped and listed; the label is a "
          "row's\n"
          "last element. --raw and --splits end in the same posts; only --raw brings the five attribute words a picture (field "
          "\"attributes\").\n"
          "Example:\n  infig prepare hfm --raw data-of-multimodal-sarcasm-detection --images dataset_image --out data/hfm",
  };
  add_prepare_kind(prepare, kind, std::make_shared<PrepareFlags>(), [](const PrepareFlags& flags) {
    return prepare_hfm({.raw = flags.raw, .splits = flags.splits}, flags.out, prepare_options(flags));
  });
}

void add_mvsa_multiple(CLI::App& prepare) {
  const PrepareKind kind = {
      .name = "mvsa-multiple",
      .description = "MVSA-Multiple as its authors publish it",
      .raw = "MVSA/ (with data/ and labelResultAll.txt), its parent, or an archive of it; may be left out with --splits",
      .raw_required = false,
      .splits = "Folder with the public split: train.json, dev.json (or valid.json), test.json; never train-copy.json",
      .images = "Folder of the pictures <ID>.jpg (default: data/ of the raw files)",
      .text_decode = true,
      .clean = "without hashtags, names and URLs, as MultiSentiNet",
      .footer =
          "Labels: majority of three annotators for the text, and for the image (three different labels drop the pair); then as "
          "MVSA-Single.\n"
          "The ids 3151, 3910, 5995 and 15324 are left out, and 17,024 posts must remain of a full download.\n"
          "Example:\n  infig prepare mvsa-multiple --raw MVSA --splits MVSA-multiple/10-flod-1 --out data/mvsa-multiple",
  };
  add_prepare_kind(prepare, kind, std::make_shared<PrepareFlags>(), [](const PrepareFlags& flags) {
    return prepare_mvsa_multiple({.raw = flags.raw, .splits = flags.splits}, flags.out, prepare_options(flags));
  });
}

void add_tumemo(CLI::App& prepare) {
  const PrepareKind kind = {
      .name = "tumemo",
      .description = "TumEmo as its authors publish it",
      .raw = "Folder of <i>.txt and <i>.jpg, its parent, or an archive of it",
      .splits =
          "Folder of lists of ids: train, dev (or val) and test as .txt (an id a line) or .json (MGNNS's val_all_anno.json); what "
          "they leave open is drawn",
      .images = "Folder of the pictures <i>.jpg (default: that of the texts)",
      .text_decode = true,
      .clean = "lower case, ASCII, without stop-words and punctuation, as MGNNS; raw is without URLs",
      .footer =
          "The authors' split is not public as a whole: it is drawn by --seed to the published sizes (156,204, 19,525 and 19,536), each "
          "class\n"
          "in proportion; ids of --splits keep their split. split.csv holds what was drawn.\n"
          "Example:\n  infig prepare tumemo --raw TumEmo --splits MGNNS/data/all_anno_json --out data/tumemo",
  };
  auto tumemo = std::make_shared<TumemoOptions>();
  CLI::App* command = add_prepare_kind(prepare, kind, std::make_shared<PrepareFlags>(), [tumemo](const PrepareFlags& flags) {
    TumemoOptions options = *tumemo;
    options.raw = flags.raw;
    options.splits = flags.splits;
    return prepare_tumemo(options, flags.out, prepare_options(flags));
  });
  command->add_option_function<std::string>(
      "--label-file", [tumemo](const std::string& file) { tumemo->label_file = file; },
      "The label file (default: all_data_id_and_label.txt among the raw files)");
  command->add_flag_callback(
      "--any-ids", [tumemo] { tumemo->check_ranges = false; }, "Take a label file whose ids are not sorted by class as TumEmo's are");
}

}  // namespace

void add_published_kinds(CLI::App& prepare) {
  add_mvsa_multiple(prepare);
  add_hfm(prepare);
  add_tumemo(prepare);
}

}  // namespace infig
