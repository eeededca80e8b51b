// safetensors files: bytes -> names, types, shapes, spans. Free of torch. Writing is deterministic: tensors in name order, metadata in
// key order, no time, host or path: equal content is equal bytes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace infig {

enum class DType { kBool, kU8, kI8, kI16, kI32, kI64, kF16, kBF16, kF32, kF64 };

int64_t dtype_size(DType type);         // bytes of one element
const char* dtype_name(DType type);     // "F32", "I64", ... as the format writes them

struct TensorView {
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;
  std::span<const std::byte> data;      // little-endian, contiguous
};

// A memory-mapped file. Views stay valid while the object lives. Opening checks everything before it trusts anything: header length,
// JSON, dtypes, that each shape's size equals its span, that spans tile the buffer without overlap or hole, and that nothing
// lies outside the file. Throws CheckpointError naming file and key.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::filesystem::path& path);
  ~SafetensorsFile();
  SafetensorsFile(SafetensorsFile&&) noexcept;
  SafetensorsFile& operator=(SafetensorsFile&&) noexcept;

  const std::map<std::string, TensorView>& tensors() const;
  const std::map<std::string, std::string>& metadata() const;
  const std::filesystem::path& path() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Parses a header and buffer that lie in memory (the file reader uses it; so do the fuzzers). `where` names the source in errors.
std::map<std::string, TensorView> parse_safetensors(std::span<const std::byte> bytes, const std::string& where,
                                                    std::map<std::string, std::string>* metadata);

// Writes atomically. Views must be contiguous. Throws ResourceError.
void write_safetensors(const std::filesystem::path& path, const std::map<std::string, TensorView>& tensors,
                       const std::map<std::string, std::string>& metadata);

}  // namespace infig
