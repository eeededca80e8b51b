// What the tests of tokenizers share: golden folders, copies of them, and what loading one says.
#pragma once

#include <filesystem>
#include <string>

#include "core/error.h"
#include "reference/temporary_folder.h"
#include "text/tokenizer.h"

namespace infig {

inline const std::filesystem::path kGolden = std::filesystem::path(INFIG_SOURCE_DIR) / "tests/golden/text";

class Folder : public reference::TemporaryFolder {
 public:
  Folder() : TemporaryFolder("published") {}
  explicit Folder(const std::filesystem::path& from) : Folder() {
    std::filesystem::copy(from, path(), std::filesystem::copy_options::recursive | std::filesystem::copy_options::overwrite_existing);
  }
};

// What loading `folder` says; empty where it loads.
inline std::string load_error(const std::filesystem::path& folder) {
  try {
    load_tokenizer(folder);
  } catch (const CheckpointError& error) {
    return error.what();
  }
  return "";
}

}  // namespace infig
