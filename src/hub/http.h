// HTTP GET over libcurl for the hub: redirects are followed here, one by one, so that a token reaches its own host alone.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "core/error.h"

namespace infig {

// A connection that could not be made or broke off: worth another attempt.
class BrokenConnection : public ResourceError {
 public:
  using ResourceError::ResourceError;
};

struct HttpOptions {
  double connect_seconds = 20;             // to establish a connection
  double stall_seconds = 60;               // without a byte, then the connection counts as broken
  const std::atomic<int>* stop = nullptr;  // a signal's number ends the transfer
};

struct HttpReply {
  int status = 0;
  std::string url;                             // that answered, behind all redirects
  std::map<std::string, std::string> headers;  // of that answer; names in lower case
  std::map<std::string, std::string> linked;   // x-linked-... and x-repo-... headers of the answers on the way, from the first host alone
  bool same_origin = true;                     // the answer came from the first URL's scheme, host and port
  std::string body;                            // of an unsuccessful answer, its first 2,000 bytes
};

struct HttpRequest {
  std::string url;
  std::string token;        // sent as a bearer to the scheme, host and port of `url`, and to no other
  uint64_t first_byte = 0;  // larger than 0: asks for the rest of a file from here
};

class HttpClient {
 public:
  explicit HttpClient(HttpOptions options);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // Follows at most 10 redirects, from https to https alone. Of an answer of 200 to 299, `begin` gets the reply before the first byte and
  // `data` its bytes; what they throw is passed on. Throws BrokenConnection, ResourceError for what another attempt cannot mend (a
  // certificate, a URL, a loop of redirects), Interrupted with 128 + signal.
  HttpReply get(const HttpRequest& request, const std::function<void(const HttpReply&)>& begin,
                const std::function<void(std::string_view)>& data);

 private:
  struct Transfer;
  HttpReply hop(Transfer& transfer, const std::string& url, const HttpRequest& request, bool with_token);
  HttpOptions options_;
  struct Handle;
  std::unique_ptr<Handle> handle_;
};

// "https://host:port" in lower case with the port written out; empty for anything that is no http or https URL.
std::string url_origin(const std::string& url);

// Percent-encodes all but letters, digits, "-._~" and what `keep` names.
std::string url_encode(std::string_view text, std::string_view keep = "");

}  // namespace infig
