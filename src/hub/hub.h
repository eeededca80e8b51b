// The model hub's HTTP interface: listing a model's files, and fetching one file, complete and verified.
//   GET ENDPOINT/api/models/NAME/revision/REVISION?blobs=true   {"sha": commit, "siblings": [{"rfilename", "size", "blobId", "lfs"}]}
//   GET ENDPOINT/NAME/resolve/COMMIT/FILE                        the bytes, perhaps behind redirects; X-Linked-Size, X-Linked-Etag, ETag
// A large file's digest is the SHA-256 of its bytes, a small one's the SHA-1 that git gives its blob.
// Names, listings and the choice of files are in hub.cpp, the client in hub_client.cpp.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hub/http.h"

namespace infig {

struct HubOptions {
  std::string endpoint = "https://huggingface.co";  // may hold a path ("https://mirror.example/hub")
  std::string token;                                // sent to the endpoint's scheme, host and port alone; empty: none
  int64_t attempts = 5;                             // for a request that breaks off without having brought 1 MB, 1 to 100
  double wait_seconds = 0.5;                        // before the second attempt; doubled each time, at most 30 s
  HttpOptions http;

  // Throws ConfigError: an endpoint that is no http(s) URL, a token that would cross the network unencrypted (only https and loopback
  // addresses get one), a token with characters that no token has.
  void validate() const;
};

struct HubFile {
  std::string name;              // relative, with "/"
  std::optional<uint64_t> size;  // bytes, where the hub's list says so
  std::string digest;            // hex: 64 digits SHA-256, 40 digits git's SHA-1; empty where the list has none
};

struct HubModel {
  std::string name;
  std::string commit;  // 40 hex digits: what the revision is now, so that all files are of one state
  std::vector<HubFile> files;
};

// "NAME" or "NAME@REVISION"; the revision is "main" where none is given. Throws ConfigError for what cannot be a model's name.
struct HubName {
  std::string model;
  std::string revision;
};
HubName parse_hub_name(const std::string& text);

// Reads the list. Throws DataError with `where`: no JSON, no commit, a file name that leads out of the folder.
HubModel parse_hub_listing(std::string_view json, const std::string& model, const std::string& where);

// What infig reads of a model: config, tokenizer (archive/import.h lists both) and weights, safetensors where the model has them, whole
// or in shards, else PyTorch's. Throws DataError where it has neither.
std::vector<HubFile> choose_hub_files(const HubModel& model);

class HubClient {
 public:
  explicit HubClient(HubOptions options);

  // Throws DataError with what to do for 401, 403, 404; ResourceError when the hub cannot be reached.
  HubModel list(const HubName& name);

  enum class Result { kFetched, kPresent };
  // Fetches `file` into `folder`. An existing file with the right digest is kept (kPresent); one with another is replaced if `overwrite`
  // is set and otherwise refused (DataError). Fetched bytes are in FILE.COMMIT.partial until size and digest are verified, and are
  // continued there by the next attempt and the next call. `progress` gets the number of bytes of this file fetched so far.
  // Throws DataError for a wrong size or digest (the partial file is deleted, and fetched from the start once more before that).
  Result fetch(const HubModel& model, const HubFile& file, const std::filesystem::path& folder, bool overwrite,
               const std::function<void(uint64_t)>& progress);

 private:
  class Download;
  void with_retries(const std::function<void()>& attempt, const std::function<uint64_t()>& bytes);
  void fetch_whole(const std::string& model, Download& download);
  void check_status(const HttpReply& reply, const std::string& model, const std::string& what) const;
  HubOptions options_;
  HttpClient http_;
};

// The SHA-1 that git gives a file's contents as a blob, in hex.
std::string git_blob_sha1(const std::filesystem::path& path);

}  // namespace infig
