#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>

#include "apps/commands.h"
#include "apps/compute_flags.h"
#include "apps/reading_flags.h"
#include "apps/validators.h"
#include "core/error.h"
#include "core/files.h"
#include "core/words.h"
#include "data/label_words.h"
#include "image/decode.h"
#include "quality/clean_test.h"
#include "quality/data_report.h"
#include "quality/verify.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

struct VerifyFlags {
  std::string data, expect, bad_image = "missing", tokenizer, output_dir, clean_test;
  int64_t threads = 0, max_pixels = DecodeOptions{}.max_pixels, max_length = VerifyOptions{}.max_length, list = 20;
  int64_t pairs = DataReportOptions{}.pairs;
  ReadingFlags reading;
  double max_unusable = VerifyOptions{}.most_unusable;
  double near_text = VerifyOptions{}.near_text_threshold;
  bool no_pictures = false, no_near = false, no_shortcuts = false, no_report = false, write_clean_test = false, bad_image_typed = false;
};

constexpr Split kReportedSplits[] = {Split::kTrain, Split::kDev, Split::kTest};

void print_splits(const DataSet& data) {
  std::string header = fmt::format("{:<8}{:>10}", "split", "posts");
  std::vector<std::string> labels;
  for (const auto& label : data.labels) labels.push_back(shown_label(label));
  for (const auto& label : labels) header += fmt::format("{:>{}}", label, std::max<size_t>(label.size() + 2, 10));
  fmt::print("{}{:>12}{:>12}\n", header, "with text", "with image");
  for (const Split split : kReportedSplits) {
    const auto rows = data.rows_of(split);
    if (rows.empty()) continue;
    std::vector<int64_t> totals(data.labels.size());
    int64_t texts = 0;
    int64_t images = 0;
    int64_t unlabelled = 0;
    for (const int64_t row : rows) {
      const Post& post = data.posts[static_cast<size_t>(row)];
      if (post.label_id >= 0) {
        ++totals[static_cast<size_t>(post.label_id)];
      } else {
        ++unlabelled;
      }
      texts += post.text.empty() ? 0 : 1;
      images += post.image.empty() ? 0 : 1;
    }
    std::string line = fmt::format("{:<8}{:>10}", split_name(split), rows.size());
    for (size_t i = 0; i < totals.size(); ++i) line += fmt::format("{:>{}}", totals[i], std::max<size_t>(labels[i].size() + 2, 10));
    fmt::print("{}{:>12}{:>12}\n", line, texts, images);
    if (unlabelled > 0) fmt::print("{:<8}{:>10} of these without label: predicted, not scored\n", "", unlabelled);
  }
}

void print_more(int64_t listed, const VerifyFlags& flags) {
  if (listed > flags.list) fmt::print("  and {} more (--list N shows more)\n", listed - flags.list);
}

void print_pictures(const VerifyReport& report, const VerifyFlags& flags) {
  for (const auto& [status, count] : picture_statuses(report)) fmt::print("pictures {:<15}{:>10}\n", status, count);
  int64_t listed = 0, misnamed = 0;
  for (size_t i = 0; i < report.pictures.size(); ++i) {
    const auto& facts = report.pictures[i];
    misnamed += facts.wrong_extension ? 1 : 0;
    if (facts.status == "ok" || facts.status == "none") continue;
    const Post& post = report.data.posts[i];
    if (listed++ < flags.list)
      fmt::print("  {} {}: {}{}{}\n", post.id, post.image.string(), facts.status, facts.reason.empty() ? "" : ": ", facts.reason);
  }
  print_more(listed, flags);
  if (misnamed > 0) fmt::print("{}: the extension is another format's\n", counted(misnamed, "picture"));
  const int64_t unusable = count_unusable(report);
  if (unusable > 0 && flags.bad_image == "missing") fmt::print("{} would take part with the text alone\n", counted(unusable, "post"));
  if (unusable > 0 && flags.bad_image == "skip") fmt::print("{} would be left out\n", counted(unusable, "post"));
}

void print_sizes(const VerifyReport& report) {
  std::vector<int32_t> widths, heights;
  for (const auto& facts : report.pictures) {
    if (!facts.usable) continue;
    widths.push_back(static_cast<int32_t>(facts.width));
    heights.push_back(static_cast<int32_t>(facts.height));
  }
  if (widths.empty()) return;
  const auto print = [](const char* side, const std::vector<int32_t>& lengths) {
    const LengthSummary sum = summarise_lengths(lengths);
    fmt::print("{:<14}least {}, median {}, 95 % {}, most {}\n", side, *std::min_element(lengths.begin(), lengths.end()), sum.median,
               sum.p95, sum.longest);
  };
  print("width", widths);
  print("height", heights);
}

void print_texts(const VerifyReport& report) {
  for (const auto& [kind, rows] : report.texts.odd) {
    fmt::print("texts {:<26}{:>6}{}\n", odd_text_name(kind), rows.size(),
               kind == OddText::kHtmlEscapes ? "  (prepare --unescape makes them what they stand for)" : "");
  }
  int64_t texts = 0;
  for (const auto& [script, count] : report.texts.scripts) texts += count;
  for (const auto& [script, count] : report.texts.scripts)
    fmt::print("script {:<17}{:>10}  {:.1f} %\n", script == "none" ? "(no letters)" : script, count,
               100.0 * static_cast<double>(count) / static_cast<double>(texts));
  for (const Split split : kReportedSplits) {
    std::vector<int32_t> words, tokens;
    for (const int64_t row : report.data.rows_of(split)) {
      words.push_back(report.texts.words[static_cast<size_t>(row)]);
      if (!report.texts.tokens.empty()) tokens.push_back(report.texts.tokens[static_cast<size_t>(row)]);
    }
    const auto print = [&](const char* unit, const std::vector<int32_t>& lengths, const std::string& more) {
      if (lengths.empty()) return;
      const LengthSummary sum = summarise_lengths(lengths);
      fmt::print("{:<7} {:<7}mean {:.1f}, median {}, 95 % {}, 99 % {}, longest {}{}\n", unit, split_name(split), sum.mean, sum.median,
                 sum.p95, sum.p99, sum.longest, more);
    };
    print("words", words, "");
    print("tokens", tokens, fmt::format("; {} cut at {}", counted(count_cut(report, split), "post"), report.max_length));
  }
}

void print_leaks(const VerifyReport& report) {
  for (const auto& count : report.leak_counts) {
    const bool inside = count.split == count.other;
    fmt::print("{:<17}{:<16}{:>8} {}, {} with another label\n", leak_kind_name(count.kind),
               inside ? fmt::format("inside {}", split_name(count.split))
                      : fmt::format("{} in {}", split_name(count.split), split_name(count.other)),
               count.posts, count.posts == 1 ? "post" : "posts", count.other_label);
  }
  const auto tests = report.data.rows_of(Split::kTest).size();
  if (tests > 0) fmt::print("test posts with a twin in train or dev: {} of {}\n", leaked_test_rows(report).size(), tests);
}

void print_shortcuts(const VerifyReport& report) {
  if (report.shortcuts.empty()) return;
  fmt::print("{:<28}{:>10}{:>10}{:>12}{:>12}\n", "rule (chosen on train)", "dev acc.", "test acc.", "test macro", "test weigh.");
  for (const auto& shortcut : report.shortcuts) {
    const auto cell = [&](Split split, double ShortcutScore::* score) {
      const auto found = shortcut.splits.find(split);
      return found == shortcut.splits.end() ? std::string("-") : fmt::format("{:.4f}", found->second.*score);
    };
    fmt::print("{:<28}{:>10}{:>10}{:>12}{:>12}  {}\n", shortcut.name, cell(Split::kDev, &ShortcutScore::accuracy),
               cell(Split::kTest, &ShortcutScore::accuracy), cell(Split::kTest, &ShortcutScore::f1_macro),
               cell(Split::kTest, &ShortcutScore::f1_weighted), shortcut.detail);
  }
}

// At the end, where it is read: what became of the pictures that are named.
void print_lost(const VerifyReport& report) {
  if (report.raw_pictures_there < report.raw_pictures_named)
    fmt::print("pictures {} of the {} that the raw files name are not in the data set (prepare has said why)\n",
               report.raw_pictures_named - report.raw_pictures_there, report.raw_pictures_named);
  if (const int64_t unusable = count_unusable(report); unusable > 0)
    fmt::print("pictures {} of the {} that are named cannot be used\n", unusable, count_named(report));
}

void print_report(const VerifyReport& report, const VerifyFlags& flags) {
  const DataSet& data = report.data;
  fmt::print("data set {}: {}, {}\n", data.name, counted(static_cast<int64_t>(data.posts.size()), "post"),
             counted(static_cast<int64_t>(data.labels.size()), "label"));
  fmt::print("SHA-256  {} {}\n", data.sha256,
             report.stated_sha256.empty()          ? "(none stated)"
             : report.stated_sha256 == data.sha256 ? "(as stated)"
                                                   : "(NOT as stated)");
  print_splits(data);
  print_pictures(report, flags);
  print_sizes(report);
  print_texts(report);
  print_leaks(report);
  print_shortcuts(report);
  int64_t listed = 0;
  for (const auto& fault : report.row_faults) {
    if (listed++ < flags.list) fmt::print("fault    {}\n", fault);
  }
  print_more(listed, flags);
  for (const auto& odd : report.odd_labels) fmt::print("labels   {}\n", odd);
  print_lost(report);
  for (const auto& miss : report.misses) fmt::print("MISS     {}\n", miss);
  fmt::print("{}\n", report.good() ? "good" : "not good");
}

// DATA/NAME, or FILE.NAME beside a table, as every other file that belongs to a data set.
fs::path output_path(const VerifyFlags& flags, const std::string& name) {
  if (!flags.output_dir.empty()) return fs::path(flags.output_dir) / name;
  return fs::is_directory(flags.data) ? fs::path(flags.data) / name : fs::path(flags.data + "." + name);
}

void write_files(const VerifyReport& report, const VerifyFlags& flags, int64_t threads) {
  if (!flags.no_report) {
    if (!flags.output_dir.empty()) make_folder(flags.output_dir);
    const fs::path leaks = output_path(flags, "leaks.csv"), page = output_path(flags, "data-report.html");
    const fs::path json = output_path(flags, "data-report.json");
    write_leaks(report.data, report.leaks, leaks);
    write_file_atomic(page, render_data_report(report, {.pairs = flags.pairs, .max_pixels = flags.max_pixels, .threads = threads}));
    write_file_atomic(json, data_report_json(report));
    fmt::print("wrote {}, {} and {}\n", leaks.string(), page.string(), json.string());
  }
  if (flags.write_clean_test) {
    const fs::path path = flags.clean_test.empty() ? clean_test_path(flags.data) : fs::path(flags.clean_test);
    const CleanTest clean = make_clean_test(report);
    write_clean_test(clean, path);
    fmt::print("wrote {}: {} of test stay, {} left out\n", path.string(), counted(static_cast<int64_t>(clean.ids.size()), "post"),
               clean.left_out.size());
  }
}

void verify(const VerifyFlags& flags) {
  VerifyOptions options;
  options.reading = flags.reading.reading();
  options.expect = flags.expect;
  options.most_unusable = flags.max_unusable;
  options.pictures = !flags.no_pictures;
  options.max_pixels = flags.max_pixels;
  options.bad_picture_is_miss = flags.bad_image == "error";
  options.lost_pictures_are_miss = !(flags.bad_image_typed && flags.bad_image == "missing");
  options.near = !flags.no_near;
  options.near_text_threshold = flags.near_text;
  options.max_length = flags.max_length;
  options.shortcuts = !flags.no_shortcuts;
  options.threads = threads_of_flag(flags.threads);
  std::unique_ptr<Tokenizer> tokenizer;
  if (!flags.tokenizer.empty()) tokenizer = load_tokenizer(flags.tokenizer);
  options.tokenizer = tokenizer.get();
  const VerifyReport report = verify_data(flags.data, options);
  print_report(report, flags);
  write_files(report, flags, options.threads);
  if (!report.good())
    throw DataError(fmt::format(
        "{}: {}: {}", flags.data,
        report.misses.size() == 1 ? "1 check was missed" : fmt::format("{} checks were missed, the first", report.misses.size()),
        report.misses.front()));
}

void add_search_flags(CLI::App& command, VerifyFlags& flags) {
  command.add_option("--near-text", flags.near_text, "Jaccard similarity of four-character shingles from which on two texts are near")
      ->check(number_between(0.05, 1))
      ->capture_default_str();
  command.add_flag("--no-near", flags.no_near, "Look for equal texts and pictures alone, not for near ones");
  command.add_flag("--no-pictures", flags.no_pictures, "Open no picture");
  command.add_flag("--no-shortcuts", flags.no_shortcuts, "Leave out what simple rules score");
  command.add_option("--tokenizer", flags.tokenizer, "Count lengths in tokens too: a model's folder or tokenizer file")
      ->check(CLI::ExistingPath);
  command.add_option("--max-length", flags.max_length, "Tokens, special ones included, from which on a post is cut")
      ->check(whole_between(3, 1'000'000))
      ->capture_default_str();
}

}  // namespace

void add_verify_data(CLI::App& app) {
  auto* command =
      app.add_subcommand("verify-data",
                         "check a data set: counts, class totals, hashes, texts, pictures, repetitions and leaks, and what simple "
                         "rules score; write leaks.csv and data-report.html");
  auto flags = std::make_shared<VerifyFlags>();
  command
      ->add_option(
          "data", flags->data,
          "Data set folder, a CSV, TSV or JSONL table, Parquet or WebDataset tars (folder, file or pattern), or a folder of pictures")
      ->required();
  add_reading_flags(*command, flags->reading);
  command->add_option(
      "--expect", flags->expect,
      "Compare with the published counts of a data set (mvsa-single, mvsa-multiple, hfm, tumemo), for the splits that are there");
  auto* bad_image =
      command->add_option("--bad-image", flags->bad_image,
                          "Pictures that cannot be used: missing or skip (listed), or error (listed, and exit 1). Where more than "
                          "--max-unusable of them cannot be, exit 1 as well, unless missing is typed");
  bad_image->check(CLI::IsMember({"missing", "skip", "error"}))->capture_default_str();
  command
      ->add_option("--max-unusable", flags->max_unusable,
                   "Share of the pictures that are named above which those that cannot be used make the data set not good")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command->add_option("--max-pixels", flags->max_pixels, "Width x height from which on a picture is refused")
      ->check(whole_from(1))
      ->capture_default_str();
  add_search_flags(*command, *flags);
  command->add_option("--output-dir", flags->output_dir,
                      "Folder for leaks.csv, data-report.html and data-report.json (default: the data set's own)");
  command->add_flag("--no-report", flags->no_report, "Write neither leaks.csv nor the data report");
  command->add_option("--pairs", flags->pairs, "Pairs of twins that the report shows of each kind")
      ->check(whole_between(0, 1000))
      ->capture_default_str();
  auto* clean = command->add_option("--write-clean-test", flags->clean_test,
                                    "Write the test posts without a twin in train or dev, which evaluate then scores as well (default: "
                                    "clean-test.json in the data set's folder)");
  clean->expected(0, 1);
  command->add_option("--list", flags->list, "How many faults of each kind to list")->check(whole_from(0))->capture_default_str();
  add_threads_flag(*command, flags->threads, "Threads; 0: all cores");
  command->footer(
      "Exit code 1 if a count or hash that is stated (in dataset.json or by --expect) is missed, a row cannot be used, or more of the "
      "pictures than --max-unusable cannot be; leaks are no miss.\n"
      "Examples:\n  infig verify-data data/mvsa --expect mvsa-single --write-clean-test\n"
      "  infig verify-data posts.csv --tokenizer weights/minilm-l6 --max-length 64 --output-dir report");
  command->callback([flags, clean, bad_image] {
    flags->bad_image_typed = bad_image->count() > 0;
    flags->write_clean_test = clean->count() > 0;
    verify(*flags);
  });
}

}  // namespace infig
