#include <arrow/io/interfaces.h>
#include <arrow/memory_pool.h>
#include <arrow/status.h>
#include <fmt/format.h>
#include <parquet/column_writer.h>
#include <parquet/exception.h>
#include <parquet/file_writer.h>
#include <parquet/schema.h>

#include <exception>
#include <ostream>
#include <utility>

#include "core/error.h"
#include "core/files.h"
#include "data/parquet/parquet_file.h"

namespace infig {
namespace {

// Arrow writes into a stream of ours.
class StreamOutput : public arrow::io::OutputStream {
 public:
  explicit StreamOutput(std::ostream& out) : out_(out) {}
  arrow::Status Write(const void* data, int64_t bytes) override {
    out_.write(static_cast<const char*>(data), bytes);
    written_ += bytes;
    return out_ ? arrow::Status::OK() : arrow::Status::IOError("writing failed");
  }
  arrow::Result<int64_t> Tell() const override { return written_; }
  arrow::Status Close() override {
    closed_ = true;
    return arrow::Status::OK();
  }
  bool closed() const override { return closed_; }

 private:
  std::ostream& out_;
  int64_t written_ = 0;
  bool closed_ = false;
};

std::shared_ptr<parquet::schema::GroupNode> schema_of(const std::vector<ParquetWriter::Column>& columns) {
  parquet::schema::NodeVector fields;
  for (const auto& column : columns) {
    fields.push_back(column.number ? parquet::schema::PrimitiveNode::Make(column.name, parquet::Repetition::OPTIONAL, parquet::Type::DOUBLE)
                                   : parquet::schema::PrimitiveNode::Make(column.name, parquet::Repetition::REQUIRED,
                                                                          parquet::LogicalType::String(), parquet::Type::BYTE_ARRAY));
  }
  return std::static_pointer_cast<parquet::schema::GroupNode>(
      parquet::schema::GroupNode::Make("schema", parquet::Repetition::REQUIRED, fields));
}

}  // namespace

struct ParquetWriter::Parts {
  static constexpr size_t kRowGroup = 65536;  // rows held in memory
  static constexpr size_t kRowGroupBytes = size_t{64} << 20;

  Parts(const std::filesystem::path& target, const std::vector<Column>& all) : path(target), columns(all), file(target) {
    guarded([&] {
      output = std::make_shared<StreamOutput>(file.stream());
      parquet::WriterProperties::Builder properties;
      properties.memory_pool(arrow::system_memory_pool())->compression(parquet::Compression::SNAPPY);
      writer = parquet::ParquetFileWriter::Open(output, schema_of(columns), properties.build());
    });
  }

  template <typename Work>
  void guarded(Work&& work) {
    try {
      work();
    } catch (const parquet::ParquetException& error) {
      throw ResourceError(fmt::format("{}: writing failed: {}", path.string(), error.what()));
    }
  }

  void flush() {
    if (texts.empty() && numbers.empty()) return;
    guarded([this] {
      parquet::RowGroupWriter& group = *writer->AppendRowGroup();
      size_t text = 0, number = 0;
      for (const Column& column : columns) {
        if (column.number) {
          write_numbers(static_cast<parquet::DoubleWriter&>(*group.NextColumn()), number++);
        } else {
          write_texts(static_cast<parquet::ByteArrayWriter&>(*group.NextColumn()), text++);
        }
      }
      group.Close();
    });
    texts.clear();
    numbers.clear();
    bytes = 0;
  }

  void write_texts(parquet::ByteArrayWriter& to, size_t place) const {
    std::vector<parquet::ByteArray> values;
    for (const auto& row : texts) values.emplace_back(std::string_view(row[place]));
    to.WriteBatch(static_cast<int64_t>(values.size()), nullptr, nullptr, values.data());
    to.Close();
  }
  void write_numbers(parquet::DoubleWriter& to, size_t place) const {
    std::vector<double> values;
    std::vector<int16_t> levels;
    for (const auto& row : numbers) {
      levels.push_back(row[place] ? 1 : 0);
      if (row[place]) values.push_back(*row[place]);
    }
    to.WriteBatch(static_cast<int64_t>(levels.size()), levels.data(), nullptr, values.data());
    to.Close();
  }

  std::filesystem::path path;
  std::vector<Column> columns;
  AtomicFile file;
  std::shared_ptr<StreamOutput> output;
  std::unique_ptr<parquet::ParquetFileWriter> writer;
  std::vector<std::vector<std::string>> texts;  // of the rows of the present row group
  std::vector<std::vector<std::optional<double>>> numbers;
  size_t bytes = 0;
};

ParquetWriter::ParquetWriter(const std::filesystem::path& path, const std::vector<Column>& columns)
    : parts_(std::make_unique<Parts>(path, columns)) {}

// Arrow's own destructor would write a footer and may throw.
ParquetWriter::~ParquetWriter() {
  try {
    if (parts_->writer != nullptr) parts_->writer->Close();
  } catch (const std::exception&) {
    parts_.reset();  // the file was not committed, and goes
  }
}

void ParquetWriter::add(const std::vector<std::string>& texts, const std::vector<std::optional<double>>& numbers) {
  for (const std::string& text : texts) parts_->bytes += text.size();
  parts_->texts.push_back(texts);
  parts_->numbers.push_back(numbers);
  if (parts_->texts.size() == Parts::kRowGroup || parts_->bytes >= Parts::kRowGroupBytes) parts_->flush();
}

void ParquetWriter::commit() {
  parts_->flush();
  parts_->guarded([this] { parts_->writer->Close(); });
  parts_->writer.reset();
  parts_->file.commit();
}

}  // namespace infig
