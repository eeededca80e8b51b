#include "quality/clean_test.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"

namespace infig {
namespace fs = std::filesystem;

CleanTest make_clean_test(const VerifyReport& report) {
  const auto& posts = report.data.posts;
  std::map<int64_t, std::set<LeakKind>> found;
  for (const Leak& leak : report.leaks) {
    if (posts[static_cast<size_t>(leak.row)].split == Split::kTest && posts[static_cast<size_t>(leak.other)].split != Split::kTest)
      found[leak.row].insert(leak.kind);
  }
  CleanTest clean{.data_sha256 = report.data.sha256,
                  .ids = {},
                  .left_out = {},
                  .pictures = !report.pictures.empty(),
                  .near_text_threshold = report.near_text_threshold};
  for (const int64_t row : report.data.rows_of(Split::kTest)) {
    const std::string& id = posts[static_cast<size_t>(row)].id;
    const auto kinds = found.find(row);
    if (kinds == found.end()) {
      clean.ids.push_back(id);
      continue;
    }
    clean.left_out.push_back({.id = id, .kinds = {}});
    for (const LeakKind kind : kinds->second) clean.left_out.back().kinds.emplace_back(leak_kind_name(kind));
  }
  return clean;
}

fs::path clean_test_path(const fs::path& data) {
  return fs::is_directory(data) ? data / "clean-test.json" : fs::path(data.string() + ".clean-test.json");
}

void write_clean_test(const CleanTest& clean, const fs::path& path) {
  nlohmann::ordered_json json;
  json["data_sha256"] = clean.data_sha256;
  json["split"] = "test";
  json["posts"] = clean.ids.size() + clean.left_out.size();
  json["kept"] = clean.ids.size();
  json["pictures_compared"] = clean.pictures;
  json["near_text_threshold"] = clean.near_text_threshold;
  auto left_out = nlohmann::ordered_json::array();
  for (const auto& one : clean.left_out) left_out.push_back({{"id", one.id}, {"kinds", one.kinds}});
  json["left_out"] = left_out;
  json["ids"] = clean.ids;
  write_file_atomic(path, json.dump(1) + "\n");
}

CleanTest read_clean_test(const fs::path& path) {
  try {
    const auto json = nlohmann::json::parse(read_file(path));
    CleanTest clean{.data_sha256 = json.at("data_sha256").get<std::string>(),
                    .ids = json.at("ids").get<std::vector<std::string>>(),
                    .left_out = {},
                    .pictures = json.at("pictures_compared").get<bool>(),
                    .near_text_threshold = json.at("near_text_threshold").get<double>()};
    for (const auto& one : json.at("left_out")) {
      clean.left_out.push_back({.id = one.at("id").get<std::string>(), .kinds = one.at("kinds").get<std::vector<std::string>>()});
    }
    return clean;
  } catch (const nlohmann::json::exception& problem) {
    throw DataError(fmt::format("{}: not a clean test list: {}; write it again with infig verify-data DATA --write-clean-test",
                                path.string(), json_fault(problem)));
  }
}

}  // namespace infig
