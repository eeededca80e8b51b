#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <thread>

#include "apps/commands.h"
#include "core/error.h"
#include "data/verify.h"
#include "image/decode.h"

namespace infig {
namespace {

struct VerifyFlags {
  std::string data;
  std::string expect;
  std::string bad_image = "missing";
  int64_t threads = 0;
  int64_t max_pixels = DecodeOptions{}.max_pixels;
  int64_t list = 20;
};

PictureVerdict check_picture(const FileSpan& picture, int64_t max_pixels) {
  const DecodedImage decoded = decode_image_file(picture, {.max_pixels = max_pixels});
  return {.status = image_status_name(decoded.status), .reason = decoded.reason, .usable = usable(decoded.status)};
}

void print_splits(const DataSet& data) {
  std::string header = fmt::format("{:<8}{:>10}", "split", "posts");
  for (const auto& label : data.labels) header += fmt::format("{:>{}}", label, std::max<size_t>(label.size() + 2, 10));
  fmt::print("{}{:>12}{:>12}\n", header, "with text", "with image");
  for (const Split split : {Split::kTrain, Split::kDev, Split::kTest}) {
    const auto rows = data.rows_of(split);
    if (rows.empty()) continue;
    std::vector<int64_t> totals(data.labels.size());
    int64_t texts = 0;
    int64_t images = 0;
    for (const int64_t row : rows) {
      const Post& post = data.posts[static_cast<size_t>(row)];
      ++totals[static_cast<size_t>(post.label_id)];
      texts += post.text.empty() ? 0 : 1;
      images += post.image.empty() ? 0 : 1;
    }
    std::string line = fmt::format("{:<8}{:>10}", split_name(split), rows.size());
    for (size_t i = 0; i < totals.size(); ++i) line += fmt::format("{:>{}}", totals[i], std::max<size_t>(data.labels[i].size() + 2, 10));
    fmt::print("{}{:>12}{:>12}\n", line, texts, images);
  }
}

void print_pictures(const VerifyReport& report, const VerifyFlags& flags) {
  for (const auto& [status, count] : report.pictures) fmt::print("pictures {:<15}{:>10}\n", status, count);
  int64_t unusable = 0;
  int64_t listed = 0;
  for (const auto& fault : report.picture_faults) {
    unusable += fault.usable ? 0 : 1;
    const Post& post = report.data.posts[static_cast<size_t>(fault.row)];
    if (listed++ < flags.list)
      fmt::print("  {} {}: {}{}{}\n", post.id, post.image.string(), fault.status, fault.reason.empty() ? "" : ": ", fault.reason);
  }
  if (listed > flags.list) fmt::print("  and {} more (--list N shows more)\n", listed - flags.list);
  if (unusable > 0 && flags.bad_image == "missing") fmt::print("{} posts would take part with their text alone\n", unusable);
  if (unusable > 0 && flags.bad_image == "skip") fmt::print("{} posts would be left out\n", unusable);
}

void print_report(const VerifyReport& report, const VerifyFlags& flags) {
  const DataSet& data = report.data;
  fmt::print("data set {}: {} posts, {} labels\n", data.name, data.posts.size(), data.labels.size());
  fmt::print("SHA-256  {} {}\n", data.sha256,
             report.stated_sha256.empty()          ? "(none stated)"
             : report.stated_sha256 == data.sha256 ? "(as stated)"
                                                   : "(NOT as stated)");
  print_splits(data);
  print_pictures(report, flags);
  fmt::print("texts that occur more than once: {}, with different labels: {}\n", report.repeated_texts, report.conflicting_texts);
  fmt::print("pictures that occur more than once: {}\n", report.repeated_pictures);
  for (const auto& leak : report.leaks) {
    fmt::print("{} posts found in {} too: {} by text, {} by picture\n", split_name(leak.split), split_name(leak.other), leak.texts,
               leak.pictures);
  }
  int64_t listed = 0;
  for (const auto& fault : report.row_faults) {
    if (listed++ < flags.list) fmt::print("fault    {}\n", fault);
  }
  if (listed > flags.list) fmt::print("         and {} more (--list N shows more)\n", listed - flags.list);
  for (const auto& miss : report.misses) fmt::print("MISS     {}\n", miss);
  fmt::print("{}\n", report.good() ? "good" : "not good");
}

void verify(const VerifyFlags& flags) {
  VerifyOptions options;
  options.check_picture = [&flags](const FileSpan& picture) { return check_picture(picture, flags.max_pixels); };
  options.threads = flags.threads > 0 ? flags.threads : std::max<int64_t>(1, std::thread::hardware_concurrency());
  options.expect = flags.expect;
  options.bad_picture_is_miss = flags.bad_image == "error";
  const VerifyReport report = verify_data(flags.data, options);
  print_report(report, flags);
  if (!report.good())
    throw DataError(fmt::format("{}: {} checks were missed, the first: {}", flags.data, report.misses.size(), report.misses.front()));
}

}  // namespace

void add_verify_data(CLI::App& app) {
  auto* command =
      app.add_subcommand("verify-data", "Check a data set: counts, class totals, hashes, pictures, repetitions and leaks across splits");
  auto flags = std::make_shared<VerifyFlags>();
  command->add_option("data", flags->data, "Data set folder, a CSV, TSV or JSONL table, or WebDataset tars (folder, file or pattern)")
      ->required();
  command->add_option(
      "--expect", flags->expect,
      "Compare with the published counts of a data set, for the splits that are there: mvsa-single, mvsa-multiple, hfm or tumemo");
  command
      ->add_option("--bad-image", flags->bad_image, "Pictures that cannot be used: missing or skip (listed), or error (listed, and exit 1)")
      ->check(CLI::IsMember({"missing", "skip", "error"}))
      ->capture_default_str();
  command->add_option("--max-pixels", flags->max_pixels, "Width x height from which on a picture is refused")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--threads", flags->threads, "Threads that decode pictures (0: as many as the machine has)")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--list", flags->list, "How many faults of each kind to list")->check(CLI::NonNegativeNumber)->capture_default_str();
  command->footer(
      "Exit code 1 if a count or hash that is stated (in dataset.json or by --expect) is missed, or a row cannot be used.\n"
      "Example:\n  infig verify-data data/mvsa-single --expect mvsa-single");
  command->callback([flags] { verify(*flags); });
}

}  // namespace infig
