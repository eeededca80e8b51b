// The half of data_set.h that writes and counts.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.h"
#include "core/files.h"
#include "data/data_set.h"
#include "data/utf8.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

// Relative to `folder` where the path lies in it.
std::string stored_path(const FileSpan& image, const fs::path& folder) {
  const fs::path whole = fs::absolute(image.file).lexically_normal();
  const fs::path base = fs::absolute(folder / "").lexically_normal();
  const fs::path relative = whole.lexically_relative(base);
  const bool inside = !relative.empty() && *relative.begin() != "..";
  FileSpan stored = image;
  stored.file = (inside ? relative : whole).generic_string();
  return stored.string();
}

void check_post(const Post& post, const DataSet& data, std::set<std::string>& seen) {
  const auto fail = [&](const std::string& why) { throw DataError(fmt::format("data set {}, post \"{}\": {}", data.name, post.id, why)); };
  if (const std::string fault = id_fault(post.id); !fault.empty()) fail(fmt::format("field \"id\" {}", fault));
  if (!seen.insert(post.id).second) fail("field \"id\" occurs twice");
  if (find_invalid_utf8(post.text) != std::string::npos) fail("field \"text\" is not UTF-8");
  if (find_invalid_utf8(post.image.string()) != std::string::npos) fail("field \"image\" is not UTF-8");
  if (post.label_id == -1 && post.label.empty() && post.split == Split::kTest) return;
  if (post.label_id < 0 || post.label_id >= static_cast<int64_t>(data.labels.size())) {
    fail(fmt::format("field \"label\" has number {}, expected 0 to {}", post.label_id, static_cast<int64_t>(data.labels.size()) - 1));
  }
  const std::string& label = data.labels[static_cast<size_t>(post.label_id)];
  if (!post.label.empty() && post.label != label) {
    fail(fmt::format("field \"label\" is \"{}\", but its number {} means \"{}\"", post.label, post.label_id, label));
  }
}

}  // namespace

std::map<std::string, int64_t> label_totals(const DataSet& data) {
  std::map<std::string, int64_t> counts;
  for (const auto& label : data.labels) counts[label] = 0;
  for (const auto& post : data.posts) {
    if (post.label_id >= 0) ++counts[data.labels.at(static_cast<size_t>(post.label_id))];
  }
  return counts;
}

nlohmann::json count_posts(const DataSet& data) {
  nlohmann::json counts = nlohmann::json::object();
  for (const auto& post : data.posts) {
    auto& split = counts[split_name(post.split)];
    if (split.is_null()) {
      split = {{"posts", 0}, {"with_text", 0}, {"with_image", 0}, {"labels", nlohmann::json::object()}};
      for (const auto& label : data.labels) split["labels"][label] = 0;
    }
    const auto add = [](nlohmann::json& value) { value = value.get<int64_t>() + 1; };
    add(split["posts"]);
    if (!post.text.empty()) add(split["with_text"]);
    if (!post.image.empty()) add(split["with_image"]);
    if (post.label_id >= 0) {
      add(split["labels"][data.labels.at(static_cast<size_t>(post.label_id))]);
    } else {
      split["unlabelled"] = split.value("unlabelled", int64_t{0}) + 1;
    }
  }
  return counts;
}

void write_data_set(const DataSet& data, const nlohmann::json& rules, const fs::path& folder) {
  make_folder(folder);
  std::set<std::string> seen;
  std::string bytes;
  for (const auto& post : data.posts) {
    check_post(post, data, seen);
    nlohmann::ordered_json row{{"id", post.id}};
    if (!post.text.empty()) row["text"] = post.text;
    if (!post.image.empty()) row["image"] = stored_path(post.image, folder);
    if (post.label_id >= 0) row["label"] = data.labels[static_cast<size_t>(post.label_id)];
    row["split"] = split_name(post.split);
    bytes += row.dump() + '\n';
  }
  write_file_atomic(folder / kPostsFile, bytes);
  nlohmann::ordered_json description;
  description["name"] = data.name;
  description["labels"] = data.labels;
  description["counts"] = count_posts(data);
  description["sha256"] = sha256_hex(bytes);
  description["rules"] = rules;
  write_file_atomic(folder / kDescriptionFile, description.dump(2) + '\n');
}

}  // namespace infig
