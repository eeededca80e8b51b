// In place of parquet_file.cpp and parquet_writer.cpp where the build found no Arrow.
#include <fmt/format.h>

#include "core/error.h"
#include "data/parquet/parquet_file.h"

namespace infig {

struct ParquetFile::Parts {};
struct ParquetWriter::Parts {};

bool parquet_is_built_in() { return false; }

void require_parquet(const std::string& what) {
  throw ConfigError(
      fmt::format("{}: this infig was built without Parquet: Arrow's C++ library (the pyarrow wheel of tools/requirements-parquet.txt) was "
                  "not there. Run "
                  "tools/setup.sh and build again, or use JSONL",
                  what));
}

ParquetFile::ParquetFile(const std::filesystem::path& path) { require_parquet(path.string()); }
ParquetFile::~ParquetFile() = default;
const std::vector<ParquetColumn>& ParquetFile::columns() const {
  static const std::vector<ParquetColumn> kNone;
  return kNone;
}
std::vector<std::string> ParquetFile::names() const { return {}; }
int64_t ParquetFile::rows() const { return 0; }
std::optional<std::string> ParquetFile::metadata(const std::string&) const { return std::nullopt; }
void ParquetFile::select(const std::vector<size_t>&) {}
bool ParquetFile::next(std::vector<std::optional<std::string>>&) { return false; }

ParquetWriter::ParquetWriter(const std::filesystem::path& path, const std::vector<Column>&) { require_parquet(path.string()); }
ParquetWriter::~ParquetWriter() = default;
void ParquetWriter::add(const std::vector<std::string>&, const std::vector<std::optional<double>>&) {}
void ParquetWriter::commit() {}

}  // namespace infig
