#include "prepare/published_sets.h"

#include <string_view>

#include "prepare/raw_files.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

std::string whole_path(const fs::path& path) { return path.empty() ? "" : fs::absolute(path).lexically_normal().string(); }

}  // namespace

PrepareReport prepare_hfm(const HfmOptions& hfm, const fs::path& out, const PrepareOptions& options) {
  PrepareJob job{.kind = "hfm", .raw = hfm.raw, .wants = [](std::string_view member) {
                   return wants_posts(member) || fs::path(member).filename() == "extract_all";
                 }};
  job.paths = {{"splits", whole_path(hfm.splits)}};
  job.open = [&](const fs::path& raw, const fs::path&) {
    HfmOptions opened = hfm;
    opened.raw = raw;
    opened.images = options.images;
    return open_hfm(opened);
  };
  return prepare_data_set(job, out, options);
}

PrepareReport prepare_mvsa_multiple(const MvsaMultipleOptions& mvsa, const fs::path& out, const PrepareOptions& options) {
  PrepareJob job{.kind = "mvsa-multiple", .raw = mvsa.raw, .clean_text = TextCleaning::kMultiSentiNet, .wants = wants_posts};
  job.options = {{"seed", options.seed}, {"text_decode", text_decode_name(options.text_decode)}};
  job.paths = {{"splits", whole_path(mvsa.splits)}};
  job.open = [&](const fs::path& raw, const fs::path&) {
    MvsaMultipleOptions opened = mvsa;
    opened.raw = raw;
    opened.images = options.images;
    opened.text_decode = options.text_decode;
    opened.seed = options.seed;
    return open_mvsa_multiple(opened);
  };
  return prepare_data_set(job, out, options);
}

PrepareReport prepare_tumemo(const TumemoOptions& tumemo, const fs::path& out, const PrepareOptions& options) {
  PrepareJob job{
      .kind = "tumemo", .raw = tumemo.raw, .raw_text = TextCleaning::kUrls, .clean_text = TextCleaning::kMgnns, .wants = wants_posts};
  job.options = {{"seed", options.seed}, {"text_decode", text_decode_name(options.text_decode)}, {"check_ranges", tumemo.check_ranges}};
  job.paths = {{"splits", whole_path(tumemo.splits)}, {"label_file", whole_path(tumemo.label_file)}};
  job.open = [&](const fs::path& raw, const fs::path&) {
    TumemoOptions opened = tumemo;
    opened.raw = raw;
    opened.images = options.images;
    opened.text_decode = options.text_decode;
    opened.seed = options.seed;
    return open_tumemo(opened);
  };
  return prepare_data_set(job, out, options);
}

}  // namespace infig
