// Reads a golden file that is committed compressed (NAME.gz), which keeps all of them under the house's limit.
#pragma once

#include <zlib.h>

#include <array>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>

namespace infig::reference {

inline std::string gunzip(const std::filesystem::path& path) {
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzopen(path.c_str(), "rb"), gzclose);
  if (file == nullptr) throw std::runtime_error(path.string() + ": cannot be opened");
  std::string bytes;
  std::array<char, 1 << 16> part{};
  int got = 0;
  while ((got = gzread(file.get(), part.data(), part.size())) > 0) bytes.append(part.data(), static_cast<size_t>(got));
  if (got < 0 || bytes.empty()) throw std::runtime_error(path.string() + ": cannot be decompressed");
  return bytes;
}

}  // namespace infig::reference
