#include "data/target.h"

#include <fmt/format.h>
#include <unistd.h>

#include <system_error>

#include "core/error.h"

namespace infig {
namespace fs = std::filesystem;

DataSetTarget::DataSetTarget(fs::path out, bool overwrite) {
  if (out.empty()) throw ConfigError("out: the path of the data set folder is empty");
  out = fs::absolute(out).lexically_normal();
  if (!out.has_filename()) out = out.parent_path();  // "out/" is "out"
  std::error_code code;
  if (fs::exists(fs::symlink_status(out, code))) {
    if (!fs::is_directory(out)) throw DataError(fmt::format("{}: exists and is no folder; choose another --out", out.string()));
    if (!fs::is_empty(out)) {
      if (!overwrite)
        throw DataError(fmt::format("{}: exists already; choose another --out, or give --overwrite to replace it", out.string()));
      if (!fs::exists(out / "dataset.json")) {
        throw DataError(
            fmt::format("{}: holds no dataset.json, so it is no data set and is not replaced; choose another --out", out.string()));
      }
    }
  }
  staging_ = std::make_unique<StagingFolder>(out);
}

fs::path DataSetTarget::add_picture(const fs::path& source, const std::string& name, PictureTransfer transfer) {
  std::error_code code;
  const fs::path real = fs::canonical(source, code);  // a hard link to a symbolic link would break with it
  if (code || !fs::is_regular_file(real, code) || ::access(real.c_str(), R_OK) != 0) return {};
  const fs::path images = folder() / "images";
  make_folder(images);
  const fs::path target = images / name;
  if (transfer == PictureTransfer::kSymlink) {
    fs::create_symlink(real, target, code);
  } else {
    if (transfer == PictureTransfer::kHardLink) fs::create_hard_link(real, target, code);
    if (transfer == PictureTransfer::kCopy || code) fs::copy_file(real, target, code);
  }
  if (code) throw ResourceError(fmt::format("{}: cannot be put into the data set as images/{}: {}", source.string(), name, code.message()));
  return target;
}

void DataSetTarget::keep() { staging_->replace(); }

}  // namespace infig
