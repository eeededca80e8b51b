// The kinds of prepare.h that read tables, shards, Parquet and folders of pictures.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/error.h"
#include "data/image_folder.h"
#include "data/parquet/parquet_file.h"
#include "data/rows.h"
#include "prepare/prepare.h"
#include "prepare/raw_files.h"
#include "prepare/table_source.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

// The one table of an unpacked archive.
fs::path find_table(const fs::path& folder, const fs::path& archive) {
  std::vector<fs::path> found, others;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    const std::string name = entry.path().filename().string();
    if (is_table_name(name)) found.push_back(entry.path());
    if (may_be_table_name(name)) others.push_back(entry.path());
  }
  if (found.empty()) found = std::move(others);
  std::sort(found.begin(), found.end());
  if (found.size() == 1) return found[0];
  std::vector<std::string> names;
  for (const auto& path : found) names.push_back(path.lexically_relative(folder).string());
  constexpr size_t kNamed = 3;
  const size_t more = names.size() > kNamed ? names.size() - kNamed : 0;
  names.resize(names.size() - more);
  std::string list = names.empty() ? "" : fmt::format(" ({}{})", fmt::join(names, ", "), more > 0 ? fmt::format(" and {} more", more) : "");
  // KEY.txt beside KEY.jpg and the like: the members of one post each.
  const bool shard =
      is_tar(archive) && !std::any_of(found.begin(), found.end(), [](const auto& path) { return is_table_name(path.string()); });
  throw DataError(
      fmt::format("{}: holds {}{}, expected one table (.csv, .tsv, .jsonl, else .txt or .json); {}", archive.string(),
                  found.empty() ? "no table" : "several tables", list,
                  shard ? fmt::format("if it is a shard in WebDataset form: infig prepare webdataset --raw {} --out DIR", archive.string())
                        : "unpack it and name the table"));
}

PrepareJob table_job(const std::string& kind, const fs::path& raw, const TableOptions& options) {
  PrepareJob job{.kind = kind, .raw = raw};
  job.options["seed"] = options.common.seed;
  job.options["labels"] = options.labels;
  if (options.strip_labels) job.options["strip_labels"] = true;
  if (!options.reading.columns.empty()) job.options["columns"] = options.reading.columns;
  if (!options.reading.members.empty()) job.options["members"] = options.reading.members;
  if (options.reading.quoting != Quoting::kAuto) job.options["quote"] = options.reading.quoting == Quoting::kNone ? "none" : "csv";
  job.paths["images"] = options.images.empty() ? "" : fs::absolute(options.images).lexically_normal().string();
  return job;
}

}  // namespace

PrepareReport prepare_table(const fs::path& table, const fs::path& out, const TableOptions& options) {
  if (!fs::exists(table))
    throw DataError(fmt::format("{}: no such file; expected a table .csv, .tsv, .txt, .jsonl, .json or .parquet", table.string()));
  if (is_parquet(table)) return prepare_parquet(table, out, options);
  if (fs::is_directory(table))
    return parquet_files_in(table).empty() ? prepare_image_folder(table, out, options) : prepare_parquet(table, out, options);
  PrepareJob job = table_job("table", table, options);
  const bool archive = !is_table_name(table.filename().string()) && is_archive(table);
  job.raw_is_file = !archive;
  job.wants = [](std::string_view name) {
    return wants_posts(name) && (is_picture_name(name) || is_table_name(name) || may_be_table_name(name));
  };
  job.open = [&, archive](const fs::path& raw, const fs::path& scratch) {
    return open_tables({archive ? find_table(raw, table) : raw}, scratch, options, /*shards=*/false);
  };
  return prepare_data_set(job, out, options.common);
}

PrepareReport prepare_parquet(const fs::path& raw, const fs::path& out, const TableOptions& options) {
  require_parquet(raw.string());
  const std::vector<fs::path> files = fs::is_directory(raw) ? parquet_files_in(raw) : tables_of(raw);
  if (files.empty())
    throw DataError(fmt::format("{}: holds no .parquet; --raw names a file, a folder of files or a pattern", raw.string()));
  if (!options.common.pack && options.common.pictures == PictureTransfer::kSymlink)
    throw ConfigError("link-images: pictures inside Parquet are no files that a link could point to; leave the flag out, or take --pack");
  PrepareJob job = table_job("parquet", raw, options);
  job.raw_is_file = true;
  job.open = [&](const fs::path&, const fs::path& scratch) { return open_tables(files, scratch, options, /*shards=*/false); };
  return prepare_data_set(job, out, options.common);
}

PrepareReport prepare_image_folder(const fs::path& raw, const fs::path& out, const TableOptions& options) {
  if (!fs::is_directory(raw) || !is_image_folder(raw))
    throw DataError(fmt::format(
        "{}: is no folder of pictures; expected metadata.csv, .jsonl or .parquet with file_name, or a folder of pictures for each class",
        raw.string()));
  const fs::path folder = raw.has_filename() ? raw : raw.parent_path();
  PrepareJob job = table_job("imagefolder", raw, options);
  job.raw_is_file = true;
  job.open = [&, folder](const fs::path&, const fs::path& scratch) { return open_tables({folder}, scratch, options, /*shards=*/false); };
  return prepare_data_set(job, out, options.common);
}

PrepareReport prepare_webdataset(const fs::path& raw, const fs::path& out, const TableOptions& options) {
  const std::vector<fs::path> shards = fs::is_directory(raw) ? tars_in(raw) : tables_of(raw);
  if (shards.empty()) throw DataError(fmt::format("{}: holds no .tar; --raw names a shard, a folder of shards or a pattern", raw.string()));
  for (const auto& shard : shards) {
    if (!is_tar(shard))
      throw DataError(
          fmt::format("{}: is not a .tar; shards of WebDataset are plain tars (unpack a .tar.gz with gzip -d)", shard.string()));
  }
  PrepareJob job = table_job("webdataset", raw, options);
  job.raw_is_file = true;
  job.open = [&](const fs::path&, const fs::path& scratch) { return open_tables(shards, scratch, options, /*shards=*/true); };
  return prepare_data_set(job, out, options.common);
}

}  // namespace infig
