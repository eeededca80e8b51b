#include "data/image_folder.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <system_error>

#include "core/error.h"
#include "core/files.h"
#include "core/words.h"
#include "data/parquet/parquet_rows.h"
#include "data/post.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

bool is_picture_file(const fs::path& path) {
  const std::string extension = lower_extension_of(path);
  return extension.size() > 1 && is_picture_extension(std::string_view(extension).substr(1));
}

bool is_metadata_file(const fs::path& path) {
  const std::string name = path.filename().string();
  return name == "metadata.csv" || name == "metadata.jsonl" || name == "metadata.parquet";
}

// Calls `take` for every file, in no order, until it says false.
template <typename Take>
void walk_files(const fs::path& folder, Take&& take) {
  std::error_code code;
  const auto skip = fs::directory_options::skip_permission_denied;
  auto at = fs::recursive_directory_iterator(folder, skip, code);
  if (code) throw DataError(fmt::format("{}: cannot be read: {}", folder.string(), code.message()));
  for (; at != fs::recursive_directory_iterator(); ++at) {
    const bool hidden = at->path().filename().string().starts_with('.');
    if (hidden && at->is_directory()) at.disable_recursion_pending();
    if (!hidden && at->is_regular_file(code) && !take(at->path())) return;
  }
}

// What the folders on the way to a picture say of it.
struct FolderFacts {
  std::string split, label;
};
FolderFacts facts_of_path(const fs::path& relative) {
  FolderFacts facts;
  for (const fs::path& part : relative.parent_path()) {
    if (part == "." || part.empty()) continue;
    const std::string split = split_called(part.string());
    if (!split.empty() && facts.split.empty()) {
      facts.split = split;
    } else {
      facts.label = part.string();  // the folder of a class
    }
  }
  return facts;
}

class ImageFolder {
 public:
  ImageFolder(const fs::path& folder, const TableReading& reading, const RowTake& take) : folder_(folder), reading_(reading), take_(take) {
    walk_files(folder, [this](const fs::path& file) {
      const fs::path relative = file.lexically_relative(folder_);
      if (is_metadata_file(file)) {
        tables_.push_back(relative);
      } else if (is_picture_file(file)) {
        pictures_.push_back(relative.generic_string());
      } else {
        ++others_[lower_extension_of(file)];
      }
      return true;
    });
    std::sort(tables_.begin(), tables_.end());
    std::sort(pictures_.begin(), pictures_.end());
  }

  void run() {
    if (pictures_.empty() && tables_.empty())
      throw DataError(fmt::format("{}: is a folder that holds neither pictures nor metadata.csv, .jsonl or .parquet", folder_.string()));
    for (const fs::path& table : tables_) read_metadata(table);
    if (tables_.empty()) {
      for (const std::string& picture : pictures_) {
        take_(++rows_, [&] {
          PostRow row;
          fill(row, picture, /*label_too=*/true);
          return row;
        });
      }
    }
    say();
  }

 private:
  void read_metadata(const fs::path& table) {
    const fs::path path = folder_ / table;
    TableReading reading = reading_;
    reading.format.clear();
    const bool label_too = !table_columns(path, reading).contains("label") || lower_extension_of(path) == ".jsonl";
    const bool has_lines = !is_parquet(path);
    const RowTake take = [&](int64_t place, const std::function<PostRow()>& parse) {
      take_(++rows_, [&] {
        try {
          PostRow row = parse();
          if (!row.image || row.image->empty()) throw RowFault{"no picture: the column file_name is missing or empty"};
          const std::string picture = (table.parent_path() / *row.image).lexically_normal().generic_string();
          named_.insert(picture);
          fill(row, picture, label_too);
          return row;
        } catch (RowFault& fault) {
          throw RowFault{fmt::format("{}: {}", row_place(table, has_lines ? RowAt{.line = place} : RowAt{.number = place}), fault.message)};
        }
      });
    };
    const std::string extension = lower_extension_of(path);
    if (extension == ".csv") return read_delimited(path, reading, take);
    if (extension == ".parquet") return read_parquet(path, reading, take);
    read_json_lines(path, reading, take);
  }

  // What the row does not say, from the picture's path inside the folder.
  void fill(PostRow& row, const std::string& picture, bool label_too) {
    const FolderFacts facts = facts_of_path(picture);
    row.image = (fs::path(last_name(folder_)) / picture).generic_string();
    require_utf8(picture, "the picture's name");
    if (!row.split && !facts.split.empty()) row.split = facts.split;
    if (!row.label && label_too && !facts.label.empty()) row.label = facts.label;
    if (row.id && !row.id->empty()) return;
    std::string id = fs::path(picture).replace_extension().generic_string();
    std::replace(id.begin(), id.end(), '/', '_');
    if (!ids_.insert(id).second) {
      id = picture;
      std::replace(id.begin(), id.end(), '/', '_');
    }
    row.id = id;
  }

  void say() const {
    if (reading_.notes == nullptr) return;
    if (!tables_.empty()) {
      const auto left = std::count_if(pictures_.begin(), pictures_.end(), [this](const auto& one) { return !named_.contains(one); });
      if (left > 0) reading_.notes->add(folder_, "pictures that no metadata table names, not taken", left);
    }
    for (const auto& [extension, count] : others_)
      reading_.notes->add(folder_, fmt::format("files {} that are not taken", extension.empty() ? "without extension" : "*" + extension),
                          count);
  }

  fs::path folder_;
  const TableReading& reading_;
  const RowTake& take_;
  std::vector<fs::path> tables_;
  std::vector<std::string> pictures_;
  std::map<std::string, int64_t> others_;
  std::set<std::string> named_, ids_;
  int64_t rows_ = 0;
};

}  // namespace

bool is_picture_extension(std::string_view extension) {
  constexpr std::array kAll = {"jpg", "jpeg", "png", "webp", "gif", "bmp", "avif", "heic", "heif", "tif", "tiff", "jxl"};
  return std::find(kAll.begin(), kAll.end(), extension) != kAll.end();
}

void refuse_folder_of_data_sets(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (fs::exists(entry.path() / "posts.jsonl") && fs::exists(entry.path() / "dataset.json")) names.push_back(last_name(entry.path()));
  }
  if (names.empty()) return;
  std::sort(names.begin(), names.end());
  const size_t shown = std::min<size_t>(names.size(), 5);
  throw DataError(fmt::format("{}: is no data set, but holds {} ({}{}); give one of them, as {}", folder.string(),
                              counted(static_cast<int64_t>(names.size()), "data set"),
                              fmt::join(names.begin(), names.begin() + static_cast<int64_t>(shown), ", "),
                              names.size() > shown ? ", ..." : "", (folder / names.front()).string()));
}

bool is_image_folder(const fs::path& folder) {
  bool found = false;
  walk_files(folder, [&](const fs::path& file) {
    found = is_picture_file(file) || is_metadata_file(file);
    return !found;
  });
  return found;
}

void read_image_folder(const fs::path& folder, const TableReading& reading, const RowTake& take) {
  ImageFolder(folder, reading, take).run();
}

}  // namespace infig
