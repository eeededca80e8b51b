#include "core/files.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>

#include <fmt/format.h>

#include "core/error.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

std::string reason() { return std::strerror(errno); }

struct DigestFree {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new()) { EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr); }
  void add(const char* bytes, size_t count) { EVP_DigestUpdate(context_.get(), bytes, count); }
  std::string hex() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int length = 0;
    EVP_DigestFinal_ex(context_.get(), digest.data(), &length);
    std::string text;
    for (unsigned int i = 0; i < length; ++i) text += fmt::format("{:02x}", digest[i]);
    return text;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, DigestFree> context_;
};

}  // namespace

std::string read_file(const fs::path& path) {
  std::error_code code;
  if (fs::is_directory(path, code)) throw DataError(fmt::format("{}: is a folder, expected a file", path.string()));
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) throw DataError(fmt::format("{}: cannot be opened: {}", path.string(), reason()));
  std::string bytes;
  in.seekg(0, std::ios::end);
  const auto size = in.tellg();
  if (size > 0) bytes.resize(static_cast<size_t>(size));
  in.seekg(0);
  in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!in && !bytes.empty()) throw DataError(fmt::format("{}: reading stopped: {}", path.string(), reason()));
  return bytes;
}

AtomicFile::AtomicFile(fs::path target) : target_(std::move(target)) {
  temporary_ = target_;
  temporary_ += fmt::format(".partial-{}", ::getpid());
  errno = 0;
  stream_.open(temporary_, std::ios::binary | std::ios::trunc);
  if (!stream_) throw ResourceError(fmt::format("{}: cannot be created: {}", temporary_.string(), reason()));
}

AtomicFile::~AtomicFile() {
  if (committed_) return;
  stream_.close();
  std::error_code ignored;
  fs::remove(temporary_, ignored);
}

void AtomicFile::commit() {
  errno = 0;
  stream_.flush();
  const bool good = stream_.good();
  stream_.close();
  if (!good || stream_.fail()) {
    throw ResourceError(fmt::format("{}: writing failed: {}; free some space or choose another folder (the old file, if any, is unchanged)",
                                    target_.string(), errno != 0 ? reason() : "the device took no more bytes"));
  }
  sync_path(temporary_);
  std::error_code code;
  fs::rename(temporary_, target_, code);
  if (code) throw ResourceError(fmt::format("{}: cannot be put in place: {}", target_.string(), code.message()));
  committed_ = true;
}

void write_file_atomic(const fs::path& path, std::string_view bytes) {
  AtomicFile file(path);
  file.stream().write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.commit();
}

void sync_path(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) throw ResourceError(fmt::format("{}: cannot be flushed: {}", path.string(), reason()));
  const int result = ::fsync(descriptor);
  const std::string why = reason();
  ::close(descriptor);
  // Some file systems refuse fsync on folders (EINVAL); the data itself was flushed file by file.
  if (result != 0 && errno != EINVAL) throw ResourceError(fmt::format("{}: cannot be flushed: {}", path.string(), why));
}

void make_folder(const fs::path& path) {
  std::error_code code;
  fs::create_directories(path, code);
  if (code || !fs::is_directory(path)) {
    throw ResourceError(fmt::format("{}: the folder cannot be made: {}", path.string(), code ? code.message() : "a file of that name is there"));
  }
}

std::string sha256_hex(std::string_view bytes) {
  Sha256 digest;
  digest.add(bytes.data(), bytes.size());
  return digest.hex();
}

std::string sha256_file(const fs::path& path) {
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) throw DataError(fmt::format("{}: cannot be opened: {}", path.string(), reason()));
  Sha256 digest;
  std::string buffer(1 << 18, '\0');
  while (in) {
    in.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    digest.add(buffer.data(), static_cast<size_t>(in.gcount()));
  }
  return digest.hex();
}

StagingFolder::StagingFolder(fs::path target) : target_(std::move(target)) {
  if (!target_.has_filename()) target_ = target_.parent_path();  // "out/" is "out"
  temporary_ = target_;
  temporary_ += fmt::format(".partial-{}", ::getpid());
  make_folder(temporary_);
}

StagingFolder::~StagingFolder() {
  if (kept_) return;
  std::error_code ignored;
  fs::remove_all(temporary_, ignored);
}

void StagingFolder::keep() {
  for (const auto& entry : fs::recursive_directory_iterator(temporary_)) {
    if (entry.is_regular_file() && !entry.is_symlink()) sync_path(entry.path());
  }
  sync_path(temporary_);
  std::error_code code;
  fs::rename(temporary_, target_, code);
  if (code) throw ResourceError(fmt::format("{}: cannot be put in place: {}", target_.string(), code.message()));
  kept_ = true;
  if (target_.has_parent_path()) sync_path(target_.parent_path());
}

}  // namespace infig
