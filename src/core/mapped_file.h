// A file mapped into memory for reading: pages are read on first access, and nothing is copied.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

namespace infig {

class MappedFile {
 public:
  // `expected` is what the file should be ("a safetensors file"), for messages. Throws DataError naming the file.
  MappedFile(std::filesystem::path path, const std::string& expected);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;

  // Address unchanged when the object is moved; valid while it lives and as long as the file is not truncated.
  std::span<const std::byte> bytes() const { return {static_cast<const std::byte*>(address_), size_}; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  void* address_ = nullptr;
  size_t size_ = 0;
};

// The pages that lie wholly in this part of a mapped file leave memory; they are read again when they are looked at.
void give_back(std::span<const std::byte> part);

}  // namespace infig
