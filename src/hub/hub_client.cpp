#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <fstream>
#include <system_error>
#include <thread>
#include <utility>

#include "core/error.h"
#include "core/files.h"
#include "core/interrupt.h"
#include "core/log.h"
#include "hub/hub.h"

namespace infig {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kWorthANewStart = 1'000'000;  // bytes that an attempt must fetch to reset the count of attempts
constexpr size_t kMaxListing = 50'000'000;

std::optional<uint64_t> header_number(const std::map<std::string, std::string>& headers, const std::string& name) {
  const auto found = headers.find(name);
  if (found == headers.end()) return std::nullopt;
  uint64_t value = 0;
  const auto [end, code] = std::from_chars(found->second.data(), found->second.data() + found->second.size(), value);
  if (code != std::errc() || end != found->second.data() + found->second.size()) return std::nullopt;
  return value;
}

// An entity tag that is a digest: 40 or 64 hex digits in quotes, W/ in front or not.
std::string digest_in(std::string_view tag) {
  if (tag.starts_with("W/")) tag.remove_prefix(2);
  if (tag.size() >= 2 && tag.front() == '"' && tag.back() == '"') tag = tag.substr(1, tag.size() - 2);
  const bool hex = tag.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  return hex && (tag.size() == 40 || tag.size() == 64) ? std::string(tag) : "";
}

std::string digest_of_file(const fs::path& path, const std::string& like) {
  return like.size() == 64 ? sha256_file(path) : git_blob_sha1(path);
}

}  // namespace

// The unfinished file: written at its end, one process at a time.
class PartialFile {
 public:
  explicit PartialFile(fs::path path) : path_(std::move(path)) {
    descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (descriptor_ < 0) throw ResourceError(fmt::format("{}: cannot be created: {}", path_.string(), system_words(errno)));
    if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
      ::close(descriptor_);
      throw ResourceError(fmt::format("{}: another pull is writing it; wait for it, or choose another --output", path_.string()));
    }
    struct stat status{};
    if (::fstat(descriptor_, &status) == 0) size_ = static_cast<uint64_t>(status.st_size);
  }
  ~PartialFile() {
    if (size_ == 0) ::unlink(path_.c_str());
    ::close(descriptor_);
  }
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;

  uint64_t size() const { return size_; }
  const fs::path& path() const { return path_; }

  void clear() {
    if (::ftruncate(descriptor_, 0) != 0) throw ResourceError(fmt::format("{}: cannot be cut: {}", path_.string(), system_words(errno)));
    size_ = 0;
  }
  void append(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(size_));
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) {
        throw ResourceError(fmt::format("{}: writing failed: {}; free some space and give the same command again", path_.string(),
                                        system_words(written < 0 ? errno : ENOSPC)));
      }
      size_ += static_cast<uint64_t>(written);
      bytes.remove_prefix(static_cast<size_t>(written));
    }
  }

 private:
  fs::path path_;
  int descriptor_ = -1;
  uint64_t size_ = 0;
};

namespace {

// What was begun of earlier commits' files of this name.
void remove_partials(const fs::path& target) {
  const std::string first = target.filename().string() + ".";
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(target.parent_path(), ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.size() == first.size() + 12 + 8 && name.starts_with(first) && name.ends_with(".partial")) fs::remove(entry.path(), ignored);
  }
}

}  // namespace

std::string git_blob_sha1(const fs::path& path) {
  const std::string bytes = read_file(path);  // git blobs of a model are its small files
  return sha1_hex(fmt::format("blob {}", bytes.size()) + '\0' + bytes);
}

// One file on its way: what must hold of it, and what an answer says about that.
class HubClient::Download {
 public:
  Download(HubFile file, std::string url, PartialFile& partial, const std::function<void(uint64_t)>& progress)
      : file_(std::move(file)), url_(std::move(url)), partial_(partial), progress_(progress) {}

  const HubFile& file() const { return file_; }
  const std::string& url() const { return url_; }
  uint64_t size() const { return partial_.size(); }
  void clear() { partial_.clear(); }
  bool complete() const { return file_.size && partial_.size() == *file_.size && !file_.digest.empty(); }

  // Before the first byte of a successful answer.
  void begin(const HttpReply& reply) {
    std::map<std::string, std::string> linked = reply.linked;
    if (reply.same_origin) linked.insert(reply.headers.begin(), reply.headers.end());
    learn_digest(linked);
    learn_size(reply, linked);
    if (reply.status == 206) {
      const auto range = reply.headers.find("content-range");
      const std::string expected = fmt::format("bytes {}-", partial_.size());
      if (range == reply.headers.end() || !range->second.starts_with(expected)) {
        partial_.clear();
        throw BrokenConnection(fmt::format("{}: the answer begins elsewhere than asked for ({})", url_,
                                           range == reply.headers.end() ? "no Content-Range" : range->second));
      }
    } else {
      partial_.clear();  // the server gives no ranges
    }
  }

  void add(std::string_view bytes) {
    if (file_.size && bytes.size() > *file_.size - partial_.size()) {
      partial_.clear();
      throw DataError(fmt::format("{}: the server sends more than the {} bytes it announced; nothing was kept", url_, *file_.size));
    }
    partial_.append(bytes);
    progress_(partial_.size());
  }

  // After the last byte.
  void end() const {
    if (file_.size && partial_.size() < *file_.size) {
      throw BrokenConnection(fmt::format("{}: ended at {} of {} bytes", url_, partial_.size(), *file_.size));
    }
  }

 private:
  void learn_digest(const std::map<std::string, std::string>& headers) {
    std::string found;
    for (const char* name : {"x-linked-etag", "etag"}) {
      const auto header = headers.find(name);
      if (found.empty() && header != headers.end()) found = digest_in(header->second);
    }
    if (file_.digest.empty()) file_.digest = found;
    if (file_.digest.empty()) {
      throw DataError(fmt::format("{}: the server names no digest (X-Linked-Etag, ETag), so the file cannot be checked; refused", url_));
    }
    if (!found.empty() && found.size() == file_.digest.size() && found != file_.digest) {
      throw DataError(fmt::format("{}: the file's digest is {} by its headers and {} by the hub's list; refused, try again later", url_,
                                  found, file_.digest));
    }
  }

  void learn_size(const HttpReply& reply, const std::map<std::string, std::string>& linked) {
    std::vector<std::pair<const char*, std::optional<uint64_t>>> sizes = {{"X-Linked-Size", header_number(linked, "x-linked-size")}};
    if (reply.status == 200) sizes.emplace_back("Content-Length", header_number(reply.headers, "content-length"));
    for (const auto& [name, size] : sizes) {
      if (!size) continue;
      if (!file_.size) file_.size = size;
      if (*file_.size != *size) {
        throw DataError(
            fmt::format("{}: the file has {} bytes by its {}, expected {}; refused, try again later", url_, *size, name, *file_.size));
      }
    }
  }

  HubFile file_;
  std::string url_;
  PartialFile& partial_;
  const std::function<void(uint64_t)>& progress_;
};

HubClient::HubClient(HubOptions options) : options_(std::move(options)), http_(options_.http) {
  options_.validate();
  while (options_.endpoint.ends_with('/')) options_.endpoint.pop_back();
}

// `attempt` returns the bytes that it brought, or throws BrokenConnection and is made again after a while.
void HubClient::with_retries(const std::function<void()>& attempt, const std::function<uint64_t()>& bytes) {
  double wait = options_.wait_seconds;
  uint64_t before = bytes();
  for (int64_t failed = 0;;) {
    try {
      return attempt();
    } catch (const BrokenConnection& error) {
      const uint64_t now = bytes();
      if (now >= before + kWorthANewStart) {
        failed = 0;
        wait = options_.wait_seconds;
      }
      before = now;
      if (++failed >= options_.attempts) {
        throw ResourceError(fmt::format("{}; gave up after {} attempt{}; what has come is kept, the same command continues it",
                                        error.what(), options_.attempts, options_.attempts == 1 ? "" : "s"));
      }
      log_warning("{}; attempt {} of {} in {:.1f} s", error.what(), failed + 1, options_.attempts, wait);
      const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(wait);
      while (std::chrono::steady_clock::now() < until) {
        throw_if_stopped(options_.http.stop, "stopped; the same command continues");
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
      }
      wait = std::min(30.0, wait * 2);
    }
  }
}

void HubClient::check_status(const HttpReply& reply, const std::string& model, const std::string& what) const {
  if (reply.status >= 200 && reply.status < 300) return;
  const std::string where = fmt::format("{}: {} (status {})", reply.url, what, reply.status);
  switch (reply.status) {
    case 401:
      throw DataError(options_.token.empty()
                          ? fmt::format("{}: the hub wants a token: the model is private, or does not exist. Check the name "
                                        "'{}', or set HF_TOKEN to a token that may read it",
                                        where, model)
                          : fmt::format("{}: the hub refuses the token in HF_TOKEN; make a new one, or unset it", where));
    case 403:
      throw DataError(
          fmt::format("{}: the token may not read it. If the model is gated, accept its terms at {}/{} in a browser, then set "
                      "HF_TOKEN to a token of that account",
                      where, options_.endpoint, model));
    case 404:
      throw DataError(fmt::format("{}: not found. Check name and revision at {}/{}", where, options_.endpoint, model));
    case 408:
    case 425:
    case 429:
    case 500:
    case 502:
    case 503:
    case 504:
      throw BrokenConnection(fmt::format("{}: the hub is busy", where));
    default:
      throw DataError(fmt::format("{}: unexpected answer: {}", where, reply.body.substr(0, 200)));
  }
}

HubModel HubClient::list(const HubName& name) {
  const std::string url =
      fmt::format("{}/api/models/{}/revision/{}?blobs=true", options_.endpoint, url_encode(name.model, "/"), url_encode(name.revision));
  std::string text;
  with_retries(
      [&] {
        text.clear();
        const HttpReply reply = http_.get(
            {.url = url, .token = options_.token}, [](const HttpReply&) {},
            [&](std::string_view bytes) {
              if (text.size() + bytes.size() > kMaxListing)
                throw DataError(fmt::format("{}: the answer is larger than any list of files", url));
              text += bytes;
            });
        check_status(reply, name.model, "the list of files");
      },
      [] { return uint64_t{0}; });
  return parse_hub_listing(text, name.model, url);
}

// Until size and digest can be compared: the answer to one request, or to several that each brought a piece.
void HubClient::fetch_whole(const std::string& model, Download& download) {
  with_retries(
      [&] {
        if (download.complete()) return;
        const HttpReply reply = http_.get(
            {.url = download.url(), .token = options_.token, .first_byte = download.size()},
            [&](const HttpReply& head) { download.begin(head); }, [&](std::string_view bytes) { download.add(bytes); });
        if (reply.status == 416) {  // the partial file is longer than the file, or already complete and the server does not say so
          download.clear();
          throw BrokenConnection(fmt::format("{}: the server does not have the requested bytes; starting over", download.url()));
        }
        check_status(reply, model, download.file().name);
        download.end();
      },
      [&] { return download.size(); });
}

HubClient::Result HubClient::fetch(const HubModel& model, const HubFile& file, const fs::path& folder, bool overwrite,
                                   const std::function<void(uint64_t)>& progress) {
  const fs::path target = folder / file.name;
  if (fs::exists(target)) {
    if (!file.digest.empty() && digest_of_file(target, file.digest) == file.digest) {
      progress(fs::file_size(target));
      return Result::kPresent;
    }
    if (!overwrite) {
      throw DataError(
          fmt::format("{}: exists and differs from the hub's (commit {}); give --force to replace it, or choose another --output",
                      target.string(), model.commit));
    }
  }
  make_folder(target.parent_path());
  const std::string url =
      fmt::format("{}/{}/resolve/{}/{}", options_.endpoint, url_encode(model.name, "/"), model.commit, url_encode(file.name, "/"));
  fs::path partial_path = target;
  partial_path += fmt::format(".{}.partial", model.commit.substr(0, 12));
  PartialFile partial(partial_path);
  Download download(file, url, partial, progress);
  for (bool again = partial.size() > 0;; again = false) {
    fetch_whole(model.name, download);
    if (digest_of_file(partial_path, download.file().digest) == download.file().digest) break;
    partial.clear();
    if (again) {
      log_warning("{}: what an earlier attempt left was damaged; fetching it from the start", partial_path.string());
      continue;
    }
    std::error_code ignored;
    fs::remove(partial_path, ignored);
    throw DataError(
        fmt::format("{}: the fetched bytes do not have the digest {}; nothing was kept, try again later", url, download.file().digest));
  }
  sync_path(partial_path);
  std::error_code code;
  fs::rename(partial_path, target, code);
  if (code) throw ResourceError(fmt::format("{}: cannot be put in place: {}", target.string(), code.message()));
  sync_path(target.parent_path());
  remove_partials(target);
  return Result::kFetched;
}

}  // namespace infig
