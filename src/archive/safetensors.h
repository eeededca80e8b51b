// safetensors files: bytes -> names, types, shapes, spans. Free of torch. Writing is deterministic: tensors ordered as the reference
// implementation orders them (U64 I64 F64 F32 U32 I32 BF16 F16 U16 I16 I8 U8 BOOL, inside a dtype by name; so every tensor is aligned to
// its element), metadata in key order, no time, host or path: equal content is equal bytes. Reading is in safetensors.cpp, writing in
// safetensors_write.cpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace infig {

enum class DType { kBool, kU8, kI8, kI16, kI32, kI64, kF16, kBF16, kF32, kF64, kU16, kU32, kU64 };

int64_t dtype_size(DType type);      // bytes of one element
const char* dtype_name(DType type);  // "F32", "I64", ... as the format writes them

struct TensorView {
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;
  std::span<const std::byte> data;  // little-endian, contiguous; may be unaligned in files of other writers: copy, do not cast
};

// A memory-mapped file. Views stay valid while the object lives and the file is not truncated. Opening checks everything before it trusts
// anything: header length, JSON, dtypes, that each shape's size equals its span, that spans tile the buffer without overlap or hole, and
// that nothing lies outside the file; names and metadata keys occur once; nothing larger than the header (at most 100 MB) is allocated.
// Throws CheckpointError naming file and key.
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

// Where a tensor lies in its file.
struct TensorPlace {
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;
  uint64_t begin = 0, end = 0;  // bytes from the file's start
};

// The same checks on a file of `size` bytes of which only the front lies in memory: its first safetensors_front() bytes.
std::map<std::string, TensorPlace> locate_safetensors(std::span<const std::byte> front, uint64_t size, const std::string& where,
                                                      std::map<std::string, std::string>* metadata);
// Bytes up to the end of the header, by the 8 bytes at the file's start.
uint64_t safetensors_front(std::span<const std::byte> start, uint64_t size, const std::string& where);

// Parses a header and buffer that lie in memory (the file reader uses it; so do the fuzzers). `where` names the source in errors;
// `metadata` may be null. The views point into `bytes`. Throws CheckpointError as above.
std::map<std::string, TensorView> parse_safetensors(std::span<const std::byte> bytes, const std::string& where,
                                                    std::map<std::string, std::string>* metadata);

// Writes atomically. Views must be contiguous. Throws ResourceError where the machine refuses, and ShapeError for a view whose data
// are not as large as its shape and dtype say, a negative size, a tensor called __metadata__, or names that are not UTF-8.
void write_safetensors(const std::filesystem::path& path, const std::map<std::string, TensorView>& tensors,
                       const std::map<std::string, std::string>& metadata);

}  // namespace infig
