#include "posts/parquet_predictions.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "core/error.h"
#include "data/line_reader.h"
#include "data/parquet/parquet_file.h"
#include "data/rows.h"

namespace infig {

void write_parquet_predictions(const std::filesystem::path& lines, const std::filesystem::path& target,
                               const std::vector<std::string>& labels) {
  std::vector<ParquetWriter::Column> columns = {{"id"}, {"label"}, {"prediction"}};
  for (const std::string& label : labels) columns.push_back({"p_" + label, /*number=*/true});
  columns.insert(columns.end(), {{"error"}, {"note"}});
  ParquetWriter writer(target, columns);
  LineReader reader(lines);
  std::string line;
  while (reader.next(line)) {
    try {
      const auto row = nlohmann::json::parse(line);
      std::vector<std::string> texts;
      for (const char* name : {"id", "label", "prediction", "error", "note"}) texts.push_back(row.at(name).get<std::string>());
      std::vector<std::optional<double>> numbers;
      for (const std::string& label : labels) {
        const auto& value = row.at("p_" + label);
        numbers.push_back(value.is_null() ? std::nullopt : std::optional(value.get<double>()));
      }
      writer.add(texts, numbers);
    } catch (const nlohmann::json::exception& error) {
      throw DataError(
          fmt::format("{}: is no line of a prediction ({}); begin anew with --restart", line_place(lines, reader.number()), error.what()));
    }
  }
  writer.commit();
}

}  // namespace infig
