#include "hub/hub.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "archive/import.h"
#include "archive/pickle.h"
#include "core/error.h"
#include "core/json.h"

namespace infig {
namespace {

using Json = nlohmann::json;

bool is_hex(std::string_view text, size_t length) {
  return text.size() == length && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// A name that the server chose must stay inside of the folder it is written to.
bool is_inside(std::string_view name) {
  if (name.empty() || name.size() > 500 || name.front() == '/') return false;
  if (std::any_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\\' || c == '\x7f'; }))
    return false;
  for (size_t begin = 0; begin <= name.size();) {
    const size_t end = std::min(name.find('/', begin), name.size());
    const std::string_view part = name.substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..") return false;
    begin = end + 1;
  }
  return true;
}

HubFile read_sibling(const Json& entry, const std::string& where) {
  if (!entry.is_object() || !entry.contains("rfilename") || !entry["rfilename"].is_string()) {
    throw DataError(fmt::format("{}: an entry of siblings has no rfilename", where));
  }
  HubFile file;
  file.name = entry["rfilename"].get<std::string>();
  if (!is_inside(file.name))
    throw DataError(fmt::format("{}: the file name '{}' leads out of the folder; refused", where, printable(file.name)));
  const bool large = entry.contains("lfs") && entry["lfs"].is_object();
  const Json& described = large ? entry["lfs"] : entry;
  if (described.contains("size") && described["size"].is_number_unsigned()) file.size = described["size"].get<uint64_t>();
  const char* digest = large ? "sha256" : "blobId";
  if (described.contains(digest) && described[digest].is_string()) file.digest = described[digest].get<std::string>();
  if (!is_hex(file.digest, large ? 64 : 40)) file.digest.clear();
  return file;
}

bool is_shard(const std::string& name, const std::string& stem, const std::string& suffix) {
  return name.starts_with(stem + "-") && name.ends_with(suffix) && name.find("-of-") != std::string::npos;
}

bool is_loopback(const std::string& origin) {
  return origin.starts_with("http://localhost:") || origin.starts_with("http://127.") || origin.starts_with("http://[::1]:");
}

}  // namespace

void HubOptions::validate() const {
  const std::string origin = url_origin(endpoint);
  if (origin.empty()) throw ConfigError(fmt::format("HF_ENDPOINT: '{}' is not an http or https URL, expected https://HOST", endpoint));
  if (!token.empty() && !origin.starts_with("https:") && !is_loopback(origin)) {
    throw ConfigError(
        fmt::format("HF_ENDPOINT: {} is not encrypted, so the token is not sent there; use https, or unset HF_TOKEN", endpoint));
  }
  if (std::any_of(token.begin(), token.end(), [](char c) { return c <= ' ' || c > '~'; })) {
    throw ConfigError("HF_TOKEN: holds a space or another character that no token has; set it again");
  }
  if (attempts < 1 || attempts > 100) throw ConfigError(fmt::format("retries: {} is out of range, expected 1 to 100", attempts));
}

HubName parse_hub_name(const std::string& text) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
  const size_t at = text.find('@');
  HubName name{.model = text.substr(0, at), .revision = at == std::string::npos ? "main" : text.substr(at + 1)};
  const size_t slash = name.model.find('/');
  const auto is_part = [&](std::string_view part) {
    return !part.empty() && part.size() <= 96 && part != "." && part != ".." && part.find_first_not_of(kLetters) == std::string_view::npos;
  };
  const std::string_view model = name.model;
  const bool good = slash == std::string::npos ? is_part(model) : is_part(model.substr(0, slash)) && is_part(model.substr(slash + 1));
  if (!good || name.revision.empty() || !is_inside(name.revision)) {
    throw ConfigError(fmt::format("'{}' is not a model's name, expected OWNER/MODEL or OWNER/MODEL@REVISION", text));
  }
  return name;
}

HubModel parse_hub_listing(std::string_view text, const std::string& model, const std::string& where) {
  const Json listing = parse_foreign_json(text);
  if (listing.is_discarded() || !listing.is_object()) {
    throw DataError(fmt::format("{}: the answer is not a JSON object; is HF_ENDPOINT a model hub?", where));
  }
  if (!listing.contains("sha") || !listing["sha"].is_string() || !is_hex(listing["sha"].get_ref<const std::string&>(), 40)) {
    throw DataError(fmt::format("{}: the answer names no commit (\"sha\" of 40 hex digits); is HF_ENDPOINT a model hub?", where));
  }
  if (!listing.contains("siblings") || !listing["siblings"].is_array()) {
    throw DataError(fmt::format("{}: the answer lists no files (\"siblings\")", where));
  }
  HubModel result{.name = model, .commit = listing["sha"].get<std::string>(), .files = {}};
  for (const Json& entry : listing["siblings"]) result.files.push_back(read_sibling(entry, where));
  return result;
}

std::vector<HubFile> choose_hub_files(const HubModel& model) {
  std::vector<HubFile> chosen;
  const auto has = [&](const std::string& name) {
    return std::any_of(model.files.begin(), model.files.end(), [&](const HubFile& file) { return file.name == name; });
  };
  std::string whole, stem, suffix, index;
  for (const auto& [first, last] : {std::pair<const char*, const char*>{"model", ".safetensors"}, {"pytorch_model", ".bin"}}) {
    const std::string name = std::string(first) + last;
    if (!has(name) && !has(name + ".index.json")) continue;
    if (has(name)) {
      whole = name;
    } else {
      stem = first;
      suffix = last;
      index = name + ".index.json";
    }
    break;
  }
  for (const char* name : {"open_clip_model.safetensors", "open_clip_pytorch_model.bin"}) {
    if (whole.empty() && index.empty() && has(name)) whole = name;
  }
  if (whole.empty() && index.empty()) {
    throw DataError(
        fmt::format("{}: has neither model.safetensors nor pytorch_model.bin, whole or in shards, nor "
                    "open_clip_model.safetensors; with --all every file is fetched",
                    model.name));
  }
  for (const HubFile& file : model.files) {
    const bool weights = !whole.empty() ? file.name == whole : file.name == index || is_shard(file.name, stem, suffix);
    if (weights || is_companion_file(file.name)) chosen.push_back(file);
  }
  return chosen;
}

}  // namespace infig
