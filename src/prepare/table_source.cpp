#include "prepare/table_source.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <optional>
#include <unordered_map>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "core/words.h"
#include "data/data_set.h"
#include "data/image_folder.h"
#include "data/label_words.h"
#include "data/parquet/parquet_file.h"
#include "data/picture_spool.h"
#include "data/rows.h"
#include "data/split.h"
#include "prepare/id_index.h"
#include "prepare/pipeline.h"
#include "prepare/raw_files.h"
#include "prepare/row_spool.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

class TableSource : public PostSource {
 public:
  TableSource(const std::vector<fs::path>& tables, const fs::path& scratch, const TableOptions& options, bool shards)
      : tables_(tables),
        options_(options),
        shards_(shards),
        spool_(scratch),
        dropped_(scratch),
        pictures_(scratch / (tables[0].filename().string() + ".pictures")) {
    const bool folder = tables.size() > 1 || fs::is_directory(tables[0]);
    facts_.name = !folder ? tables[0].stem().string() : last_name(tables.size() == 1 ? tables[0] : tables[0].parent_path());
    state_labels();
    TableNotes notes;
    TableReading reading = options.reading;
    reading.notes = &notes;
    for (const auto& table : tables_) {
      require_columns(table);
      table_begins_.push_back(rows_);
      read_table(table, reading);
      if (!fs::is_directory(table)) facts_.inputs.push_back(hash_input(table, table.filename().string()));
    }
    notes.say();
    facts_.said = notes.lines(/*folders=*/false);
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
    RawPost post{.id = std::move(row.id), .text = std::move(row.text), .label_id = -1, .split = splits_[at]};
    if (words_[at] >= 0) {
      const auto word = static_cast<size_t>(words_[at]);
      post.label_id = label_of_word_[word];
      const std::string& name = facts_.labels[static_cast<size_t>(post.label_id)];
      if (name != found_[word] && label_key(name) == label_key(found_[word]))
        post.notes.push_back({"label read as another spelling", fmt::format("\"{}\" as {}", found_[word], name)});
    }
    if (row.length >= 0) {
      // Its own name gives it its extension; without one, its content does.
      post.picture = {.file = pictures_.file(), .offset = row.offset, .length = row.length, .member = row.image};
      return post;
    }
    if (row.image.empty()) return post;
    const fs::path& table = tables_[table_of_[at]];
    const FileSpan span = parse_file_span((options_.images.empty() || shards_ ? table.parent_path() : options_.images) / row.image);
    post.picture = {.file = span.file, .offset = span.offset, .length = span.length};
    if (!shards_) {
      const fs::path folder = options_.images.empty() ? fs::path() : fs::path(last_name(options_.images));
      post.picture.named = (fs::path(row.image).is_absolute() ? fs::path(row.image) : folder / row.image).generic_string();
    }
    return post;
  }

  void each_dropped(const DroppedSink& sink) const override {
    for (int64_t i = 0; i < dropped_.size(); ++i) sink(dropped_.read(i).id, "no label");
  }

 private:
  // Names of the labels in id order: the user's, else those that the schema of every table states.
  void state_labels() {
    names_ = options_.labels;
    if (!names_.empty()) return;
    for (const auto& table : tables_) {
      auto stated = stated_labels(table, options_.reading);
      if (&table != &tables_.front() && stated != names_)
        throw DataError(fmt::format("{}: its schema names the labels {}, that of {} names {}; --labels says which hold", table.string(),
                                    fmt::join(stated, ", "), tables_.front().string(), fmt::join(names_, ", ")));
      names_ = std::move(stated);
    }
    stated_ = !names_.empty();
  }

  void require_columns(const fs::path& table) const {
    const auto columns = table_columns(table, options_.reading);
    if (!columns.contains("label"))
      throw DataError(
          fmt::format("{}, header: column \"label\" is missing; expected text, image, label and, if known, id and split (--columns "
                      "label=NAME says which "
                      "column it is)",
                      table.string()));
    if (!columns.contains("text") && !columns.contains("image"))
      throw DataError(fmt::format("{}, header: neither a column \"text\" nor a column \"image\"", table.string()));
  }

  void read_table(const fs::path& table, const TableReading& reading) {
    const auto take = [&](PostRow&& row) {
      stop_if_asked(options_.common.stop);
      if (shards_ && row.id) std::replace(row.id->begin(), row.id->end(), '/', '_');     // KEY may have folders
      if (!shards_ && (!row.id || row.id->empty())) row.id = std::to_string(rows_ + 1);  // as predict calls it
      const std::string place = row_place(table, row.at);
      const std::string fault = row.id ? id_fault(*row.id) : "is missing";
      if (!fault.empty()) throw DataError(fmt::format("{}: field \"id\" {}", place, fault));
      ids_.add(*row.id, rows_);
      lines_.push_back(static_cast<int32_t>(row.at.line));
      const bool has_split = row.split && !row.split->empty();
      int64_t& first = has_split ? first_with_split_ : first_without_split_;
      if (first < 0) first = rows_;
      ++rows_;
      const Split split = has_split ? split_of(*row.split, place) : Split::kTrain;
      const bool labelled = row.label && !strip_blanks(*row.label).empty();
      if (!labelled && split != Split::kTest) return dropped_.add({.id = *row.id, .text = "", .image = ""});
      unlabelled_ += labelled ? 0 : 1;
      words_.push_back(labelled ? word_number(*row.label, place) : -1);
      splits_.push_back(split);
      table_of_.push_back(static_cast<uint16_t>(table_begins_.size() - 1));
      SpooledRow kept{.id = *row.id, .text = row.text.value_or(""), .image = row.image.value_or("")};
      if (row.picture) {
        const FileSpan span = pictures_.add(*row.picture);
        kept.offset = span.offset;
        kept.length = span.length;
      }
      spool_.add(kept);
    };
    for_each_row(table, take, nullptr, reading);
  }

  // Numbers in order of appearance. A word that is none of --labels is refused here, where its row is known.
  int32_t word_number(const std::string& word, const std::string& place) {
    const auto [known, fresh] = numbers_.try_emplace(word, static_cast<int32_t>(found_.size()));
    if (fresh) {
      const auto& given = names_;
      if (!given.empty() && !named_label(word, given, options_.strip_labels)) {
        const auto stripped = named_label(word, given, /*strip=*/true);
        throw DataError(fmt::format("{}: field \"label\" is \"{}\", expected one of {}{}", place, word, fmt::join(given, ", "),
                                    stripped ? fmt::format("; --strip-labels reads it as {}", given[*stripped]) : ""));
      }
      found_.push_back(word);
      counts_.push_back(0);
    }
    ++counts_[static_cast<size_t>(known->second)];
    return known->second;
  }

  static Split split_of(const std::string& word, const std::string& place) {
    try {
      return parse_split(word);
    } catch (const DataError& error) {
      throw DataError(fmt::format("{}: field \"split\" {}", place, error.what()));
    }
  }

  // "t.csv, line 3 (post 2)", for messages about a row that is long gone by.
  std::string place_of(int64_t row) const {
    const auto next = std::upper_bound(table_begins_.begin(), table_begins_.end(), row);
    return row_place(tables_[static_cast<size_t>(next - table_begins_.begin()) - 1], at_of(row, *std::prev(next)));
  }
  RowAt at_of(int64_t row, int64_t begins) const { return {.line = lines_[static_cast<size_t>(row)], .number = row - begins + 1}; }
  // Without the file's name where there is only one.
  std::string row_of(int64_t row) const { return tables_.size() == 1 ? at_of(row, 0).words() : place_of(row); }

  void check_rows() {
    if (const auto repeat = ids_.first_repeat()) {
      throw DataError(fmt::format("{}: field \"id\" \"{}\" is already in {}; every id must occur once", place_of(repeat->again),
                                  id_of_row(repeat->again), row_of(repeat->first)));
    }
    if (first_with_split_ >= 0 && first_without_split_ >= 0) {
      throw DataError(fmt::format("{}: {} has a split but {} has none; give every row one, or leave the column out", tables_[0].string(),
                                  row_of(first_with_split_), row_of(first_without_split_)));
    }
    if (spool_.size() == 0 && rows_ > 0 && fs::is_directory(tables_[0])) {
      throw DataError(fmt::format(
          "{0}: {1} label; put the pictures of each class into a folder of its name ({0}/happy/1.jpg), or give "
          "metadata.csv with file_name and label. predict --input {0} needs no labels",
          tables_[0].string(), rows_ == 1 ? "its only picture has no" : fmt::format("none of its {} has a", counted(rows_, "picture"))));
    }
    facts_.counts = {{"rows in the table", rows_},
                     {unlabelled_ > 0 ? "with a label, or in test without one (kept for predict)" : "with a label", spool_.size()}};
    ids_ = IdIndex();
    lines_ = std::vector<int32_t>();
  }

  // Only for a message: the table is read once more.
  std::string id_of_row(int64_t wanted) const {
    std::string id;
    int64_t row = 0;
    for (const auto& table : tables_) {
      const auto take = [&](PostRow&& one) {
        if (row++ == wanted) id = one.id && !one.id->empty() ? *one.id : std::to_string(wanted + 1);
      };
      for_each_row(table, take, nullptr, options_.reading);
    }
    return id;
  }

  // Names the labels, and says which of them each word means.
  void number_labels() {
    std::map<std::string, int64_t> counts;
    for (size_t i = 0; i < found_.size(); ++i) counts[found_[i]] = counts_[i];
    const bool given = !names_.empty();
    std::map<std::string, std::string> names;  // of each word
    for (const auto& word : found_) names[word] = given ? names_[*named_label(word, names_, options_.strip_labels)] : word;
    if (!given && options_.strip_labels) names = merge_labels(counts);
    std::map<std::string, int64_t> totals;  // of each label, in alphabetical order
    for (const auto& label : names_) totals[label] = 0;
    for (const auto& [word, name] : names) totals[name] += counts.at(word);
    facts_.labels = names_;
    if (!given) {
      for (const auto& [label, posts] : totals) facts_.labels.push_back(label);
    }
    order_labels(!given);
    std::map<std::string, int32_t> ids;
    for (const auto& label : facts_.labels) ids.emplace(label, static_cast<int32_t>(ids.size()));
    if (ids.size() != facts_.labels.size() || ids.contains(""))
      throw ConfigError(fmt::format("labels: {}: expected distinct names", fmt::join(facts_.labels, ",")));
    for (const auto& word : found_) label_of_word_.push_back(ids.at(names.at(word)));
    for (auto& odd : odd_labels(totals, given)) facts_.warnings.push_back(std::move(odd));
    if (const std::string alone = only_label(facts_.labels); !alone.empty()) facts_.warnings.push_back(alone);
    say_numbers(names);
  }

  // Whole numbers that stand for the names of --labels are said once.
  void say_numbers(const std::map<std::string, std::string>& names) const {
    std::string list;
    for (const auto& [word, name] : names) {
      if (whole_number(word, /*decimals=*/true) && label_key(word) != label_key(name))
        list += fmt::format("{}{} is {}", list.empty() ? "" : ", ", word, name);
    }
    if (!list.empty()) log_info("labels by their places in --labels: {}", list);
  }

  void order_labels(bool by_value) {
    const auto& labels = facts_.labels;
    numeric_ = by_value && std::all_of(labels.begin(), labels.end(), [](const auto& label) { return whole_number(label).has_value(); });
    if (!numeric_) return;
    std::stable_sort(facts_.labels.begin(), facts_.labels.end(),
                     [](const auto& a, const auto& b) { return *whole_number(a) < *whole_number(b); });
  }

  void give_splits() {
    if (first_with_split_ >= 0) return;
    std::vector<int32_t> labels;  // of every post: without a split column none is without one
    for (const int32_t word : words_) labels.push_back(label_of_word_[static_cast<size_t>(word)]);
    splits_ = draw_stratified_split(labels, static_cast<int64_t>(facts_.labels.size()), options_.common.seed);
    if (options_.common.split.any()) return;  // another one is taken
    facts_.said.push_back(fmt::format("the split is drawn, 80/10/10 by label with seed {}: {}", options_.common.seed,
                                      shards_ ? "no shard's name holds train, val or test as a word, and no KEY.json gives one"
                                              : "there is no column split, and no name of a file or folder says it"));
    log_info("{}", facts_.said.back());
  }

  void describe() {
    const bool folder = fs::is_directory(tables_[0]);
    facts_.rules = {{"source", shards_ ? "webdataset" : folder ? "imagefolder" : "table"}};
    if (tables_.size() == 1 && !folder) {
      facts_.rules["file"] = facts_.inputs[0].name;
      facts_.rules["sha256"] = facts_.inputs[0].sha256;
    }
    if (first_with_split_ >= 0) {
      facts_.rules["split"] = shards_ ? "as the shards say" : folder ? "as the folders say" : "as the table says";
    } else {
      facts_.rules["split"] = {{"drawn", "80/10/10 by label"}, {"seed", options_.common.seed}};
    }
    facts_.rules["label_order"] = stated_           ? "as the table's schema says"
                                  : !names_.empty() ? "given"
                                  : numeric_        ? "numerical"
                                                    : "alphabetical";
    if (options_.strip_labels) facts_.rules["labels"] = "spellings that differ by case, blanks or \".0\" are one";
  }

  const std::vector<fs::path> tables_;
  const TableOptions& options_;
  bool shards_;
  bool numeric_ = false;
  RowSpool spool_, dropped_;
  PictureSpool pictures_;           // that lie in the tables themselves
  std::vector<std::string> names_;  // of the labels in id order, where they are given or stated
  bool stated_ = false;
  std::vector<int32_t> words_;  // of each post: index into found_; -1 without a label
  std::vector<Split> splits_;
  std::vector<uint16_t> table_of_;
  std::vector<int64_t> table_begins_;  // the first row of each table, counted through all of them
  IdIndex ids_;
  std::vector<int32_t> lines_;  // of each row; 0 where a table has none
  std::unordered_map<std::string, int32_t> numbers_;
  std::vector<std::string> found_;      // labels as the table writes them, in order of appearance
  std::vector<int64_t> counts_;         // posts of each
  std::vector<int32_t> label_of_word_;  // the label of each
  int64_t rows_ = 0, unlabelled_ = 0, first_with_split_ = -1, first_without_split_ = -1;
  SourceFacts facts_;
};

}  // namespace

std::unique_ptr<PostSource> open_tables(const std::vector<fs::path>& tables, const fs::path& scratch, const TableOptions& options,
                                        bool shards) {
  if (tables.size() > UINT16_MAX) throw DataError(fmt::format("{} tables, at most {} are read together", tables.size(), UINT16_MAX));
  return std::make_unique<TableSource>(tables, scratch, options, shards);
}

}  // namespace infig
