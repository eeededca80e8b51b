#include "prepare/published_data_sets.h"

#include <string_view>

#include "prepare/raw_files.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

std::string whole_path(const fs::path& path) { return path.empty() ? "" : fs::absolute(path).lexically_normal().string(); }

// A kind's options with the folder of its (unpacked) raw files and the common options; HFM's texts are UTF-8 and its splits given.
template <typename Kind>
Kind with_common(Kind kind, const fs::path& raw, const PrepareOptions& options) {
  kind.raw = raw;
  kind.images = options.images;
  if constexpr (requires { kind.text_decode; }) kind.text_decode = options.text_decode;
  if constexpr (requires { kind.seed; }) kind.seed = options.seed;
  return kind;
}

}  // namespace

PrepareReport prepare_hfm(const HfmOptions& hfm, const fs::path& out, const PrepareOptions& options) {
  PrepareJob job{.kind = "hfm", .raw = hfm.raw, .clean_text = TextCleaning::kHfmCues, .wants = [](std::string_view member) {
                   return wants_posts(member) || fs::path(member).filename() == "extract_all";
                 }};
  job.paths = {{"splits", whole_path(hfm.splits)}};
  job.open = [&](const fs::path& raw, const fs::path&) { return open_hfm(with_common(hfm, raw, options)); };
  return prepare_data_set(job, out, options);
}

PrepareReport prepare_mvsa_multiple(const MvsaMultipleOptions& mvsa, const fs::path& out, const PrepareOptions& options) {
  PrepareJob job{.kind = "mvsa-multiple", .raw = mvsa.raw, .clean_text = TextCleaning::kMultiSentiNet, .wants = wants_posts};
  job.options = {{"seed", options.seed}, {"text_decode", text_decode_name(options.text_decode)}};
  job.paths = {{"splits", whole_path(mvsa.splits)}};
  job.open = [&](const fs::path& raw, const fs::path&) { return open_mvsa_multiple(with_common(mvsa, raw, options)); };
  return prepare_data_set(job, out, options);
}

PrepareReport prepare_tumemo(const TumemoOptions& tumemo, const fs::path& out, const PrepareOptions& options) {
  PrepareJob job{
      .kind = "tumemo", .raw = tumemo.raw, .raw_text = TextCleaning::kUrls, .clean_text = TextCleaning::kMgnns, .wants = wants_posts};
  job.options = {{"seed", options.seed}, {"text_decode", text_decode_name(options.text_decode)}, {"check_ranges", tumemo.check_ranges}};
  job.paths = {{"splits", whole_path(tumemo.splits)}, {"label_file", whole_path(tumemo.label_file)}};
  job.open = [&](const fs::path& raw, const fs::path&) { return open_tumemo(with_common(tumemo, raw, options)); };
  return prepare_data_set(job, out, options);
}

}  // namespace infig
