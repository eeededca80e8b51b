// Which column of a table, or key of an object, is which field of a post; and what the others look like.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "data/table_reading.h"

namespace infig {

// The fields of a post, in the order in which messages name them.
const std::vector<std::string>& post_fields();  // id, text, image, label, split

// The field that a column means by its name alone, whatever its case and the blanks round it:
//   id     id guid                            text   text caption tweet          image  image img image_path file_name
//   label  label labels sentiment class       split  split
std::optional<std::string> field_called(std::string_view name);

// Columns of a header, or keys of an object, by the field that they hold.
struct ColumnChoice {
  std::map<std::string, size_t> places = {};  // field -> index among the names
  std::string fault = {};                     // why they cannot be told apart, with what to do; then `places` is of no use
};
// What `asked` (field -> name, TableReading::columns) says goes before everything: as the name is written, else in any case. Then a field's
// own name in lower case, then in any case, then its other names; two columns that could equally be one field are a fault, as is one that
// is asked for and absent, unless `may_lack`.
ColumnChoice choose_columns(const std::vector<std::string>& names, const std::map<std::string, std::string>& asked, bool may_lack);

// What the columns look like that are not used, from the first rows of a table.
class ColumnLooks {
 public:
  static constexpr int64_t kRows = 500;                                               // so many are enough
  explicit ColumnLooks(std::filesystem::path folder) : folder_(std::move(folder)) {}  // that paths in cells would start from
  void see(const std::string& column, std::string_view value);
  // "img: names 6 files that exist", "lang: 2 different values (de, en)", "url: web addresses", "n: numbers", "note: texts". No line where
  // every column is used.
  std::vector<std::string> words() const;

 private:
  struct Look {
    int64_t values = 0, files = 0, addresses = 0, numbers = 0;
    std::set<std::string> distinct;
  };
  static constexpr size_t kMostColumns = 40, kMostDistinct = 6;
  std::filesystem::path folder_;
  std::vector<std::string> order_;
  std::map<std::string, Look> looks_;
};

// What a reader says when it is through a table: which columns go by another name, and which are not used.
void note_columns(const std::filesystem::path& table, const std::map<std::string, std::string>& used, const ColumnLooks& looks,
                  TableNotes& notes);

}  // namespace infig
