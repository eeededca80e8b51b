// A folder that may come from somebody else, such as a run folder. What lies in it is reached from its descriptor, one name at a time, and
// no name on the way may be a symbolic link: nothing outside the folder is written or deleted (docs/security.md).
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace infig {

class GuardedFolder {
 public:
  enum class Kind { kAbsent, kFile, kFolder, kLink, kOther };

  // The folder as the user named it: `path` itself may be a link. Throws ResourceError with the reason.
  explicit GuardedFolder(std::filesystem::path path);

  // `name` is relative: "eval", "checkpoints/step-000005". A folder or file on the way that is a link is a ResourceError which names it and
  // says what to do; so is a name that leaves the folder ("..", "/x").
  GuardedFolder folder(const std::filesystem::path& name) const;               // ResourceError where it is absent
  std::optional<GuardedFolder> find(const std::filesystem::path& name) const;  // nothing where it is absent
  GuardedFolder make(const std::filesystem::path& name) const;                 // made where absent, with the folders on the way
  Kind kind(const std::filesystem::path& name) const;                          // of the name itself; nothing on the way may be a link
  std::vector<std::string> names() const;                                      // of what lies in it, in order

  // An open descriptor of a regular file; made (0666 less the umask) with O_CREAT in `flags`. -1 and errno where the system refuses.
  // Throws ResourceError for a link, for what is no regular file, and, where it is opened for writing, for a file that has another name as
  // well (a hard link): what is written would appear there too.
  int open(const std::filesystem::path& name, int flags) const;
  std::string read(const std::filesystem::path& name) const;  // throws ResourceError as open() does, DataError where it cannot be read

  void rename(const std::string& from, const std::string& to) const;  // both in this folder; throws ResourceError
  void point_link(const std::string& link,
                  const std::string& to) const;            // sets the link `link` to `to`, at one stroke; throws ResourceError
  std::string link_target(const std::string& name) const;  // empty where it is no link
  // Deletes a file, a link itself, or a folder with all it holds. Throws ResourceError; what is absent is no error.
  void remove(const std::filesystem::path& name) const;
  void sync() const;  // flushes the folder to the disk itself

  const std::filesystem::path& path() const { return path_; }
  int descriptor() const { return *descriptor_; }  // O_PATH

 private:
  GuardedFolder(std::filesystem::path path, std::shared_ptr<const int> descriptor);
  std::filesystem::path path_;
  std::shared_ptr<const int> descriptor_;
};

// The ResourceError for a link that stands where a file or folder of infig's own should.
[[noreturn]] void refuse_link(const std::filesystem::path& link);

// Output to an open descriptor, which it closes. After a failure the stream is bad, and errno says why.
class DescriptorStream : public std::ostream {
 public:
  explicit DescriptorStream(int descriptor);
  ~DescriptorStream() override;
  int descriptor() const;
  bool close();  // false where what was written did not all arrive

 private:
  struct Buffer;
  std::unique_ptr<Buffer> buffer_;
};

// A folder of this process alone under the system's temporary folder (mode 0700), deleted with all it holds.
class PrivateFolder {
 public:
  explicit PrivateFolder(const std::string& name);  // infig-NAME-XXXXXX; throws ResourceError
  ~PrivateFolder();
  PrivateFolder(const PrivateFolder&) = delete;
  PrivateFolder& operator=(const PrivateFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }
  void remove() const noexcept;

 private:
  std::filesystem::path path_;
};

}  // namespace infig
