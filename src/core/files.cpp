#include "core/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <fstream>
#include <memory>
#include <system_error>

#include "core/error.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

// Digest or whole bytes: both read a file piece by piece, since a pipe has no size to ask for.
template <typename Use>
void read_pieces(const fs::path& path, Use&& use) {
  std::error_code code;
  if (fs::is_directory(path, code)) throw DataError(fmt::format("{}: is a folder, expected a file", path.string()));
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) throw DataError(fmt::format("{}: cannot be opened: {}", path.string(), system_words(errno)));
  std::string buffer(1 << 18, '\0');
  while (in) {
    in.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    use(std::string_view(buffer.data(), static_cast<size_t>(in.gcount())));
  }
  if (in.bad()) throw DataError(fmt::format("{}: reading stopped: {}", path.string(), system_words(errno)));
}

// What a file or folder is first written to. The count keeps two writers of one process apart.
std::string temporary_name(const std::string& name) {
  static std::atomic<int64_t> count{0};
  return fmt::format("{}.partial-{}-{}", name, ::getpid(), count++);
}

struct DigestFree {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

class Digest {
 public:
  explicit Digest(const EVP_MD* kind) : context_(EVP_MD_CTX_new()) { EVP_DigestInit_ex(context_.get(), kind, nullptr); }
  void add(const char* bytes, size_t count) { EVP_DigestUpdate(context_.get(), bytes, count); }
  std::string bytes() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int length = 0;
    EVP_DigestFinal_ex(context_.get(), digest.data(), &length);
    return {reinterpret_cast<const char*>(digest.data()), length};
  }
  std::string hex() {
    std::string text;
    for (const char byte : bytes()) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
    return text;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, DigestFree> context_;
};

}  // namespace

std::string read_file(const fs::path& path) {
  std::string bytes;
  std::error_code code;
  const auto size = fs::file_size(path, code);
  if (!code) bytes.reserve(size);
  read_pieces(path, [&bytes](std::string_view piece) { bytes += piece; });
  return bytes;
}

AtomicFile::AtomicFile(const fs::path& target) : target_(target), name_(target.filename().string()) {
  std::error_code code;
  const fs::file_status there = fs::status(target_, code);
  // A rename would put a file in the place of a device, so /dev/stdout and its like are refused.
  if (fs::exists(there) && !fs::is_regular_file(there)) {
    throw ResourceError(
        fmt::format("{}: is a {}, expected the name of a file", target_.string(), fs::is_directory(there) ? "folder" : "device or pipe"));
  }
  const fs::path around = target_.has_parent_path() ? target_.parent_path() : fs::path(".");
  if (!fs::is_directory(around, code)) {
    throw ResourceError(
        fmt::format("{}: cannot be created: {}", target_.string(), system_words(fs::exists(around, code) ? ENOTDIR : ENOENT)));
  }
  folder_.emplace(around);
  create();
}

AtomicFile::AtomicFile(const GuardedFolder& folder, const fs::path& name) : target_(folder.path() / name), name_(name.filename().string()) {
  folder_ = name.has_parent_path() ? folder.folder(name.parent_path()) : folder;
  const auto kind = folder_->kind(name_);
  if (kind == GuardedFolder::Kind::kLink) refuse_link(target_);
  if (kind == GuardedFolder::Kind::kFolder || kind == GuardedFolder::Kind::kOther)
    throw ResourceError(fmt::format("{}: is no file; delete it, or move it away", target_.string()));
  create();
}

void AtomicFile::create() {
  temporary_ = temporary_name(name_);
  folder_->remove(temporary_);  // a killed process of the same number (containers repeat them) may have left its own
  const int descriptor = folder_->open(temporary_, O_WRONLY | O_CREAT | O_EXCL);
  if (descriptor < 0)
    throw ResourceError(fmt::format("{}: cannot be created: {}", (folder_->path() / temporary_).string(), system_words(errno)));
  stream_.emplace(descriptor);
}

AtomicFile::~AtomicFile() {
  if (committed_ || !stream_) return;
  stream_->close();
  try {
    folder_->remove(temporary_);
  } catch (const Error&) {
    return;  // what cannot be deleted is left over, under a name that says so
  }
}

void AtomicFile::commit() {
  errno = 0;
  stream_->flush();
  int error = stream_->good() ? 0 : (errno != 0 ? errno : -1);
  // Some file systems refuse fsync (EINVAL).
  if (error == 0 && ::fsync(stream_->descriptor()) != 0 && errno != EINVAL) error = errno;
  if (!stream_->close() && error == 0) error = -1;
  if (error != 0) {
    throw ResourceError(fmt::format("{}: writing failed: {}; free some space or choose another folder (the old file, if any, is unchanged)",
                                    target_.string(), error > 0 ? system_words(error) : "the device took no more bytes"));
  }
  folder_->rename(temporary_, name_);
  committed_ = true;
}

void write_file_atomic(const fs::path& path, std::string_view bytes) {
  AtomicFile file(path);
  file.stream().write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.commit();
}

void write_file_atomic(const GuardedFolder& folder, const fs::path& name, std::string_view bytes) {
  AtomicFile file(folder, name);
  file.stream().write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.commit();
}

void sync_path(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) throw ResourceError(fmt::format("{}: cannot be flushed: {}", path.string(), system_words(errno)));
  const int error = ::fsync(descriptor) == 0 ? 0 : errno;
  ::close(descriptor);
  // Some file systems refuse fsync on folders (EINVAL); the data itself was flushed file by file.
  if (error != 0 && error != EINVAL) throw ResourceError(fmt::format("{}: cannot be flushed: {}", path.string(), system_words(error)));
}

std::string last_name(const fs::path& path) { return (path.has_filename() ? path : path.parent_path()).filename().string(); }

void make_folder(const fs::path& path) {
  std::error_code code;
  fs::create_directories(path, code);
  if (code || !fs::is_directory(path)) {
    throw ResourceError(
        fmt::format("{}: the folder cannot be made: {}", path.string(), code ? code.message() : "a file of that name exists"));
  }
}

void make_folder_of(const fs::path& file) {
  if (file.has_parent_path()) make_folder(file.parent_path());
}

std::string sha256_hex(std::string_view bytes) {
  Digest digest(EVP_sha256());
  digest.add(bytes.data(), bytes.size());
  return digest.hex();
}

std::string sha1_hex(std::string_view bytes) {
  Digest digest(EVP_sha1());
  digest.add(bytes.data(), bytes.size());
  return digest.hex();
}

std::string sha256_file(const fs::path& path) {
  Digest digest(EVP_sha256());
  read_pieces(path, [&digest](std::string_view piece) { digest.add(piece.data(), piece.size()); });
  return digest.hex();
}

std::array<uint64_t, 2> sha256_128(std::string_view bytes) {
  Digest digest(EVP_sha256());
  digest.add(bytes.data(), bytes.size());
  const std::string whole = digest.bytes();
  std::array<uint64_t, 2> halves{};
  for (size_t i = 0; i < 16; ++i) halves[i / 8] = halves[i / 8] << 8 | static_cast<unsigned char>(whole[i]);
  return halves;
}

StagingFolder::StagingFolder(fs::path target) : target_(std::move(target)) {
  if (!target_.has_filename()) target_ = target_.parent_path();  // "out/" is "out"
  name_ = target_.filename().string();
  const fs::path around = target_.has_parent_path() ? target_.parent_path() : fs::path(".");
  make_folder(around);
  folder_.emplace(around);
  create();
}

StagingFolder::StagingFolder(const GuardedFolder& folder, const std::string& name)
    : target_(folder.path() / name), name_(name), folder_(folder) {
  create();
}

void StagingFolder::create() {
  if (folder_->kind(name_) == GuardedFolder::Kind::kLink) refuse_link(target_);
  temporary_ = temporary_name(name_);
  path_ = target_.parent_path() / temporary_;
  folder_->remove(temporary_);  // a killed process of the same number (containers repeat them) may have left its own
  folder_->make(temporary_);
}

StagingFolder::~StagingFolder() {
  if (kept_) return;
  try {
    folder_->remove(temporary_);
  } catch (const Error&) {
    return;  // what cannot be deleted is left over, under a name that says so
  }
}

void StagingFolder::replace() {
  if (folder_->kind(name_) == GuardedFolder::Kind::kAbsent) return keep();
  const std::string old = fmt::format("{}.replaced-{}", name_, ::getpid());
  folder_->remove(old);
  if (::renameat(folder_->descriptor(), name_.c_str(), folder_->descriptor(), old.c_str()) != 0)
    throw ResourceError(fmt::format("{}: the old folder cannot be moved aside: {}", target_.string(), system_words(errno)));
  try {
    keep();
  } catch (...) {
    ::renameat(folder_->descriptor(), old.c_str(), folder_->descriptor(), name_.c_str());
    throw;
  }
  folder_->remove(old);
}

void StagingFolder::keep() {
  for (const auto& entry : fs::recursive_directory_iterator(path_)) {
    if ((entry.is_regular_file() || entry.is_directory()) && !entry.is_symlink()) sync_path(entry.path());
  }
  sync_path(path_);
  folder_->rename(temporary_, name_);
  kept_ = true;
  folder_->sync();
}

}  // namespace infig
