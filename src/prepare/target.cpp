#include "prepare/target.h"

#include <fmt/format.h>
#include <unistd.h>

#include <system_error>

#include "core/error.h"

namespace infig {
namespace fs = std::filesystem;

const char* picture_transfer_name(PictureTransfer transfer) {
  switch (transfer) {
    case PictureTransfer::kHardLink:
      return "hard_link";
    case PictureTransfer::kCopy:
      return "copy";
    case PictureTransfer::kSymlink:
      return "symlink";
  }
  return "";
}

fs::path check_target(fs::path out, bool overwrite) {
  if (out.empty()) throw ConfigError("out: the path of the data set folder is empty");
  out = fs::absolute(out).lexically_normal();
  if (!out.has_filename()) out = out.parent_path();  // "out/" is "out"
  std::error_code code;
  if (!fs::exists(fs::symlink_status(out, code))) return out;
  if (!fs::is_directory(out)) throw DataError(fmt::format("{}: exists and is not a folder; choose another --out", out.string()));
  if (fs::is_empty(out)) return out;
  if (!overwrite) throw DataError(fmt::format("{}: exists already; choose another --out, or give --overwrite to replace it", out.string()));
  if (!fs::exists(out / "dataset.json")) {
    throw DataError(
        fmt::format("{}: holds no dataset.json, so it is not a data set and is not replaced; choose another --out", out.string()));
  }
  return out;
}

bool transfer_picture(const fs::path& source, const fs::path& target, PictureTransfer transfer) {
  std::error_code code;
  const fs::path real = fs::canonical(source, code);  // a hard link to a symbolic link would break with it
  if (code || !fs::is_regular_file(real, code) || ::access(real.c_str(), R_OK) != 0) return false;
  fs::remove(target, code);  // of an earlier run that was killed; it may be half a copy
  code.clear();
  if (transfer == PictureTransfer::kSymlink) {
    fs::create_symlink(real, target, code);
  } else {
    if (transfer == PictureTransfer::kHardLink) fs::create_hard_link(real, target, code);
    if (transfer == PictureTransfer::kCopy || code) {
      code.clear();
      fs::copy_file(real, target, code);
    }
  }
  if (code)
    throw ResourceError(
        fmt::format("{}: cannot be put into the data set as images/{}: {}", source.string(), target.filename().string(), code.message()));
  return true;
}

DataSetTarget::DataSetTarget(const fs::path& out, bool overwrite)
    : staging_(std::make_unique<StagingFolder>(check_target(out, overwrite))) {}

fs::path DataSetTarget::add_picture(const fs::path& source, const std::string& name, PictureTransfer transfer) {
  make_folder(folder() / "images");
  const fs::path target = folder() / "images" / name;
  return transfer_picture(source, target, transfer) ? target : fs::path();
}

void DataSetTarget::keep() { staging_->replace(); }

}  // namespace infig
