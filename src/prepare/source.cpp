#include "prepare/source.h"

#include <fmt/format.h>

#include "core/error.h"
#include "core/files.h"

namespace infig {
namespace fs = std::filesystem;

InputFile hash_input(const fs::path& file, const std::string& name) {
  InputFile input{.name = name, .bytes = 0, .sha256 = sha256_file(file)};
  std::error_code code;
  input.bytes = static_cast<int64_t>(fs::file_size(file, code));
  if (code) throw DataError(fmt::format("{}: its size cannot be read: {}", file.string(), code.message()));
  return input;
}

}  // namespace infig
