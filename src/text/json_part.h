// A value inside tokenizer.json that knows its place, so that whatever is wrong with it can be named.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace infig {

class JsonPart {
 public:
  JsonPart(const nlohmann::json& value, std::string file, std::string key) : value_(&value), file_(std::move(file)), key_(std::move(key)) {}

  const nlohmann::json& json() const { return *value_; }
  std::string place() const { return file_ + ": " + key_; }  // for messages: "FILE: model.vocab"
  const std::string& file() const { return file_; }

  bool has(const char* key) const;  // there, and not null
  JsonPart at(const char* key) const;
  std::vector<JsonPart> items(const char* key) const;  // of a list
  // Each throws CheckpointError naming file and key where the value is absent (unless there is a fallback) or of another type.
  std::string text(const char* key) const;
  std::string text(const char* key, const std::string& fallback) const;
  bool flag(const char* key) const;
  bool flag(const char* key, bool fallback) const;
  int64_t integer(const char* key, int64_t least, int64_t most) const;
  // Throws where the object has a key that is none of these: what it says would be lost.
  void allow(std::initializer_list<std::string_view> keys) const;
  std::string type() const { return text("type"); }
  [[noreturn]] void refuse(const std::string& what) const;  // "FILE: KEY what"
  [[noreturn]] void refuse_value(const char* key, const std::string& expected) const;

 private:
  const nlohmann::json* find(const char* key) const;
  const nlohmann::json* value_;
  std::string file_, key_;
};

}  // namespace infig
