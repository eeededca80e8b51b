#include "data/data_set.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <unordered_map>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "core/log.h"
#include "data/image_folder.h"
#include "data/label_words.h"
#include "data/picture_spool.h"
#include "data/rows.h"
#include "data/utf8.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

constexpr const char* kPostsFile = "posts.jsonl";
constexpr const char* kDescriptionFile = "dataset.json";

struct Description {
  std::string name;
  std::vector<std::string> labels;
  std::string sha256;
  LostPictures lost_pictures;
};

// What prepare has counted under "pictures": named, there, and how many were of each status. An absent file is always lost. A file of
// another bad status is lost where it was decoded, and linked all the same where only its first bytes were looked at: then its post still
// names it, and it counts where it is read. What is lost without a status was not looked for.
LostPictures lost_in(const nlohmann::json& description) {
  const auto pictures = description.find("pictures");
  if (pictures == description.end() || !pictures->is_object()) return {};
  const auto count = [&](const char* key) {
    const auto found = pictures->find(key);
    return found != pictures->end() && found->is_number_integer() ? std::max<int64_t>(0, found->get<int64_t>()) : 0;
  };
  const int64_t lost = std::max<int64_t>(0, count("named") - count("there"));
  const int64_t left = std::max<int64_t>(0, lost - count("absent"));
  const int64_t bad = std::min(left, count("empty") + count("broken") + count("unknown_format") + count("too_large"));
  return {.absent = lost - bad, .bad = bad};
}

Description read_description(const fs::path& folder) {
  const fs::path path = folder / kDescriptionFile;
  if (!fs::exists(path)) {
    throw DataError(fmt::format("{}: is absent; a data set folder holds {} and {} (infig prepare makes both)", path.string(), kPostsFile,
                                kDescriptionFile));
  }
  try {
    const auto json = nlohmann::json::parse(read_file(path));
    Description description;
    description.labels = json.at("labels").get<std::vector<std::string>>();
    description.name = json.value("name", folder.filename().string());
    description.sha256 = json.value("sha256", "");
    description.lost_pictures = lost_in(json);
    const std::set<std::string> distinct(description.labels.begin(), description.labels.end());
    if (distinct.empty() || distinct.size() != description.labels.size() || distinct.contains("")) {
      throw DataError(
          fmt::format("{}: \"labels\" is {}, expected distinct label names in id order", path.string(), json.at("labels").dump()));
    }
    return description;
  } catch (const nlohmann::json::exception& error) {
    throw DataError(fmt::format(
        "{}: cannot be understood ({}); expected an object with \"name\", \"labels\" (a list of names in id order) and \"sha256\"",
        path.string(), json_fault(error)));
  }
}

std::string refusal(const std::string& field, const std::string& message) { return fmt::format("field \"{}\" {}", field, message); }

// Posts name pictures as files wherever they go, for as long as the process lasts.
PictureSpool& kept_pictures() {
  static PictureSpool pictures;
  return pictures;
}

// Turns rows into posts. `known_labels` null: any label is taken (a table numbers them afterwards). `ids_given`: a row without id is a
// fault, as in what prepare writes; else its number stands in.
class PostReader {
 public:
  PostReader(const std::vector<std::string>* known_labels, bool ids_given) : known_labels_(known_labels), ids_given_(ids_given) {}

  void begin(fs::path table) {
    tables_.push_back(std::move(table));
    tar_ = is_tar(tables_.back());
  }

  // Returns why the row is refused, or nothing and the post.
  std::string read(PostRow& row, Post& post) {
    ++rows_;
    if (!ids_given_ && (!row.id || row.id->empty())) row.id = std::to_string(rows_);
    if (!row.id) return refusal("id", "is missing");
    if (tar_) std::replace(row.id->begin(), row.id->end(), '/', '_');  // the folders of a key
    if (const std::string fault = id_fault(*row.id); !fault.empty()) return refusal("id", fault);
    const auto [first, fresh] = places_.try_emplace(*row.id, tables_.size() - 1, row.at);
    if (!fresh) return refusal("id", fmt::format("\"{}\" is already in {}; every id must occur once", *row.id, place(first->second)));
    const bool labelled = row.label && !strip_blanks(*row.label).empty();
    if (!labelled && !is_test(row)) return refusal("label", "is missing; only posts of the split test may have none");
    if (const std::string fault = labelled ? read_label(*row.label, post) : ""; !fault.empty()) return refusal("label", fault);
    if (!row.split) {
      return refusal("split", tar_ ? "is missing; call the file train-NAME.tar, dev-NAME.tar or test-NAME.tar, or give it in KEY.json"
                                   : "is missing; expected train, dev or test");
    }
    try {
      post.split = parse_split(*row.split);
    } catch (const DataError& error) {
      return refusal("split", error.what());
    }
    post.id = std::move(*row.id);
    post.text = std::move(row.text).value_or("");
    post.attributes = std::move(row.attributes);
    post.image = row.picture ? kept_pictures().add(*row.picture) : picture_of(row, tables_.back());
    return "";
  }

 private:
  static bool is_test(const PostRow& row) {
    try {
      return row.split && parse_split(*row.split) == Split::kTest;
    } catch (const DataError&) {
      return false;
    }
  }
  std::string read_label(const std::string& word, Post& post) const {
    post.label = word;
    if (known_labels_ == nullptr) return "";
    const auto found = std::find(known_labels_->begin(), known_labels_->end(), word);
    post.label_id = found != known_labels_->end() ? found - known_labels_->begin() : tar_ ? whole_number(word).value_or(-1) : -1;
    if (post.label_id < 0 || post.label_id >= static_cast<int64_t>(known_labels_->size())) {
      return fmt::format("is \"{}\", expected one of {}{}", word, fmt::join(*known_labels_, ", "), tar_ ? ", or its number from 0" : "");
    }
    post.label = (*known_labels_)[static_cast<size_t>(post.label_id)];
    return "";
  }
  std::string place(const std::pair<size_t, RowAt>& at) const {
    return at.first + 1 == tables_.size() ? at.second.words() : row_place(tables_[at.first], at.second);
  }

  const std::vector<std::string>* known_labels_;
  bool ids_given_;
  int64_t rows_ = 0;
  std::vector<fs::path> tables_;
  bool tar_ = false;
  std::unordered_map<std::string, std::pair<size_t, RowAt>> places_;  // of each id: table and row
};

bool says_nothing(const Post& post) { return post.text.empty() && !post.names_picture() && post.attributes.empty(); }

// `leave_out_empty`: a row with neither text nor picture is counted and no post, as in what prepare makes of the table.
void read_all(const fs::path& table, PostReader& reader, const RowFaultSink& fault, const TableReading& reading, DataSet& data,
              bool leave_out_empty) {
  reader.begin(table);
  for_each_row(
      table,
      [&](PostRow&& row) {
        Post post;
        const std::string why = reader.read(row, post);
        if (why.empty()) {
          if (leave_out_empty && says_nothing(post)) {
            ++data.empty_rows.at(static_cast<size_t>(post.split));
            if (reading.notes != nullptr) reading.notes->add(table, "rows with neither text nor picture, which are left out", 1);
          } else {
            data.posts.push_back(std::move(post));
          }
          return;
        }
        const std::string message = fmt::format("{}: {}", row_place(table, row.at), why);
        if (!fault) throw DataError(message);
        fault(message);
      },
      fault, reading);
}

void require_columns(const fs::path& table, const std::vector<std::string>& wanted, const TableReading& reading) {
  const auto present = table_columns(table, reading);
  for (const auto& name : wanted) {
    if (!present.contains(name)) {
      throw DataError(fmt::format(
          "{}, header: column \"{}\" is missing; expected text, image, label, split (--columns {}=NAME says which column it is; "
          "infig prepare can draw splits)",
          table.string(), name, name));
    }
  }
}

DataSet read_folder(const fs::path& folder, const RowFaultSink& fault, std::string& stated) {
  const Description description = read_description(folder);
  const fs::path posts = folder / kPostsFile;
  if (!fs::exists(posts))
    throw DataError(fmt::format("{}: is absent; the folder is not a complete data set, make it again with infig prepare", posts.string()));
  DataSet data;
  data.name = description.name;
  data.folder = folder;
  data.labels = description.labels;
  data.lost_pictures = description.lost_pictures;
  data.sha256 = sha256_file(posts);
  stated = description.sha256;
  PostReader reader(&data.labels, /*ids_given=*/true);
  read_all(posts, reader, fault, {}, data, /*leave_out_empty=*/false);
  return data;
}

// Gives the labels that the posts have their numbers: alphabetical order, whole numbers by size.
void number_labels(DataSet& data) {
  const auto before = [](const std::string& a, const std::string& b) {
    const auto left = whole_number(a), right = whole_number(b);
    if (left.has_value() != right.has_value()) return left.has_value();
    return left && *left != *right ? *left < *right : a < b;
  };
  std::map<std::string, int64_t, decltype(before)> ids(before);
  for (const auto& post : data.posts) {
    if (!post.label.empty()) ids[post.label] = 0;
  }
  for (auto& [label, id] : ids) {
    id = static_cast<int64_t>(data.labels.size());
    data.labels.push_back(label);
  }
  for (auto& post : data.posts) {
    if (!post.label.empty()) post.label_id = ids.at(post.label);
  }
}

// What a table is trained on without prepare's questions: labels that look like an accident are said.
void warn_of_labels(const DataSet& data, const fs::path& name) {
  if (data.rows_of(Split::kTrain).empty()) return;
  for (const auto& odd : odd_labels(label_totals(data))) log_warning("{}: {}", name.string(), odd);
}

// What the posts of tars are known by: their fields and where their pictures lie, as posts.jsonl would hold them.
std::string sha256_of_posts(const DataSet& data) {
  std::string all = nlohmann::json(data.labels).dump();
  for (const Post& post : data.posts) {
    const FileSpan image(post.image.file.filename(), post.image.offset, post.image.length);
    all += nlohmann::json{post.id, post.text, image.string(), post.label, split_name(post.split)}.dump() + "\n";
  }
  return sha256_hex(all);
}

// By the files alone: pictures of Parquet lie nowhere that could be named.
std::string sha256_of_files(const std::vector<fs::path>& tables) {
  std::string all;
  for (const fs::path& table : tables) all += sha256_file(table) + "\n";
  return sha256_hex(all);
}

// What a schema says that the labels are, of all tables alike; empty where none says it.
std::vector<std::string> labels_stated_by(const std::vector<fs::path>& tables, const TableReading& reading) {
  std::vector<std::string> labels;
  for (const fs::path& table : tables) {
    std::vector<std::string> stated = stated_labels(table, reading);
    if (&table != &tables.front() && stated != labels)
      throw DataError(fmt::format("{}: its schema names the labels {}, that of {} names {}; they must be the same", table.string(),
                                  fmt::join(stated, ", "), tables.front().string(), fmt::join(labels, ", ")));
    labels = std::move(stated);
  }
  return labels;
}

DataSet read_tables(const fs::path& name, const std::vector<fs::path>& tables, const RowFaultSink& fault, const TableReading& reading) {
  DataSet data;
  const bool image_folder = tables.size() == 1 && fs::is_directory(tables.front());
  data.folder = image_folder ? tables.front() : tables.front().parent_path();
  const bool tars = std::all_of(tables.begin(), tables.end(), is_tar);
  // Beside tars, a dataset.json names the labels.
  const bool described = tars && fs::exists(data.folder / kDescriptionFile);
  data.name = fs::is_directory(name) ? last_name(name) : tables.front().stem().string();
  if (described) {
    Description description = read_description(data.folder);
    data.name = description.name;
    data.labels = std::move(description.labels);
  } else {
    data.labels = labels_stated_by(tables, reading);
  }
  const bool named = !data.labels.empty();
  PostReader reader(named ? &data.labels : nullptr, /*ids_given=*/tars);
  for (const fs::path& table : tables) {
    require_columns(table, {"label", "split"}, reading);
    read_all(table, reader, fault, reading, data, /*leave_out_empty=*/!fault);
  }
  if (!named) number_labels(data);
  const bool parquet = std::any_of(tables.begin(), tables.end(), is_parquet);
  data.sha256 = parquet && tables.size() > 1                ? sha256_of_files(tables)
                : tars || image_folder || tables.size() > 1 ? sha256_of_posts(data)
                                                            : sha256_file(tables.front());
  return data;
}

}  // namespace

std::string id_fault(const std::string& id) {
  constexpr size_t kLongest = 200;  // file systems stop at 255 bytes, and an extension follows
  if (id.empty()) return "is empty; every post needs an id of its own";
  if (id == "." || id == "..") return fmt::format("is \"{}\", which names a folder", id);
  if (id.size() > kLongest) return fmt::format("has {} bytes, at most {} are allowed", id.size(), kLongest);
  for (const char c : id) {
    if (c == '/' || c == '\\') return fmt::format("\"{}\" holds '{}', which would make it a path; use a plain name", id, c);
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F)
      return fmt::format("holds the control character 0x{:02X}", static_cast<unsigned char>(c));
  }
  return find_invalid_utf8(id) == std::string::npos ? "" : "is not UTF-8";
}

DataSet read_data_set(const fs::path& path, const TableReading& reading) {
  std::string stated;
  DataSet data = read_data_set(path, nullptr, stated, reading);
  if (stated.empty()) warn_of_labels(data, path);
  if (!stated.empty() && stated != data.sha256) {
    log_warning("{}: {} was changed after {} was written (SHA-256 {}, stated {}); infig verify-data says what it holds now", path.string(),
                kPostsFile, kDescriptionFile, data.sha256, stated);
  }
  return data;
}

DataSet read_data_set(const fs::path& path, const RowFaultSink& fault, std::string& stated_sha256, const TableReading& reading) {
  stated_sha256.clear();
  const bool folder = fs::is_directory(path);
  if (!folder && !fs::exists(path) && !is_pattern(path))
    throw DataError(fmt::format("{}: no such data set; infig prepare makes one", path.string()));
  const bool bare = folder && !fs::exists(path / kPostsFile) && tars_in(path).empty();
  const bool prepared =
      folder && (fs::exists(path / kPostsFile) ||
                 (bare && (fs::exists(path / kDescriptionFile) || (parquet_files_in(path).empty() && !is_image_folder(path)))));
  if (prepared && !reading.columns.empty())
    throw ConfigError(
        fmt::format("--columns: {} is a data set that prepare wrote, whose columns have their names; leave it out", path.string()));
  if (bare && !fs::exists(path / kDescriptionFile)) refuse_folder_of_data_sets(path);
  TableNotes notes;
  TableReading noted = reading;
  noted.notes = &notes;
  DataSet data = prepared ? read_folder(path, fault, stated_sha256) : read_tables(path, tables_of(path), fault, noted);
  notes.say();
  data.named = path;
  if (data.posts.empty() && !fault) throw DataError(fmt::format("{}: holds no posts", path.string()));
  return data;
}

std::vector<std::string> label_names_in(const fs::path& folder) {
  return fs::exists(folder / kDescriptionFile) ? read_description(folder).labels : std::vector<std::string>();
}

LostPictures lost_pictures_of(const fs::path& name) {
  const fs::path folder = name.filename() == kPostsFile ? name.parent_path() : name;
  const bool prepared = fs::exists(folder / kPostsFile) && fs::exists(folder / kDescriptionFile);
  return prepared ? read_description(folder).lost_pictures : LostPictures();
}

std::vector<Post> read_posts(const fs::path& path, const TableReading& reading) {
  if (fs::is_directory(path) && fs::exists(path / kPostsFile)) return read_data_set(path).posts;
  std::vector<Post> posts;
  TableNotes notes;
  TableReading noted = reading;
  noted.notes = &notes;
  for (const fs::path& table : tables_of(path)) {
    const auto present = table_columns(table, reading);
    if (!present.contains("text") && !present.contains("image")) {
      throw DataError(
          fmt::format("{}, header: neither a column \"text\" nor a column \"image\"; expected at least one of them", table.string()));
    }
    for_each_row(
        table,
        [&](PostRow&& row) {
          Post post;
          post.id = row.id && !row.id->empty() ? std::move(*row.id) : fmt::format("{}", posts.size() + 1);
          post.text = std::move(row.text).value_or("");
          post.attributes = std::move(row.attributes);
          post.image = row.picture ? kept_pictures().add(*row.picture) : picture_of(row, table);
          post.label = std::move(row.label).value_or("");
          posts.push_back(std::move(post));
        },
        nullptr, noted);
  }
  notes.say();
  return posts;
}

}  // namespace infig
