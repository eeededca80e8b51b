// WebDataset tars: libarchive walks the headers, pictures are passed over.
#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <map>
#include <memory>
#include <set>
#include <system_error>
#include <utility>

#include "core/error.h"
#include "data/post.h"
#include "data/row_reading.h"
#include "data/utf8.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

struct ArchiveFree {
  void operator()(archive* opened) const { archive_read_free(opened); }
};

std::string lower(std::string word) {
  std::transform(word.begin(), word.end(), word.begin(), [](unsigned char c) { return std::tolower(c); });
  return word;
}

// "train/0001.seg.png" is the key "train/0001" with the extension "seg.png"; no key: not a member of a post.
std::pair<std::string, std::string> key_and_extension(std::string name) {
  while (name.starts_with("./")) name.erase(0, 2);
  const size_t slash = name.rfind('/');
  const size_t dot = name.find('.', slash == std::string::npos ? 0 : slash + 1);
  if (dot == std::string::npos || dot == 0 || name[dot - 1] == '/') return {};
  return {name.substr(0, dot), lower(name.substr(dot + 1))};
}

bool is_picture(const std::string& extension) {
  static const std::set<std::string> kAll = {"jpg", "jpeg", "png", "webp", "gif", "bmp"};
  return kAll.contains(extension);
}

bool is_field(const std::string& extension) { return extension == "txt" || extension == "cls" || extension == "json"; }

// The split that a shard's name begins with; empty where it is none.
std::string split_of(const fs::path& tar) {
  const std::string name = lower(tar.filename().string());
  const size_t end =
      static_cast<size_t>(std::find_if_not(name.begin(), name.end(), [](unsigned char c) { return std::isalpha(c); }) - name.begin());
  try {
    parse_split(name.substr(0, end));
    return name.substr(0, end);
  } catch (const DataError&) {
    return "";
  }
}

// What is known of a post while its members come by. Faults are kept for when the row is asked for.
class TarPost {
 public:
  TarPost(std::string key, std::string split) : key_(std::move(key)), split_(std::move(split)) {}
  const std::string& key() const { return key_; }

  void fault(const std::string& message) {
    if (fault_.empty()) fault_ = message;
  }
  void add_picture(const std::string& member, const FileSpan& span) {
    if (!picture_.empty()) return fault(fmt::format("{} is a second picture of the post; keep one", member));
    picture_ = span.string();
  }
  void add_field(const std::string& extension, const std::string& member, std::string bytes) {
    if (!fields_.emplace(extension, std::pair(member, std::move(bytes))).second) fault(fmt::format("{} occurs twice", member));
  }

  PostRow row() const {
    if (!fault_.empty()) throw RowFault{fault_};
    PostRow row;
    row.id = key_;
    if (!split_.empty()) row.split = split_;
    try {
      require_utf8(key_, "the name");
      fill(row);
    } catch (const RowFault& fault) {
      throw RowFault{fmt::format("post {}: {}", key_, fault.message)};
    }
    if (!picture_.empty()) row.image = picture_;
    return row;
  }

 private:
  void fill(PostRow& row) const {
    if (const auto json = fields_.find("json"); json != fields_.end()) {
      PostRow given = parse_json_row(json->second.second);
      if (given.id) row.id = given.id;
      if (given.split) row.split = given.split;
      row.text = given.text;
      row.label = given.label;
    }
    if (const auto text = fields_.find("txt"); text != fields_.end()) {
      require_utf8(text->second.second, text->second.first);
      row.text = text->second.second;
    }
    if (const auto label = fields_.find("cls"); label != fields_.end()) {
      require_utf8(label->second.second, label->second.first);
      row.label = std::string(strip_ascii_space(label->second.second));
    }
  }

  std::string key_, split_, picture_, fault_;
  std::map<std::string, std::pair<std::string, std::string>> fields_;  // extension -> member, bytes
};

class TarReader {
 public:
  TarReader(const fs::path& path, const RowTake& take) : path_(path), take_(take), split_(split_of(path)), archive_(archive_read_new()) {
    std::error_code code;
    size_ = static_cast<int64_t>(fs::file_size(path, code));
    if (code) throw DataError(fmt::format("{}: cannot be read: {}", path.string(), code.message()));
    archive_read_support_format_tar(archive_.get());
    constexpr size_t kBlock = 16384;  // read around each header
    if (archive_ == nullptr || archive_read_open_filename(archive_.get(), path.c_str(), kBlock) != ARCHIVE_OK) fail();
  }

  void run() {
    archive_entry* entry = nullptr;
    while (true) {
      const int code = archive_read_next_header(archive_.get(), &entry);
      if (code == ARCHIVE_EOF) break;
      if (code != ARCHIVE_OK && code != ARCHIVE_WARN) fail();
      member(entry);
    }
    finish_post();
  }

 private:
  [[noreturn]] void fail() const {
    const char* why = archive_ == nullptr ? "too little memory" : archive_error_string(archive_.get());
    throw DataError(
        fmt::format("{}: cannot be read as a tar after {} posts: {}; a compressed one must be unpacked first (gzip -d), since pictures "
                    "are read where they lie",
                    path_.string(), posts_, why == nullptr ? "no reason given" : why));
  }

  void member(archive_entry* entry) {
    const char* given = archive_entry_pathname_utf8(entry);
    if (given == nullptr) given = archive_entry_pathname(entry);
    if (given == nullptr || archive_entry_filetype(entry) == AE_IFDIR) return;
    const std::string name = given;
    auto [key, extension] = key_and_extension(name);
    if (key.empty() || (!is_picture(extension) && !is_field(extension))) return;
    if (post_ == nullptr || post_->key() != key) {
      finish_post();
      post_ = std::make_unique<TarPost>(std::move(key), split_);
    }
    if (archive_entry_hardlink(entry) != nullptr || archive_entry_filetype(entry) != AE_IFREG)
      return post_->fault(fmt::format("{} is a link or device; pack the file itself (tar --hard-dereference --dereference)", name));
    if (archive_entry_sparse_count(entry) > 0) return post_->fault(fmt::format("{} is stored with holes; pack it without --sparse", name));
    // The header is read and nothing behind it: this is where the member's bytes begin.
    const int64_t offset = archive_filter_bytes(archive_.get(), 0), length = archive_entry_size(entry);
    if (length > size_ - offset) {
      throw DataError(fmt::format("{}: ends after {} bytes, inside {} (bytes {} to {}); it was cut off, copy it again", path_.string(),
                                  size_, name, offset, offset + length));
    }
    if (is_picture(extension)) return post_->add_picture(name, FileSpan(path_.filename(), offset, length));
    post_->add_field(extension, name, field(name, length));
  }

  std::string field(const std::string& name, int64_t length) {
    constexpr int64_t kMost = 1 << 20;
    if (length > kMost) {
      post_->fault(fmt::format("{} has {} bytes, more than the {} of a text", name, length, kMost));
      return "";
    }
    std::string bytes(static_cast<size_t>(length), '\0');
    size_t done = 0;
    while (done < bytes.size()) {
      const la_ssize_t got = archive_read_data(archive_.get(), bytes.data() + done, bytes.size() - done);
      if (got <= 0) fail();
      done += static_cast<size_t>(got);
    }
    return bytes;
  }

  void finish_post() {
    if (post_ == nullptr) return;
    const auto post = std::exchange(post_, nullptr);
    take_(++posts_, [&] { return post->row(); });
  }

  fs::path path_;
  const RowTake& take_;
  std::string split_;
  std::unique_ptr<archive, ArchiveFree> archive_;
  int64_t size_ = 0, posts_ = 0;
  std::unique_ptr<TarPost> post_;
};

}  // namespace

bool is_tar(const fs::path& path) { return lower(path.extension().string()) == ".tar"; }

void read_tar(const fs::path& path, const RowTake& take) { TarReader(path, take).run(); }

}  // namespace infig
