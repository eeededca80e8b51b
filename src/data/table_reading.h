// How tables are to be read where their headers and extensions do not say it all, and what is to be said of them afterwards.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace infig {

// Quotes round the cells of CSV and TSV.
enum class Quoting {
  kAuto,  // as the table shows (rows.h); of standard input, which is read once, as kCsv
  kNone,  // a quote is a character like any other
  kCsv,   // a cell that begins with a quote goes up to the quote that stands before a separator or a line's end; doubled inside
};
Quoting parse_quoting(const std::string& word);  // "auto", "none", "csv"; throws ConfigError

// What was found worth saying while tables were read: columns that go by another name, columns and members that are not used, a reading
// without quotes. The same of several tables is one line.
class TableNotes {
 public:
  // `count`: how many there were of it, added up over the tables; 0: it is not counted.
  void add(const std::filesystem::path& table, const std::string& what, int64_t count = 0);
  // "posts.csv: label is the column \"sentiment\""; "a.tar and 3 more: members ...: 12". In the order in which they were added.
  // `folders`: whether tables are named with theirs, as the user named them.
  std::vector<std::string> lines(bool folders = true) const;
  void say() const;  // each line to the log

 private:
  struct Note {
    std::string first, last, what;  // tables
    int64_t tables = 0, count = 0;
  };
  std::vector<Note> notes_;
};

struct TableReading {
  std::string format = {};  // "jsonl", "csv", "tsv", "tar" or "parquet" whatever the extension says; empty: by the extension
  std::map<std::string, std::string> columns = {};  // field (id, text, image, label, split) -> the column or key that holds it
  std::map<std::string, std::string> members = {};  // of tars: field (image, text, label, json) -> the members' extension, "input.jpg"
  Quoting quoting = Quoting::kAuto;
  TableNotes* notes = nullptr;  // gets what is worth saying; null: nothing is looked for
};

// "text=tweet", "image=img" -> columns; "image=input.jpg" -> members, whose extensions become lower case and lose a dot in front. Throws
// ConfigError for what is no pair, for a field that there is not, and for one that is named twice.
std::map<std::string, std::string> parse_columns(const std::vector<std::string>& pairs);
std::map<std::string, std::string> parse_members(const std::vector<std::string>& pairs);

}  // namespace infig
