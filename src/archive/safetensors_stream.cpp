#include "archive/safetensors_stream.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "archive/safetensors_header.h"
#include "core/error.h"

namespace infig {

std::string safetensors_beginning(const std::filesystem::path& path, const std::string& name, DType dtype,
                                  const std::vector<int64_t>& shape, const std::map<std::string, std::string>& metadata, uint64_t& bytes) {
  bytes = static_cast<uint64_t>(dtype_size(dtype));
  for (const int64_t size : shape) {
    if (size < 0 || __builtin_mul_overflow(bytes, static_cast<uint64_t>(size), &bytes))
      throw ShapeError(fmt::format("{}: tensor '{}': impossible shape [{}]", path.string(), name, fmt::join(shape, ", ")));
  }
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header[std::string(kSafetensorsMetadataKey)] = metadata;
  header[name] = {{"dtype", dtype_name(dtype)}, {"shape", shape}, {"data_offsets", {uint64_t{0}, bytes}}};
  std::string json = header.dump();
  json.resize((json.size() + 7) / 8 * 8, ' ');
  std::string length(8, '\0');
  for (size_t i = 0; i < length.size(); ++i) length[i] = static_cast<char>(json.size() >> (8 * i) & 0xff);
  return length + json;
}

SafetensorsStream::SafetensorsStream(const std::filesystem::path& path, const std::string& name, DType dtype,
                                     const std::vector<int64_t>& shape, const std::map<std::string, std::string>& metadata)
    : file_(path), name_(name) {
  file_.stream() << safetensors_beginning(path, name, dtype, shape, metadata, missing_);
}

void SafetensorsStream::append(std::span<const std::byte> bytes) {
  if (bytes.size() > missing_)
    throw ShapeError(fmt::format("tensor '{}': {} bytes appended where {} are missing", name_, bytes.size(), missing_));
  file_.stream().write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  missing_ -= bytes.size();
}

void SafetensorsStream::commit() {
  if (missing_ != 0) throw ShapeError(fmt::format("tensor '{}': {} bytes are missing", name_, missing_));
  file_.commit();
}

}  // namespace infig
