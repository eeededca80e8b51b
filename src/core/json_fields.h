// The entries of a JSON object that others wrote, one by one, each of the type that is expected: what differs is a CheckpointError that
// names file, key, what was found and what is expected.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

namespace infig {

class JsonFields {
 public:
  // A whole file, read by parse_foreign_json, with an object at its top. Throws CheckpointError, also where the file cannot be read or
  // has over 64 MiB.
  static JsonFields of_file(const std::filesystem::path& path);
  // `where` names the source in messages.
  JsonFields(nlohmann::json object, std::string where);

  bool has(const std::string& key) const;  // there, and not null
  int64_t integer(const std::string& key) const;
  double number(const std::string& key) const;
  bool flag(const std::string& key) const;
  std::string text(const std::string& key) const;
  std::vector<int64_t> integers(const std::string& key) const;
  JsonFields object(const std::string& key) const;
  const nlohmann::json& list(const std::string& key) const;
  const nlohmann::json& value(const std::string& key) const;  // of any type
  // Where the key is absent or null, nothing; of another type it is an error all the same.
  std::optional<int64_t> integer_if(const std::string& key) const;
  std::optional<double> number_if(const std::string& key) const;

  const nlohmann::json& json() const { return *json_; }
  const std::string& where() const { return where_; }
  std::string key_of(const std::string& key) const;  // with the keys around it, for messages: "infig.text.hidden_size"
  [[noreturn]] void refuse(const std::string& key, const std::string& expected) const;  // "FILE: key KEY: is FOUND, expected EXPECTED"

 private:
  JsonFields(std::shared_ptr<const nlohmann::json> json, std::string where, std::string around);
  std::shared_ptr<const nlohmann::json> json_;
  std::string where_, around_;
};

}  // namespace infig
