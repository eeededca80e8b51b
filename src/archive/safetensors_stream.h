// A safetensors file with one tensor, written piece by piece: for what does not fit into memory at once.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "archive/safetensors.h"
#include "core/files.h"

namespace infig {

// What such a file begins with: the tensor's bytes follow. `bytes` receives their number. Throws ShapeError for an impossible shape;
// `path` is the file's name in its message.
std::string safetensors_beginning(const std::filesystem::path& path, const std::string& name, DType dtype,
                                  const std::vector<int64_t>& shape, const std::map<std::string, std::string>& metadata, uint64_t& bytes);

class SafetensorsStream {
 public:
  // Throws ResourceError where the file cannot be made, ShapeError for an impossible shape.
  SafetensorsStream(const std::filesystem::path& path, const std::string& name, DType dtype, const std::vector<int64_t>& shape,
                    const std::map<std::string, std::string>& metadata);
  void append(std::span<const std::byte> bytes);
  void commit();  // throws ShapeError unless as many bytes were appended as shape and dtype say; ResourceError as AtomicFile does

 private:
  AtomicFile file_;
  std::string name_;
  uint64_t missing_ = 0;  // bytes still to come
};

}  // namespace infig
