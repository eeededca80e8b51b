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

// The field that members of an extension are: image, text, label or json; empty where they are none.
std::string field_of_extension(std::string_view extension) {
  if (is_picture_extension(extension)) return "image";
  return extension == "txt" ? "text" : extension == "cls" ? "label" : extension == "json" ? "json" : "";
}

// "0.input.jpg" -> "jpg"
std::string_view last_part(std::string_view extension) { return extension.substr(extension.rfind('.') + 1); }

// What a member of a post is.
enum class MemberPlace {
  kWanted,  // as its extension says, or --members
  kAlike,   // its extension ends in such a one ("input.jpg"): stands in where the post has no wanted member at all
  kNothing,
};

// What is known of a post while its members come by. Faults are kept for when the row is asked for.
class TarPost {
 public:
  TarPost(std::string key, std::string split) : key_(std::move(key)), split_(std::move(split)) {}
  const std::string& key() const { return key_; }

  // Of a member that is only alike it counts where such members stand in.
  void fault(MemberPlace place, const std::string& message) {
    std::string& fault = place == MemberPlace::kWanted ? fault_ : alike_fault_;
    if (fault.empty()) fault = message;
  }
  // `content`: bytes of a field; the span, as text, of a picture.
  void add(MemberPlace place, const std::string& field, const std::string& member, const std::string& content) {
    auto& fields = place == MemberPlace::kWanted ? fields_ : alike_;
    const auto [found, fresh] = fields.try_emplace(field, member, content);
    if (fresh) return;
    const std::string words = found->second.first == member ? fmt::format("{} occurs twice", member)
                              : place == MemberPlace::kWanted
                                  ? fmt::format("{} is a second {} of the post; keep one", member, field == "image" ? "picture" : field)
                                  : fmt::format(
                                        "{} and {} could both be its {} (a key ends at the first dot of a name); rename them, or say "
                                        "--members {}=EXTENSION",
                                        found->second.first, member, field, field);
    fault(place, words);
  }
  // Whether the members that are alike stand in. JSON alone is no post: "index.meta.json".
  bool stand_in() const { return fields_.empty() && (alike_.contains("image") || alike_.contains("text")); }

  bool empty() const { return fields_.empty() && fault_.empty(); }  // but for members that are alike

  PostRow row(JsonKeys& keys) const {
    if (!fault_.empty()) throw RowFault{fault_};
    PostRow row;
    row.id = key_;
    try {
      require_utf8(key_, "the name");
      if (stand_in() && !alike_fault_.empty()) throw RowFault{alike_fault_};
      fill(row, stand_in() ? alike_ : fields_, keys);
      if (!row.split && split_.find(' ') != std::string::npos)
        throw RowFault{fmt::format("the tar's name holds two splits ({}); rename it, or give the split in KEY.json", split_)};
      if (!row.split && !split_.empty()) row.split = split_;
    } catch (const RowFault& fault) {
      throw RowFault{fmt::format("post {}: {}", key_, fault.message)};
    }
    return row;
  }

 private:
  using Fields = std::map<std::string, std::pair<std::string, std::string>>;  // field -> member, content

  static void fill(PostRow& row, const Fields& fields, JsonKeys& keys) {
    if (const auto json = fields.find("json"); json != fields.end()) {
      PostRow given = keys.row(json->second.second);
      if (given.id) row.id = given.id;
      row.split = given.split;
      row.text = given.text;
      row.label = given.label;
    }
    if (const auto text = fields.find("text"); text != fields.end()) {
      require_utf8(text->second.second, text->second.first);
      row.text = text->second.second;
    }
    if (const auto label = fields.find("label"); label != fields.end()) {
      require_utf8(label->second.second, label->second.first);
      row.label = std::string(strip_ascii_space(label->second.second));
    }
    if (const auto picture = fields.find("image"); picture != fields.end()) row.image = picture->second.second;
  }

  std::string key_, split_, fault_, alike_fault_;
  Fields fields_, alike_;
};

class TarReader {
 public:
  TarReader(const fs::path& path, const TableReading& reading, const RowTake& take)
      : path_(path),
        reading_(reading),
        take_(take),
        split_(split_in_name(path)),
        archive_(archive_read_new()),
        json_reading_{.columns = reading.columns},
        keys_(path, json_reading_) {
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
    check_members();
    say();
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
    ++members_;
    const auto [place, field] = place_of(extension);
    if (key.empty()) return;
    if (place == MemberPlace::kNothing) return count_unread(extension);
    if (post_ == nullptr || post_->key() != key) {
      finish_post();
      post_ = std::make_unique<TarPost>(std::move(key), split_);
    }
    if (place == MemberPlace::kAlike) ++own_alike_[{field, extension}];
    if (archive_entry_hardlink(entry) != nullptr || archive_entry_filetype(entry) != AE_IFREG)
      return post_->fault(place, fmt::format("{} is a link or device; pack the file itself (tar --hard-dereference --dereference)", name));
    if (archive_entry_sparse_count(entry) > 0) {
      return post_->fault(place, fmt::format("{} is stored with holes; pack it without --sparse", name));
    }
    // The header is read and nothing behind it: this is where the member's bytes begin.
    const int64_t offset = archive_filter_bytes(archive_.get(), 0), length = archive_entry_size(entry);
    if (length > size_ - offset) {
      throw DataError(fmt::format("{}: ends after {} bytes, inside {} (bytes {} to {}); it was cut off, copy it again", path_.string(),
                                  size_, name, offset, offset + length));
    }
    if (field == "image") return post_->add(place, field, name, FileSpan(path_.filename(), offset, length).string());
    post_->add(place, field, name, content(name, length, place));
  }

  // Of extensions that are many, as where names hold dots, the first are named.
  void count_unread(const std::string& extension) {
    constexpr size_t kNamed = 8;
    if (unread_.contains(extension) || unread_.size() < kNamed) {
      ++unread_[extension];
    } else {
      ++unread_others_;
    }
  }

  // What members of an extension are, and the field.
  std::pair<MemberPlace, std::string> place_of(const std::string& extension) {
    for (const auto& [field, wanted] : reading_.members) {
      if (extension != wanted) continue;
      found_.insert(field);
      return {MemberPlace::kWanted, field};
    }
    const std::string whole = field_of_extension(extension), last = field_of_extension(last_part(extension));
    // A field that --members names has no other extension.
    if (!whole.empty() && !reading_.members.contains(whole)) return {MemberPlace::kWanted, whole};
    return {last.empty() ? MemberPlace::kNothing : MemberPlace::kAlike, last};
  }

  void check_members() {
    if (!reading_.columns.empty()) keys_.finish();
    for (const auto& [field, extension] : reading_.members) {
      if (members_ > 0 && !found_.contains(field))
        throw DataError(fmt::format("{}: --members {}={}: no member has this extension", path_.string(), field, extension));
    }
  }

  void say() const {
    if (reading_.notes == nullptr) return;
    for (const auto& [member, count] : taken_)
      reading_.notes->add(path_, fmt::format("{} is the member KEY.{}", member.first, member.second), count);
    for (const auto& [member, count] : left_) {
      reading_.notes->add(
          path_,
          fmt::format(
              "members KEY.{1} look like {0} and are not taken (a key ends at the first dot of a name); --members {0}={1} takes them",
              member.first, member.second),
          count);
    }
    for (const auto& [extension, count] : unread_) {
      reading_.notes->add(
          path_, fmt::format("members KEY.{0} are not read; --members image={0}, text={0} or label={0} says what they are", extension),
          count);
    }
    if (unread_others_ > 0) reading_.notes->add(path_, "members of further extensions are not read", unread_others_);
  }

  std::string content(const std::string& name, int64_t length, MemberPlace place) {
    constexpr int64_t kMost = 1 << 20;
    if (length > kMost) {
      post_->fault(place, fmt::format("{} has {} bytes, more than the {} of a text", name, length, kMost));
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
    // What none of the --members stands for is not taken, whatever the post lacks.
    const bool stand_in = reading_.members.empty() && post->stand_in();
    for (const auto& [member, count] : std::exchange(own_alike_, {})) (stand_in ? taken_ : left_)[member] += count;
    if (post->empty() && !stand_in) return;
    take_(++posts_, [&] { return post->row(keys_); });
  }

  using Members = std::map<std::pair<std::string, std::string>, int64_t>;  // field and extension -> how many

  fs::path path_;
  const TableReading& reading_;
  const RowTake& take_;
  std::string split_;
  std::unique_ptr<archive, ArchiveFree> archive_;
  int64_t size_ = 0, posts_ = 0, members_ = 0;
  std::unique_ptr<TarPost> post_;
  TableReading json_reading_;  // of KEY.json: its keys are not counted one by one
  JsonKeys keys_;
  Members own_alike_, taken_, left_;       // of the present post; over all of them
  std::map<std::string, int64_t> unread_;  // members that are none of a post: extension -> how many
  int64_t unread_others_ = 0;              // of extensions beyond the first ones
  std::set<std::string> found_;            // fields of --members that were there
};

}  // namespace

void read_tar(const fs::path& path, const TableReading& reading, const RowTake& take) { TarReader(path, reading, take).run(); }

}  // namespace infig
