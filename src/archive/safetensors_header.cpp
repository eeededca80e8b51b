#include "archive/safetensors_header.h"

#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/error.h"

namespace infig {
namespace {

using Json = nlohmann::json;

// Parser state. A DOM would drop duplicate keys and build any nesting that a hostile header asks for.
enum class Place { kStart, kTop, kMetadata, kTensor, kShape, kOffsets, kEnd };

class HeaderReader final : public nlohmann::json_sax<Json> {
 public:
  HeaderReader(const std::string& where, SafetensorsHeader& header) : where_(where), header_(header) {}

  bool null() override {
    if (place_ != Place::kTop || name_ != kSafetensorsMetadataKey) return unexpected("null");
    if (std::exchange(metadata_seen_, true)) fail("occurs twice");  // null, as some writers have it, is no metadata
    return true;
  }
  bool boolean(bool value) override { return unexpected(value ? "true" : "false"); }
  bool number_integer(number_integer_t value) override { return unexpected(fmt::format("{}", value)); }
  bool number_float(number_float_t, const string_t& text) override { return unexpected(text); }
  bool binary(binary_t&) override { return unexpected("binary data"); }

  bool number_unsigned(number_unsigned_t value) override {
    if (place_ == Place::kShape) {
      if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) fail(fmt::format("shape has the size {}: too large", value));
      entry_->shape.push_back(static_cast<int64_t>(value));
      return true;
    }
    if (place_ == Place::kOffsets) {
      if (offset_count_ < 2) entry_->offsets[offset_count_] = value;
      if (++offset_count_ > 2) fail("data_offsets has more than two numbers, expected [begin, end]");
      return true;
    }
    return unexpected(fmt::format("the number {}", value));
  }

  bool string(string_t& value) override {
    if (place_ == Place::kMetadata) {
      if (!header_.metadata.emplace(key_, value).second) fail(fmt::format("the key '{}' occurs twice", key_));
      return true;
    }
    if (place_ == Place::kTensor && key_ == "dtype") {
      entry_->dtype = value;
      return true;
    }
    return unexpected("a string");
  }

  bool start_object(size_t) override {
    if (place_ == Place::kStart) {
      place_ = Place::kTop;
    } else if (place_ == Place::kTop && name_ == kSafetensorsMetadataKey) {
      if (std::exchange(metadata_seen_, true)) fail("occurs twice");
      place_ = Place::kMetadata;
    } else if (place_ == Place::kTop) {
      const auto [found, added] = header_.entries.try_emplace(name_);
      if (!added) fail("the name occurs twice");
      entry_ = &found->second;
      seen_.fill(false);
      place_ = Place::kTensor;
    } else {
      return unexpected("an object");
    }
    return true;
  }

  bool key(string_t& value) override {
    if (place_ == Place::kTop) {
      name_ = value;
      return true;
    }
    key_ = value;
    if (place_ != Place::kTensor) return true;
    for (size_t i = 0; i < kKeys.size(); ++i) {
      if (value != kKeys[i]) continue;
      if (std::exchange(seen_[i], true)) fail(fmt::format("the key '{}' occurs twice", value));
      return true;
    }
    fail(fmt::format("unknown key '{}', expected dtype, shape and data_offsets", value));
  }

  bool end_object() override {
    if (place_ == Place::kTensor) {
      for (size_t i = 0; i < kKeys.size(); ++i) {
        if (!seen_[i]) fail(fmt::format("the key '{}' is missing", kKeys[i]));
      }
      place_ = Place::kTop;
    } else if (place_ == Place::kMetadata) {
      place_ = Place::kTop;
    } else {
      place_ = Place::kEnd;
    }
    return true;
  }

  bool start_array(size_t) override {
    if (place_ == Place::kTensor && key_ == "shape") {
      place_ = Place::kShape;
    } else if (place_ == Place::kTensor && key_ == "data_offsets") {
      place_ = Place::kOffsets;
      offset_count_ = 0;
    } else {
      return unexpected("a list");
    }
    return true;
  }

  bool end_array() override {
    if (place_ == Place::kOffsets && offset_count_ != 2) fail("data_offsets has fewer than two numbers, expected [begin, end]");
    place_ = Place::kTensor;
    return true;
  }

  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception& error) override {
    throw CheckpointError(fmt::format("{}: the safetensors header is not valid JSON at its byte {}: {}; the file is damaged, get it again",
                                      where_, position, error.what()));
  }

 private:
  static constexpr std::array<std::string_view, 3> kKeys = {"dtype", "shape", "data_offsets"};

  [[noreturn]] void fail(const std::string& what) const {
    const bool metadata = name_ == kSafetensorsMetadataKey;
    throw CheckpointError(metadata ? fmt::format("{}: {}: {}", where_, name_, what)
                                   : fmt::format("{}: tensor '{}': {}", where_, name_, what));
  }

  [[noreturn]] bool unexpected(const std::string& found) const {
    switch (place_) {
      case Place::kStart:
      case Place::kEnd:
        throw CheckpointError(fmt::format("{}: the safetensors header is {}, expected a JSON object", where_, found));
      case Place::kMetadata:
        fail(fmt::format("'{}' is {}, expected a string", key_, found));
      case Place::kTensor:
        fail(fmt::format("{} is {}, expected {}", key_, found, key_ == "dtype" ? "a string" : "a list of whole numbers"));
      case Place::kShape:
        fail(fmt::format("shape holds {}, expected whole numbers >= 0", found));
      case Place::kOffsets:
        fail(fmt::format("data_offsets holds {}, expected two whole numbers >= 0", found));
      case Place::kTop:
        break;
    }
    fail(fmt::format("is {}, expected an object", found));
  }

  const std::string& where_;
  SafetensorsHeader& header_;
  Place place_ = Place::kStart;
  std::string name_;  // of the tensor, or "__metadata__"
  std::string key_;   // inside it
  SafetensorsEntry* entry_ = nullptr;
  std::array<bool, 3> seen_{};
  size_t offset_count_ = 0;
  bool metadata_seen_ = false;
};

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view json, const std::string& where) {
  SafetensorsHeader header;
  HeaderReader reader(where, header);
  Json::sax_parse(json.begin(), json.end(), &reader);
  return header;
}

}  // namespace infig
