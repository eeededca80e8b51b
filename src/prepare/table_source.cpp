#include "prepare/table_source.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "data/data_set.h"
#include "data/rows.h"
#include "data/split.h"
#include "prepare/id_index.h"
#include "prepare/pipeline.h"
#include "prepare/raw_files.h"
#include "prepare/row_spool.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

std::optional<int64_t> whole_number(const std::string& word) {
  int64_t number = 0;
  const auto [end, fault] = std::from_chars(word.data(), word.data() + word.size(), number);
  const bool good = fault == std::errc() && end == word.data() + word.size() && !word.empty();
  return good ? std::optional(number) : std::nullopt;
}

class TableSource : public PostSource {
 public:
  TableSource(const std::vector<fs::path>& tables, const fs::path& scratch, const TableOptions& options, bool shards)
      : tables_(tables), options_(options), shards_(shards), spool_(scratch), dropped_(scratch) {
    facts_.name = tables.size() == 1 ? tables[0].stem().string() : last_name(tables[0].parent_path());
    for (const auto& table : tables_) {
      require_columns(table);
      table_begins_.push_back(rows_);
      read_table(table);
      facts_.inputs.push_back(hash_input(table, table.filename().string()));
    }
    spool_.finish();
    dropped_.finish();
    check_rows();
    number_labels();
    give_splits();
    describe();
    if (!options.images.empty() && !fs::is_directory(options.images))
      facts_.pictures_absent = fmt::format("the folder {} is absent", options.images.string());
  }

  const SourceFacts& facts() const override { return facts_; }
  int64_t size() const override { return spool_.size(); }

  RawPost read(int64_t i) const override {
    SpooledRow row = spool_.read(i);
    const auto at = static_cast<size_t>(i);
    RawPost post{.id = std::move(row.id), .text = std::move(row.text), .label_id = labels_[at], .split = splits_[at]};
    if (row.image.empty()) return post;
    const fs::path& table = tables_[table_of_[at]];
    const FileSpan span = parse_file_span((options_.images.empty() || shards_ ? table.parent_path() : options_.images) / row.image);
    post.picture = {.file = span.file, .offset = span.offset, .length = span.length};
    return post;
  }

  void each_dropped(const DroppedSink& sink) const override {
    for (int64_t i = 0; i < dropped_.size(); ++i) sink(dropped_.read(i).id, "no label");
  }

 private:
  static void require_columns(const fs::path& table) {
    const auto columns = table_columns(table);
    for (const char* name : {"id", "label"}) {
      if (!columns.contains(name))
        throw DataError(fmt::format("{}, header: column \"{}\" is missing; expected id, text, image, label and, if known, split",
                                    table.string(), name));
    }
    if (!columns.contains("text") && !columns.contains("image"))
      throw DataError(fmt::format("{}, header: neither a column \"text\" nor a column \"image\"", table.string()));
  }

  void read_table(const fs::path& table) {
    for_each_row(table, [&](PostRow&& row) {
      stop_if_asked(options_.common.stop);
      if (shards_ && row.id) std::replace(row.id->begin(), row.id->end(), '/', '_');  // KEY may have folders
      const std::string place = row_place(table, row.line);
      const std::string fault = row.id ? id_fault(*row.id) : "is missing";
      if (!fault.empty()) throw DataError(fmt::format("{}: field \"id\" {}", place, fault));
      ids_.add(*row.id, rows_);
      lines_.push_back(static_cast<int32_t>(row.line));
      const bool has_split = row.split && !row.split->empty();
      int64_t& first = has_split ? first_with_split_ : first_without_split_;
      if (first < 0) first = rows_;
      ++rows_;
      if (!row.label || row.label->empty()) return dropped_.add({.id = *row.id, .text = "", .image = ""});
      labels_.push_back(label_number(*row.label, place));
      splits_.push_back(has_split ? split_of(*row.split, place) : Split::kTrain);
      table_of_.push_back(static_cast<uint16_t>(table_begins_.size() - 1));
      spool_.add({.id = *row.id, .text = row.text.value_or(""), .image = row.image.value_or("")});
    });
  }

  // Numbers in order of appearance, until all are known.
  int32_t label_number(const std::string& word, const std::string& place) {
    const auto found = numbers_.find(word);
    if (found != numbers_.end()) return found->second;
    std::string label = word;
    const auto& given = options_.labels;
    if (!given.empty() && std::find(given.begin(), given.end(), label) == given.end()) {
      const auto number = shards_ ? whole_number(label) : std::nullopt;
      if (!number || *number < 0 || *number >= static_cast<int64_t>(given.size()))
        throw DataError(fmt::format("{}: field \"label\" is \"{}\", expected one of {}", place, label, fmt::join(given, ", ")));
      label = given[static_cast<size_t>(*number)];
    }
    names_.push_back(label);
    return numbers_[word] = static_cast<int32_t>(names_.size()) - 1;
  }

  static Split split_of(const std::string& word, const std::string& place) {
    try {
      return parse_split(word);
    } catch (const DataError& error) {
      throw DataError(fmt::format("{}: field \"split\" {}", place, error.what()));
    }
  }

  // "t.csv, row 3", for messages about a row that is long gone by.
  std::string place_of(int64_t row) const {
    const auto next = std::upper_bound(table_begins_.begin(), table_begins_.end(), row);
    return row_place(tables_[static_cast<size_t>(next - table_begins_.begin()) - 1], lines_[static_cast<size_t>(row)]);
  }
  // Without the file's name where there is only one.
  std::string row_of(int64_t row) const {
    return tables_.size() == 1 ? fmt::format("row {}", lines_[static_cast<size_t>(row)]) : place_of(row);
  }

  void check_rows() {
    if (const auto repeat = ids_.first_repeat()) {
      throw DataError(fmt::format("{}: field \"id\" \"{}\" is already in {}; every id must occur once", place_of(repeat->again),
                                  id_of_row(repeat->again), row_of(repeat->first)));
    }
    if (first_with_split_ >= 0 && first_without_split_ >= 0) {
      throw DataError(fmt::format("{}: {} has a split but {} has none; give every row one, or leave the column out", tables_[0].string(),
                                  row_of(first_with_split_), row_of(first_without_split_)));
    }
    facts_.counts = {{"rows in the table", rows_}, {"with a label", spool_.size()}};
    ids_ = IdIndex();
    lines_ = std::vector<int32_t>();
  }

  // Only for a message: the table is read once more.
  std::string id_of_row(int64_t wanted) const {
    std::string id;
    int64_t row = 0;
    for (const auto& table : tables_) {
      for_each_row(table, [&](PostRow&& one) {
        if (row++ == wanted) id = one.id.value_or("");
      });
    }
    return id;
  }

  void number_labels() {
    const auto& given = options_.labels;
    std::set<std::string> found(names_.begin(), names_.end());  // in alphabetical order
    facts_.labels = given.empty() ? std::vector<std::string>(found.begin(), found.end()) : given;
    const auto& labels = facts_.labels;
    numeric_ =
        given.empty() && std::all_of(labels.begin(), labels.end(), [](const auto& label) { return whole_number(label).has_value(); });
    if (numeric_)
      std::sort(facts_.labels.begin(), facts_.labels.end(),
                [](const auto& a, const auto& b) { return *whole_number(a) < *whole_number(b); });
    std::map<std::string, int32_t> ids;
    for (const auto& label : facts_.labels) ids.emplace(label, static_cast<int32_t>(ids.size()));
    if (ids.size() != facts_.labels.size() || ids.contains(""))
      throw ConfigError(fmt::format("labels: {}: expected distinct names", fmt::join(facts_.labels, ",")));
    for (auto& label : labels_) label = ids.at(names_[static_cast<size_t>(label)]);
  }

  void give_splits() {
    if (first_with_split_ < 0) splits_ = draw_stratified_split(labels_, static_cast<int64_t>(facts_.labels.size()), options_.common.seed);
  }

  void describe() {
    facts_.rules = {{"source", shards_ ? "webdataset" : "table"}};
    if (tables_.size() == 1) {
      facts_.rules["file"] = facts_.inputs[0].name;
      facts_.rules["sha256"] = facts_.inputs[0].sha256;
    }
    if (first_with_split_ >= 0) {
      facts_.rules["split"] = shards_ ? "as the shards say" : "as the table says";
    } else {
      facts_.rules["split"] = {{"drawn", "80/10/10 by label"}, {"seed", options_.common.seed}};
    }
    facts_.rules["label_order"] = !options_.labels.empty() ? "given" : numeric_ ? "numerical" : "alphabetical";
  }

  const std::vector<fs::path> tables_;
  const TableOptions& options_;
  bool shards_;
  bool numeric_ = false;
  RowSpool spool_, dropped_;
  std::vector<int32_t> labels_;
  std::vector<Split> splits_;
  std::vector<uint16_t> table_of_;
  std::vector<int64_t> table_begins_;  // the first row of each table, counted through all of them
  IdIndex ids_;
  std::vector<int32_t> lines_;  // of each row
  std::unordered_map<std::string, int32_t> numbers_;
  std::vector<std::string> names_;
  int64_t rows_ = 0, first_with_split_ = -1, first_without_split_ = -1;
  SourceFacts facts_;
};

}  // namespace

std::unique_ptr<PostSource> open_tables(const std::vector<fs::path>& tables, const fs::path& scratch, const TableOptions& options,
                                        bool shards) {
  if (tables.size() > UINT16_MAX) throw DataError(fmt::format("{} tables, at most {} are read together", tables.size(), UINT16_MAX));
  return std::make_unique<TableSource>(tables, scratch, options, shards);
}

namespace {

// The one table of an unpacked archive.
fs::path find_table(const fs::path& folder, const fs::path& archive) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file() && is_table_name(entry.path().filename().string())) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  if (found.size() == 1) return found[0];
  std::vector<std::string> names;
  for (const auto& path : found) names.push_back(path.lexically_relative(folder).string());
  throw DataError(fmt::format("{}: holds {} ({}), expected one table .csv, .tsv or .jsonl; unpack it and name the table", archive.string(),
                              found.empty() ? "no table" : "several tables", fmt::join(names, ", ")));
}

PrepareJob table_job(const std::string& kind, const fs::path& raw, const TableOptions& options) {
  PrepareJob job{.kind = kind, .raw = raw};
  job.options["seed"] = options.common.seed;
  job.options["labels"] = options.labels;
  job.paths["images"] = options.images.empty() ? "" : fs::absolute(options.images).lexically_normal().string();
  return job;
}

}  // namespace

PrepareReport prepare_table(const fs::path& table, const fs::path& out, const TableOptions& options) {
  if (!fs::exists(table)) throw DataError(fmt::format("{}: no such file; expected a table .csv, .tsv or .jsonl", table.string()));
  PrepareJob job = table_job("table", table, options);
  const bool archive = !is_table_name(table.filename().string()) && is_archive(table);
  job.raw_is_file = !archive;
  job.wants = [](std::string_view name) { return wants_posts(name) && (is_picture_name(name) || is_table_name(name)); };
  job.open = [&, archive](const fs::path& raw, const fs::path& scratch) {
    return open_tables({archive ? find_table(raw, table) : raw}, scratch, options, /*shards=*/false);
  };
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
