#include "hub/http.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <exception>
#include <mutex>
#include <utility>

namespace infig {
namespace {

constexpr int kMaxRedirects = 10;
constexpr size_t kKeptBody = 2000;
constexpr size_t kMaxHeaders = 1000;

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return result;
}

struct UrlFree {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};

std::string url_part(CURLU* url, CURLUPart part, unsigned int flags) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK) return "";
  std::string result(text);
  curl_free(text);
  return result;
}

// What may be gone a second later; the rest (a certificate, a malformed URL, ...) stays as it is.
bool is_passing(CURLcode code) {
  constexpr std::array<CURLcode, 14> passing = {CURLE_COULDNT_RESOLVE_HOST,
                                                CURLE_COULDNT_RESOLVE_PROXY,
                                                CURLE_COULDNT_CONNECT,
                                                CURLE_PARTIAL_FILE,
                                                CURLE_OPERATION_TIMEDOUT,
                                                CURLE_SSL_CONNECT_ERROR,
                                                CURLE_GOT_NOTHING,
                                                CURLE_SEND_ERROR,
                                                CURLE_RECV_ERROR,
                                                CURLE_HTTP2,
                                                CURLE_HTTP2_STREAM,
                                                CURLE_AGAIN,
                                                CURLE_HTTP3,
                                                CURLE_WEIRD_SERVER_REPLY};
  return std::find(passing.begin(), passing.end(), code) != passing.end();
}

}  // namespace

struct HttpClient::Handle {
  CURL* curl = nullptr;
  Handle() : curl(curl_easy_init()) {}
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() { curl_easy_cleanup(curl); }
};

// One answer as it comes in. Exceptions wait until libcurl's C code has returned.
struct HttpClient::Transfer {
  CURL* curl = nullptr;
  const std::function<void(const HttpReply&)>& begin;
  const std::function<void(std::string_view)>& data;
  const std::atomic<int>* stop = nullptr;
  HttpReply reply = {};
  bool begun = false;
  std::exception_ptr failure = nullptr;

  void add_header(std::string_view line) {
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
    if (line.starts_with("HTTP/")) return reply.headers.clear();  // another answer: the previous one was "100 Continue" or a proxy's
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || reply.headers.size() >= kMaxHeaders) return;
    std::string_view value = line.substr(colon + 1);
    while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
    reply.headers[lower(line.substr(0, colon))] = value;
  }

  bool successful() {
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    reply.status = static_cast<int>(status);
    return status >= 200 && status < 300;
  }

  void start() {
    if (std::exchange(begun, true) || !begin) return;
    begin(reply);
  }

  void add_body(std::string_view bytes) {
    if (!successful()) {
      reply.body.append(bytes.substr(0, kKeptBody - std::min(kKeptBody, reply.body.size())));
      return;
    }
    start();
    data(bytes);
  }

  static size_t on_header(char* bytes, size_t one, size_t count, void* self) noexcept {
    return static_cast<Transfer*>(self)->guard(one * count, [&](Transfer& transfer) { transfer.add_header({bytes, one * count}); });
  }
  static size_t on_body(char* bytes, size_t one, size_t count, void* self) noexcept {
    return static_cast<Transfer*>(self)->guard(one * count, [&](Transfer& transfer) { transfer.add_body({bytes, one * count}); });
  }
  static int on_progress(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) noexcept {
    const auto* stop = static_cast<Transfer*>(self)->stop;
    return stop != nullptr && stop->load() != 0 ? 1 : 0;
  }

  template <typename Function>
  size_t guard(size_t size, Function&& function) noexcept {
    try {
      function(*this);
      return size;
    } catch (...) {
      failure = std::current_exception();
      return size == 0 ? 1 : 0;  // anything but `size` ends the transfer
    }
  }
};

HttpClient::HttpClient(HttpOptions options) : options_(options) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  handle_ = std::make_unique<Handle>();
  if (handle_->curl == nullptr) throw ResourceError("libcurl cannot be started");
}

HttpClient::~HttpClient() = default;

// One request; all options are reset, so that nothing of a request to another host remains (connections are kept).
HttpReply HttpClient::hop(Transfer& transfer, const std::string& url, const HttpRequest& request, bool with_token) {
  CURL* curl = handle_->curl;
  curl_easy_reset(curl);
  std::array<char, CURL_ERROR_SIZE> message{};
  transfer.curl = curl;
  transfer.reply = {};
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "infig/" INFIG_VERSION);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, message.data());
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options_.connect_seconds * 1000));
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, std::max(1L, static_cast<long>(options_.stall_seconds)));
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, &Transfer::on_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &Transfer::on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &Transfer::on_progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
  if (with_token) {
    curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
    curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, request.token.c_str());
  }
  // A compressed answer would have another size, and a range of it would be of no use.
  curl_slist* headers = curl_slist_append(nullptr, "Accept-Encoding: identity");
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  const std::string range = fmt::format("{}-", request.first_byte);
  if (request.first_byte > 0) curl_easy_setopt(curl, CURLOPT_RANGE, range.c_str());
  const CURLcode code = curl_easy_perform(curl);
  curl_slist_free_all(headers);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, nullptr);
  if (transfer.failure) std::rethrow_exception(transfer.failure);
  if (code == CURLE_ABORTED_BY_CALLBACK) {
    throw Interrupted(fmt::format("{}: stopped; the same command continues it", url), 128 + options_.stop->load());
  }
  if (code != CURLE_OK) {
    const std::string what = fmt::format("{}: {}", url, message[0] != '\0' ? message.data() : curl_easy_strerror(code));
    if (is_passing(code)) throw BrokenConnection(what);
    throw ResourceError(what);
  }
  transfer.reply.url = url;
  if (transfer.successful()) transfer.start();
  return std::move(transfer.reply);
}

HttpReply HttpClient::get(const HttpRequest& request, const std::function<void(const HttpReply&)>& begin,
                          const std::function<void(std::string_view)>& data) {
  const std::string origin = url_origin(request.url);
  if (origin.empty()) throw ResourceError(fmt::format("{}: is not an http or https URL", request.url));
  std::map<std::string, std::string> linked;
  std::string url = request.url;
  for (int redirects = 0; redirects <= kMaxRedirects; ++redirects) {
    const bool same_origin = url_origin(url) == origin;
    const auto complete = [&](HttpReply reply) {
      reply.url = url;
      reply.linked = linked;
      reply.same_origin = same_origin;
      return reply;
    };
    const std::function<void(const HttpReply&)> begin_complete = [&](const HttpReply& reply) { begin(complete(reply)); };
    Transfer transfer{.curl = nullptr, .begin = begin_complete, .data = data, .stop = options_.stop};
    HttpReply reply = complete(hop(transfer, url, request, same_origin && !request.token.empty()));
    if (reply.status < 300 || reply.status >= 400 || reply.status == 304) return reply;
    char* target = nullptr;
    curl_easy_getinfo(handle_->curl, CURLINFO_REDIRECT_URL, &target);
    if (target == nullptr) throw ResourceError(fmt::format("{}: status {} without a place to go to", url, reply.status));
    const std::string next = target;
    if (url_origin(next).empty() || (url_origin(url).starts_with("https:") && !url_origin(next).starts_with("https:"))) {
      throw ResourceError(fmt::format("{}: is sent on to {}, which is not encrypted; refused", url, next));
    }
    for (const auto& [name, value] : reply.headers) {
      if (same_origin && (name.starts_with("x-linked-") || name.starts_with("x-repo-"))) linked.emplace(name, value);
    }
    url = next;
  }
  throw ResourceError(fmt::format("{}: more than {} redirects", request.url, kMaxRedirects));
}

std::string url_origin(const std::string& url) {
  const std::unique_ptr<CURLU, UrlFree> parsed(curl_url());
  if (!parsed || curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) return "";
  const std::string scheme = lower(url_part(parsed.get(), CURLUPART_SCHEME, 0));
  if (scheme != "http" && scheme != "https") return "";
  return fmt::format("{}://{}:{}", scheme, lower(url_part(parsed.get(), CURLUPART_HOST, 0)),
                     url_part(parsed.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT));
}

std::string url_encode(std::string_view text, std::string_view keep) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
  std::string encoded;
  for (const char c : text) {
    const bool plain = kPlain.find(c) != std::string_view::npos || keep.find(c) != std::string_view::npos;
    encoded += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return encoded;
}

}  // namespace infig
