#include "core/mapped_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

#include "core/error.h"

namespace infig {

MappedFile::MappedFile(std::filesystem::path path, const std::string& expected) : path_(std::move(path)) {
  const std::string where = path_.string();
  const int descriptor = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) throw DataError(fmt::format("{}: cannot be opened: {}", where, system_words(errno)));
  struct stat status{};
  const bool regular = ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
  void* address = nullptr;
  int code = 0;
  if (regular && status.st_size > 0) {
    address = ::mmap(nullptr, static_cast<size_t>(status.st_size), PROT_READ, MAP_PRIVATE, descriptor, 0);
    code = errno;
  }
  ::close(descriptor);
  if (!regular) throw DataError(fmt::format("{}: is not a regular file, expected {}", where, expected));
  if (address == MAP_FAILED) throw DataError(fmt::format("{}: cannot be mapped into memory: {}", where, system_words(code)));
  address_ = address;
  size_ = static_cast<size_t>(status.st_size);
}

MappedFile::~MappedFile() {
  if (address_ != nullptr) ::munmap(address_, size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)), address_(std::exchange(other.address_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(address_, other.address_);
  std::swap(size_, other.size_);
  return *this;
}

void give_back(std::span<const std::byte> part) {
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  const size_t front = (page - reinterpret_cast<uintptr_t>(part.data()) % page) % page;
  if (part.size() < front + page) return;
  auto* begin = const_cast<std::byte*>(part.data() + front);
  ::madvise(begin, (part.size() - front) / page * page, MADV_DONTNEED);  // only a hint: what it returns changes nothing
}

}  // namespace infig
