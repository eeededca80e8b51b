#include "apps/prepare_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "apps/compute_flags.h"
#include "apps/signals.h"
#include "core/error.h"
#include "core/files.h"
#include "core/words.h"
#include "data/label_words.h"

namespace infig {

namespace {

void add_pictures(CLI::App& command, const PrepareFlagsPtr& flags) {
  auto* copy =
      command.add_flag("--copy-images", flags->copy_images, "Copy pictures (default: hard links, copied where the file system refuses)");
  auto* link = command.add_flag("--link-images", flags->link_images,
                                "Refer to the pictures by symbolic links; the raw files must then stay where they are");
  link->excludes(copy);
  auto* pack = command.add_flag("--pack", flags->pack, "All pictures, shrunk, in one file images.pack that training reads by memory map");
  pack->excludes(copy)->excludes(link);
  command
      .add_option("--pack-side", flags->pack_settings.side, "The shorter side of a packed picture in pixels; smaller ones stay as they are")
      ->needs(pack)
      ->capture_default_str();
  command.add_option("--pack-quality", flags->pack_settings.quality, "JPEG quality of packed pictures, 1 to 100")
      ->needs(pack)
      ->capture_default_str();
  command
      .add_option(
          "--bad-image", flags->bad_image,
          "Decode every picture now; one that cannot be: missing (the post keeps its text), skip (the post is dropped) or error (stop). "
          "Default: missing with --pack; else pictures are brought in by their first bytes alone, which are counted where they are of no "
          "known format, and judged when they are used. Where not one named picture is there, only a typed missing goes on, with the "
          "texts alone")
      ->check(CLI::IsMember({"missing", "skip", "error"}));
  command.add_option("--max-pixels", flags->max_pixels, "Pictures of more pixels count as bad where pictures are decoded")
      ->capture_default_str();
  command.add_option("--name", flags->name, "Name of the data set, as reports show it");
  command.add_option("--seed", flags->seed, "Draws the split (80/10/10 by label) where the raw files bring none")->capture_default_str();
  add_threads_flag(command, flags->threads, "Threads; 0: all cores; the data set is the same for any number");
}

void add_split(CLI::App& command, const PrepareFlagsPtr& flags) {
  command.add_flag("--draw-split", flags->split.draw, "Draw the split (80/10/10 by label and --seed) even where the raw files bring one");
  command
      .add_option("--group-by", flags->group_by,
                  "text: draw the split so that posts of one text (but for case, URLs and punctuation) stay on one side")
      ->check(CLI::IsMember({"text"}));
  command.add_option("--folds", flags->split.folds, "Draw this many equal folds by label; --fold says which one is tested");
  command.add_option("--fold", flags->split.fold, "1 to --folds: that fold is test, the next one dev, the others train");
  command.add_option_function<std::string>(
      "--split-manifest", [flags](const std::string& file) { flags->split.manifest = file; },
      "Take the split from a table with id and split: split.csv or posts.jsonl of another data set");
}

void add_texts(CLI::App& command, const PrepareKind& kind, const PrepareFlagsPtr& flags) {
  if (kind.text_decode) {
    command
        .add_option("--text-decode", flags->text_decode,
                    "How raw texts are read: utf8_ignore (as the public split was made), gb18030, utf8 or latin1")
        ->check(CLI::IsMember({"utf8_ignore", "utf8", "gb18030", "latin1"}))
        ->capture_default_str();
  }
  if (kind.clean != nullptr) {
    command.add_option("--text", flags->text, fmt::format("Texts raw, or clean: {}", kind.clean))
        ->check(CLI::IsMember({"raw", "clean"}))
        ->capture_default_str();
  }
  command.add_flag(
      "--unescape", flags->unescape,
      "HTML escapes in texts (&amp;, &lt;, &#39;, as interfaces hand them out) become what they stand for; on record in dataset.json");
}

}  // namespace

void add_prepare_out(CLI::App& command, const PrepareFlagsPtr& flags) {
  command.add_option("--out", flags->out, "Data set folder to make; it must not exist yet, or be empty")->required();
  command.add_flag("--overwrite", flags->overwrite, "Replace the data set that --out holds already");
}

CLI::App* add_prepare_kind(CLI::App& prepare, const PrepareKind& kind, const PrepareFlagsPtr& flags, PrepareRun run) {
  CLI::App* command = prepare.add_subcommand(kind.name, kind.description);
  command->add_option(kind.raw_names, flags->raw, kind.raw)->required(kind.raw_required);
  if (kind.splits != nullptr) command->add_option("--splits", flags->splits, kind.splits);
  if (kind.images != nullptr) command->add_option("--images", flags->images, kind.images);
  add_prepare_out(*command, flags);
  if (kind.labels != nullptr) {
    command->add_option("--labels", flags->labels, kind.labels)->delimiter(',');
    command->add_flag("--strip-labels", flags->strip_labels,
                      "Labels that differ by case, blanks at their ends or \".0\" alone are one (its name: the most frequent spelling)");
  }
  if (kind.tables) add_reading_flags(*command, flags->reading);
  add_texts(*command, kind, flags);
  add_pictures(*command, flags);
  add_split(*command, flags);
  command->footer(kind.footer);
  command->callback([flags, run = std::move(run)] { print_prepared(run(*flags), flags->out); });
  return command;
}

PrepareOptions prepare_options(const PrepareFlags& flags) {
  PrepareOptions options;
  options.name = flags.name;
  options.seed = flags.seed;
  options.text_decode = parse_text_decode(flags.text_decode);
  options.images = flags.images;
  options.clean_text = flags.text == "clean";
  options.unescape = flags.unescape;
  options.split = flags.split;
  options.split.group_by_text = flags.group_by == "text";
  options.pictures = flags.copy_images   ? PictureTransfer::kCopy
                     : flags.link_images ? PictureTransfer::kSymlink
                                         : PictureTransfer::kHardLink;
  if (flags.pack) options.pack = flags.pack_settings;
  if (!flags.bad_image.empty()) options.bad_pictures = parse_bad_pictures(flags.bad_image);
  if (flags.max_pixels < 1) throw ConfigError(fmt::format("max-pixels: {}, expected 1 or more", flags.max_pixels));
  options.max_pixels = flags.max_pixels;
  options.overwrite = flags.overwrite;
  options.threads = threads_of_flag(flags.threads);
  options.stop = watch_signals();
  return options;
}

namespace {

// Where they were decoded "pictures: 118 of 120 named can be used; 116 ok, 2 truncated, 2 absent", else "118 of 120 named are there, not
// decoded; 2 absent".
void print_pictures(const nlohmann::json& pictures) {
  std::string list;
  constexpr std::array<const char*, 3> kDecoded = {"ok", "truncated", "broken"};  // an empty file and an unknown format show without it
  for (const auto& [status, count] : pictures.items()) {
    if (status == "named" || status == "there" || status == "read" || status == "sha256_chain") continue;
    list += fmt::format("{} {} {}", list.empty() ? ";" : ",", count.get<int64_t>(), spoken(status));
  }
  const bool decoded = std::any_of(kDecoded.begin(), kDecoded.end(), [&](const char* status) { return pictures.contains(status); });
  fmt::print("pictures: {} of {} named {}{}\n", pictures.at("there").get<int64_t>(), pictures.at("named").get<int64_t>(),
             decoded ? "can be used" : "are there, not decoded", list);
}

// Posts that were left out: one line a post, but only one for those that share a reason, and not more than are worth reading.
void print_dropped(const PrepareReport& report, const std::string& out) {
  size_t lines = 0;
  for (const auto& [reason, posts] : report.dropped_reasons) {
    if (posts > 1 && lines++ < PrepareReport::kListed) fmt::print("{:>8}  dropped: {}\n", posts, reason);
  }
  for (const auto& note : report.dropped) {
    const auto found = std::find_if(report.dropped_reasons.begin(), report.dropped_reasons.end(),
                                    [&](const auto& one) { return one.first == note.reason; });
    const bool alone = found == report.dropped_reasons.end() || found->second == 1;
    if (alone && lines++ < PrepareReport::kListed) fmt::print("dropped {}: {}\n", note.id, note.reason);
  }
  if (report.dropped_count > 0) fmt::print("{:>8}  dropped; all of them with their reasons: {}/dropped.csv\n", report.dropped_count, out);
}

}  // namespace

void print_prepared(const std::string& out) {
  const auto description = nlohmann::json::parse(read_file(std::filesystem::path(out) / "dataset.json"));
  for (const char* split : {"train", "dev", "test"}) {
    const auto found = description.at("counts").find(split);
    if (found == description.at("counts").end()) continue;
    const auto posts = found->at("posts").get<int64_t>();
    std::string line = fmt::format("{:<6}{:>8} {}: ", split, posts, posts == 1 ? "post" : "posts"), separator;
    for (const auto& label : description.at("labels")) {
      const auto word = label.get<std::string>();
      line += fmt::format("{}{}: {}", std::exchange(separator, ", "), shown_label(word), found->at("labels").at(word).get<int64_t>());
    }
    if (found->contains("unlabelled")) line += fmt::format(", {} without label (for predict)", found->at("unlabelled").get<int64_t>());
    fmt::print("{}\n", line);
  }
  if (description.contains("pictures")) print_pictures(description["pictures"]);
  fmt::print("SHA-256 {}\nwritten to {}\n", description.at("sha256").get<std::string>(), out);
}

void print_prepared(const PrepareReport& report, const std::string& out) {
  for (const auto& [rule, left] : report.counts) fmt::print("{:>8}  {}\n", left, rule);
  print_dropped(report, out);
  for (const auto& [kind, count] : report.noted) fmt::print("{:>8}  {}\n", count, kind);
  if (report.notes_count > 0) fmt::print("          these posts are kept and listed in {}/notes.csv\n", out);
  print_prepared(out);
  const auto description = nlohmann::json::parse(read_file(std::filesystem::path(out) / "dataset.json"));
  const std::string name = description.at("name").get<std::string>();
  if (name != last_name(std::filesystem::path(out)))
    fmt::print("reports call the data set {}; --name NAME would call it otherwise\n", name);
}

}  // namespace infig
