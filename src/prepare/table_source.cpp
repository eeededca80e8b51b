#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <unordered_map>

#include "core/error.h"
#include "core/files.h"
#include "data/data_set.h"
#include "data/prepare.h"
#include "data/prepare_common.h"
#include "data/rows.h"
#include "data/split.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

// Reads the posts of a table; labels get their numbers afterwards.
class TableReader {
 public:
  TableReader(const fs::path& table, const TableOptions& options, PrepareLog& log) : table_(table), options_(options), log_(log) {
    const auto columns = table_columns(table);
    for (const char* name : {"id", "label"}) {
      if (!columns.contains(name))
        throw DataError(fmt::format("{}, header: column \"{}\" is missing; expected id, text, image, label and, if known, split",
                                    table.string(), name));
    }
    if (!columns.contains("text") && !columns.contains("image")) {
      throw DataError(fmt::format("{}, header: neither a column \"text\" nor a column \"image\"", table.string()));
    }
  }

  std::vector<Post> read() {
    std::vector<Post> posts;
    int64_t rows = 0;
    for_each_row(table_, [&](PostRow&& row) {
      ++rows;
      check_id(row);
      if (row.split && !row.split->empty()) {
        note_split(first_with_split_, row.line);
      } else {
        note_split(first_without_split_, row.line);
      }
      if (!row.label || row.label->empty()) {
        log_.drop(*row.id, "no label");
        return;
      }
      posts.push_back(make_post(std::move(row)));
    });
    if (first_with_split_ != 0 && first_without_split_ != 0) {
      throw DataError(fmt::format("{}: row {} has a split but row {} has none; give every row one, or leave the column out",
                                  table_.string(), first_with_split_, first_without_split_));
    }
    log_.count("rows in the table", static_cast<size_t>(rows));
    log_.count("with a label", posts.size());
    return posts;
  }

  bool has_splits() const { return first_with_split_ != 0; }

 private:
  static void note_split(int64_t& first, int64_t line) {
    if (first == 0) first = line;
  }
  void check_id(const PostRow& row) {
    const std::string place = row_place(table_, row.line);
    const std::string fault = row.id ? id_fault(*row.id) : "is missing";
    if (!fault.empty()) throw DataError(fmt::format("{}: field \"id\" {}", place, fault));
    const auto [first, fresh] = lines_.try_emplace(*row.id, row.line);
    if (!fresh)
      throw DataError(
          fmt::format("{}: field \"id\" \"{}\" stands already in row {}; every id must occur once", place, *row.id, first->second));
  }
  Post make_post(PostRow&& row) const {
    Post post;
    const std::string place = row_place(table_, row.line);
    if (!options_.labels.empty() && std::find(options_.labels.begin(), options_.labels.end(), *row.label) == options_.labels.end()) {
      throw DataError(
          fmt::format("{}: field \"label\" is \"{}\", expected one of {}", place, *row.label, fmt::join(options_.labels, ", ")));
    }
    if (row.split && !row.split->empty()) {
      try {
        post.split = parse_split(*row.split);
      } catch (const DataError& error) {
        throw DataError(fmt::format("{}: field \"split\" {}", place, error.what()));
      }
    }
    if (row.image && !row.image->empty()) {
      const fs::path base = options_.images.empty() ? table_.parent_path() : options_.images;
      post.image = base / *row.image;  // an absolute path stays as it is
    }
    post.id = std::move(*row.id);
    post.text = std::move(row.text).value_or("");
    post.label = std::move(*row.label);
    return post;
  }

  const fs::path& table_;
  const TableOptions& options_;
  PrepareLog& log_;
  std::unordered_map<std::string, int64_t> lines_;
  int64_t first_with_split_ = 0;
  int64_t first_without_split_ = 0;
};

void number_labels(DataSet& data, const std::vector<std::string>& given) {
  std::set<std::string> found;  // in alphabetical order
  for (const auto& post : data.posts) found.insert(post.label);
  data.labels = given.empty() ? std::vector<std::string>(found.begin(), found.end()) : given;
  std::map<std::string, int64_t> ids;
  for (const auto& label : data.labels) ids.emplace(label, static_cast<int64_t>(ids.size()));
  if (ids.size() != data.labels.size() || ids.contains("")) {
    throw ConfigError(fmt::format("labels: {}: expected distinct names", fmt::join(data.labels, ",")));
  }
  for (auto& post : data.posts) post.label_id = ids.at(post.label);
}

}  // namespace

PrepareReport prepare_table(const fs::path& table, const fs::path& out, const TableOptions& options) {
  if (!fs::exists(table)) throw DataError(fmt::format("{}: no such file; expected a table .csv, .tsv or .jsonl", table.string()));
  if (!options.images.empty() && !fs::is_directory(options.images))
    throw DataError(fmt::format("{}: no such folder of pictures", options.images.string()));
  PrepareLog log;
  DataSet data;
  data.name = options.common.name.empty() ? table.stem().string() : options.common.name;
  data.folder = out;
  TableReader reader(table, options, log);
  data.posts = reader.read();
  number_labels(data, options.labels);
  DataSetTarget target(out, options.common.overwrite);
  data.posts = place_pictures(std::move(data.posts), target, options.common, log);
  if (data.posts.empty())
    throw DataError(fmt::format("{}: no post is left{}", table.string(),
                                log.report().dropped.empty() ? "" : ": " + log.report().dropped.front().reason));
  nlohmann::json rules{{"source", "table"}, {"file", table.filename().string()}, {"sha256", sha256_file(table)}};
  if (reader.has_splits()) {
    rules["split"] = "as the table says";
  } else {
    draw_stratified_split(data, options.common.seed);
    rules["split"] = {{"drawn", "80/10/10 by label"}, {"seed", options.common.seed}};
  }
  rules["label_order"] = options.labels.empty() ? "alphabetical" : "given";
  finish_data_set(data, std::move(rules), target, log);
  return log.take();
}

}  // namespace infig
