// A Parquet file, read row by row through Arrow's C++ library. No other header shows anything of Arrow: a build without it has the same
// functions, each of which says so (parquet_file_absent.cpp). Writing is in parquet_writer.cpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace infig {

enum class ParquetType { kText, kBytes, kWhole, kReal, kBoolean, kOther };

// A leaf of the schema: `image` with a struct of two members is two of them.
struct ParquetColumn {
  std::vector<std::string> path;  // {"image", "bytes"}
  ParquetType type = ParquetType::kOther;
  bool repeated = false;  // it lies in a list
  std::string words;      // its type, for messages
};

class ParquetFile {
 public:
  // Reads the footer. Throws DataError naming the file: cut off, no Parquet, a footer that is broken, or that promises more than 64 rows
  // for every byte of the file; ConfigError where this build has no Arrow.
  explicit ParquetFile(const std::filesystem::path& path);
  ~ParquetFile();
  ParquetFile(const ParquetFile&) = delete;
  ParquetFile& operator=(const ParquetFile&) = delete;

  const std::vector<ParquetColumn>& columns() const;
  std::vector<std::string> names() const;  // of the columns as a table has them, each once, in order
  int64_t rows() const;
  std::optional<std::string> metadata(const std::string& key) const;  // of the file

  // From now on next() gives these columns, from the first row on. None may be repeated or kOther.
  void select(const std::vector<size_t>& columns);
  // The next row; false behind the last one. `values`: as bytes; numbers in decimal (whole reals as "1.0"), booleans as true and false;
  // nothing where the row has none. Memory: a page of each column, of all row groups one at a time; never more than 64 MiB and 100 times
  // the file's size. Throws DataError naming file and row group for what cannot be decoded and for fewer rows than are promised.
  bool next(std::vector<std::optional<std::string>>& values);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

// Writes a table of text and number columns, whole or not at all, a row group after the other: memory stays at one of them.
class ParquetWriter {
 public:
  struct Column {
    std::string name;
    bool number = false;  // double, may be null; else text
  };
  // Throws ConfigError where this build has no Arrow, ResourceError for what cannot be written.
  ParquetWriter(const std::filesystem::path& path, const std::vector<Column>& columns);
  ~ParquetWriter();
  ParquetWriter(const ParquetWriter&) = delete;
  ParquetWriter& operator=(const ParquetWriter&) = delete;

  // Texts and numbers in the order of the columns of their kind.
  void add(const std::vector<std::string>& texts, const std::vector<std::optional<double>>& numbers);
  void commit();  // throws ResourceError

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

bool parquet_is_built_in();
void require_parquet(const std::string& what);  // throws ConfigError "WHAT: ..." where it is not, with what to do

}  // namespace infig
