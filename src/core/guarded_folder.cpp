#include "core/guarded_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <ext/stdio_filebuf.h>
#include <system_error>

#include "core/error.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

std::shared_ptr<const int> own(int descriptor) {
  return {new int(descriptor), [](const int* held) {
            ::close(*held);
            delete held;
          }};
}

bool is_link(int folder, const std::string& name) {
  struct stat status{};
  return ::fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode);
}

// The names of a relative path, each of which is a plain one.
std::vector<std::string> plain_names(const fs::path& folder, const fs::path& name) {
  std::vector<std::string> names;
  for (const fs::path& part : name) names.push_back(part.string());
  const auto odd = [](const std::string& part) { return part.empty() || part == "." || part == ".." || part == "/"; };
  if (names.empty() || std::any_of(names.begin(), names.end(), odd)) {
    throw ResourceError(fmt::format("{}: '{}' is no name inside this folder; expected names without '.', '..' and a slash in front",
                                    folder.string(), name.string()));
  }
  return names;
}

// An open descriptor for a listing; it takes over `folder`, which is closed with it.
struct Listing {
  explicit Listing(int folder) : stream(folder < 0 ? nullptr : ::fdopendir(folder)) {}
  ~Listing() {
    if (stream != nullptr) ::closedir(stream);
  }
  Listing(const Listing&) = delete;
  Listing& operator=(const Listing&) = delete;
  std::vector<std::string> names() const {
    std::vector<std::string> found;
    while (const dirent* entry = ::readdir(stream)) {
      const std::string name = entry->d_name;
      if (name != "." && name != "..") found.push_back(name);
    }
    std::sort(found.begin(), found.end());
    return found;
  }
  DIR* stream;
};

// Deletes `name` in the open folder with all it holds; 0 or the error's number. A link is deleted itself.
int remove_at(int folder, const std::string& name) {
  if (::unlinkat(folder, name.c_str(), 0) == 0 || errno == ENOENT) return 0;
  if (errno != EISDIR && errno != EPERM) return errno;
  const int reason = errno;
  const int inner = ::openat(folder, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (inner < 0) return errno == ENOTDIR ? reason : errno;
  const Listing listing(inner);
  if (listing.stream == nullptr) return errno;
  for (const std::string& below : listing.names()) {
    if (const int code = remove_at(inner, below); code != 0) return code;
  }
  return ::unlinkat(folder, name.c_str(), AT_REMOVEDIR) == 0 ? 0 : errno;
}

}  // namespace

void refuse_link(const fs::path& link) {
  std::error_code code;
  const fs::path target = fs::read_symlink(link, code);
  throw ResourceError(
      fmt::format("{}: is a symbolic link (to {}); nothing inside such a folder is written or deleted through a link; delete the link, or "
                  "put what it leads to in its place",
                  link.string(), target.string()));
}

GuardedFolder::GuardedFolder(fs::path path) : path_(std::move(path)) {
  const int descriptor = ::open(path_.empty() ? "." : path_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) throw ResourceError(fmt::format("{}: the folder cannot be opened: {}", path_.string(), system_words(errno)));
  descriptor_ = own(descriptor);
}

GuardedFolder::GuardedFolder(fs::path path, std::shared_ptr<const int> descriptor)
    : path_(std::move(path)), descriptor_(std::move(descriptor)) {}

std::optional<GuardedFolder> GuardedFolder::find(const fs::path& name) const {
  GuardedFolder reached = *this;
  for (const std::string& part : plain_names(path_, name)) {
    const fs::path path = reached.path_ / part;
    const int inner = ::openat(*reached.descriptor_, part.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (inner < 0) {
      const int code = errno;
      if (code == ENOENT) return std::nullopt;
      if (is_link(*reached.descriptor_, part)) refuse_link(path);
      throw ResourceError(fmt::format("{}: the folder cannot be opened: {}", path.string(), system_words(code)));
    }
    reached = GuardedFolder(path, own(inner));
  }
  return reached;
}

GuardedFolder GuardedFolder::folder(const fs::path& name) const {
  if (auto found = find(name)) return *found;
  throw ResourceError(fmt::format("{}: the folder cannot be opened: {}", (path_ / name).string(), system_words(ENOENT)));
}

GuardedFolder GuardedFolder::make(const fs::path& name) const {
  GuardedFolder reached = *this;
  for (const std::string& part : plain_names(path_, name)) {
    const fs::path path = reached.path_ / part;
    const bool made = ::mkdirat(*reached.descriptor_, part.c_str(), 0777) == 0;
    if (!made && errno != EEXIST) throw ResourceError(fmt::format("{}: the folder cannot be made: {}", path.string(), system_words(errno)));
    reached = reached.folder(part);
  }
  return reached;
}

GuardedFolder::Kind GuardedFolder::kind(const fs::path& name) const {
  const std::vector<std::string> names = plain_names(path_, name);
  const auto around = names.size() == 1 ? std::optional(*this) : find(name.parent_path());
  if (!around) return Kind::kAbsent;
  struct stat status{};
  if (::fstatat(around->descriptor(), names.back().c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return Kind::kAbsent;
    throw ResourceError(fmt::format("{}: cannot be looked at: {}", (path_ / name).string(), system_words(errno)));
  }
  if (S_ISLNK(status.st_mode)) return Kind::kLink;
  if (S_ISDIR(status.st_mode)) return Kind::kFolder;
  return S_ISREG(status.st_mode) ? Kind::kFile : Kind::kOther;
}

std::vector<std::string> GuardedFolder::names() const {
  const Listing listing(::openat(*descriptor_, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (listing.stream == nullptr)
    throw ResourceError(fmt::format("{}: the folder cannot be listed: {}", path_.string(), system_words(errno)));
  return listing.names();
}

int GuardedFolder::open(const fs::path& name, int flags) const {
  const std::vector<std::string> names = plain_names(path_, name);
  const GuardedFolder around = names.size() == 1 ? *this : folder(name.parent_path());
  const fs::path path = path_ / name;
  // The file is emptied only once it is known to be one's own.
  const int plain = (flags & ~O_TRUNC) | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;  // a pipe without its other end would hold the process up
  const int descriptor = ::openat(around.descriptor(), names.back().c_str(), plain, 0666);
  if (descriptor < 0) {
    const int code = errno;
    if (code == ELOOP || is_link(around.descriptor(), names.back())) refuse_link(path);
    errno = code;
    return -1;
  }
  struct stat status{};
  const bool known = ::fstat(descriptor, &status) == 0;
  const bool writes = (flags & O_ACCMODE) != O_RDONLY;
  std::string fault;
  if (!known || !S_ISREG(status.st_mode)) {
    fault = "is no regular file; delete it";
  } else if (writes && status.st_nlink > 1) {
    fault = "is a hard link: the same file has another name, where what is written would appear too; put a copy in its place";
  } else if ((flags & O_TRUNC) != 0 && ::ftruncate(descriptor, 0) != 0) {
    fault = fmt::format("cannot be emptied: {}", system_words(errno));
  }
  if (fault.empty()) return descriptor;
  ::close(descriptor);
  throw ResourceError(fmt::format("{}: {}", path.string(), fault));
}

std::string GuardedFolder::read(const fs::path& name) const {
  const fs::path path = path_ / name;
  const int descriptor = open(name, O_RDONLY);
  if (descriptor < 0) throw DataError(fmt::format("{}: cannot be opened: {}", path.string(), system_words(errno)));
  const auto held = own(descriptor);
  std::string bytes;
  std::array<char, 1 << 16> piece{};
  for (;;) {
    const ssize_t got = ::read(descriptor, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw DataError(fmt::format("{}: reading stopped: {}", path.string(), system_words(errno)));
    if (got == 0) return bytes;
    bytes.append(piece.data(), static_cast<size_t>(got));
  }
}

void GuardedFolder::rename(const std::string& from, const std::string& to) const {
  if (::renameat(*descriptor_, from.c_str(), *descriptor_, to.c_str()) == 0) return;
  throw ResourceError(fmt::format("{}: cannot be put in place: {}", (path_ / to).string(), system_words(errno)));
}

void GuardedFolder::point_link(const std::string& link, const std::string& to) const {
  // A new link is renamed over the old one, so that it always leads somewhere whole.
  const std::string fresh = link + ".partial";
  remove(fresh);
  if (::symlinkat(to.c_str(), *descriptor_, fresh.c_str()) != 0)
    throw ResourceError(fmt::format("{}: the link cannot be set: {}", (path_ / link).string(), system_words(errno)));
  if (::renameat(*descriptor_, fresh.c_str(), *descriptor_, link.c_str()) == 0) return;
  const int code = errno;
  remove(fresh);
  throw ResourceError(fmt::format("{}: the link cannot be set: {}", (path_ / link).string(), system_words(code)));
}

std::string GuardedFolder::link_target(const std::string& name) const {
  std::array<char, PATH_MAX> target{};
  const ssize_t length = ::readlinkat(*descriptor_, name.c_str(), target.data(), target.size());
  return length < 0 ? std::string() : std::string(target.data(), static_cast<size_t>(length));
}

void GuardedFolder::remove(const fs::path& name) const {
  const std::vector<std::string> names = plain_names(path_, name);
  const auto around = names.size() == 1 ? std::optional(*this) : find(name.parent_path());
  if (!around) return;
  if (const int code = remove_at(around->descriptor(), names.back()); code != 0)
    throw ResourceError(fmt::format("{}: cannot be deleted: {}", (path_ / name).string(), system_words(code)));
}

void GuardedFolder::sync() const {
  const int readable = ::openat(*descriptor_, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (readable < 0) throw ResourceError(fmt::format("{}: cannot be flushed: {}", path_.string(), system_words(errno)));
  const int code = ::fsync(readable) == 0 ? 0 : errno;
  ::close(readable);
  // Some file systems refuse fsync on folders (EINVAL).
  if (code != 0 && code != EINVAL) throw ResourceError(fmt::format("{}: cannot be flushed: {}", path_.string(), system_words(code)));
}

struct DescriptorStream::Buffer : __gnu_cxx::stdio_filebuf<char> {
  using stdio_filebuf::stdio_filebuf;
};

DescriptorStream::DescriptorStream(int descriptor)
    : std::ostream(nullptr), buffer_(std::make_unique<Buffer>(descriptor, std::ios::out | std::ios::binary)) {
  rdbuf(buffer_.get());
}

DescriptorStream::~DescriptorStream() = default;

int DescriptorStream::descriptor() const { return buffer_->fd(); }

bool DescriptorStream::close() { return buffer_->close() != nullptr && good(); }

PrivateFolder::PrivateFolder(const std::string& name) {
  std::error_code code;
  std::string pattern = (fs::temp_directory_path(code) / ("infig-" + name + "-XXXXXX")).string();
  if (code || ::mkdtemp(pattern.data()) == nullptr)
    throw ResourceError(fmt::format("{}: a temporary folder cannot be made: {}; set TMPDIR to a folder that can be written to", pattern,
                                    code ? code.message() : system_words(errno)));
  path_ = pattern;
}

PrivateFolder::~PrivateFolder() { remove(); }

void PrivateFolder::remove() const noexcept {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

}  // namespace infig
