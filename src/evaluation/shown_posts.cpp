#include "evaluation/shown_posts.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <unordered_map>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "core/parallel.h"
#include "data/rows.h"
#include "evaluation/gallery.h"
#include "image/decode.h"
#include "image/encode.h"
#include "image/thumbnail.h"

namespace infig {
namespace {

constexpr const char* kPostsTail = "-posts.json";
constexpr std::string_view kPictureStart = "data:image/jpeg;base64,";

// Finds the post of every prediction. Throws if a post is missing or has another label, since the run was then evaluated on other data.
std::vector<const Post*> posts_of_result(const EvaluationResult& result, const DataSet& data) {
  std::unordered_map<std::string, const Post*> by_id;
  for (const auto& post : data.posts) by_id.emplace(post.id, &post);
  std::vector<const Post*> posts;
  for (size_t i = 0; i < result.predictions.size(); ++i) {
    const Prediction& said = result.predictions[i];
    const auto found = by_id.find(said.id);
    const auto name = [](int64_t id, const std::vector<std::string>& labels) {
      return id < 0 ? std::string() : labels.at(static_cast<size_t>(id));
    };
    const bool same_truth = found != by_id.end() && name(found->second->label_id, data.labels) == name(said.label_id, result.labels);
    if (!same_truth) {
      throw DataError(
          fmt::format("predictions of {}, {}: post '{}' {} data set {}; give the data set that the run was evaluated on, or evaluate it "
                      "again",
                      result.split, RowAt{.line = static_cast<int64_t>(i) + 2, .number = static_cast<int64_t>(i) + 1}.words(), said.id,
                      found == by_id.end() ? "is not in" : "has another label in", data.name));
    }
    posts.push_back(found->second);
  }
  return posts;
}

nlohmann::ordered_json to_json(const std::vector<ShownPost>& posts) {
  auto list = nlohmann::ordered_json::array();
  for (const ShownPost& one : posts) {
    nlohmann::ordered_json json{{"id", one.prediction.id},
                                {"text", one.text},
                                {"label_id", one.prediction.label_id},
                                {"predicted_id", one.prediction.predicted_id},
                                {"probabilities", one.prediction.probabilities}};
    if (!one.note.empty()) json["note"] = one.note;
    if (!one.picture.empty()) {
      json["width"] = one.width;
      json["height"] = one.height;
      json["picture"] = one.picture;
    }
    list.push_back(std::move(json));
  }
  return list;
}

// The picture is copied into the page as it is, so nothing but base64 is allowed.
bool is_picture(const std::string& uri) {
  if (!uri.starts_with(kPictureStart)) return false;
  return std::all_of(uri.begin() + kPictureStart.size(), uri.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '/' || c == '=';
  });
}

ShownPost read_post(const nlohmann::json& json, int64_t classes) {
  ShownPost one;
  one.prediction = {.id = json.at("id").get<std::string>(),
                    .label_id = json.at("label_id").get<int64_t>(),
                    .predicted_id = json.at("predicted_id").get<int64_t>(),
                    .probabilities = json.at("probabilities").get<std::vector<double>>()};
  one.text = json.at("text").get<std::string>();
  one.note = json.value("note", "");
  one.picture = json.value("picture", "");
  if (!one.picture.empty()) {
    one.width = json.at("width").get<int64_t>();
    one.height = json.at("height").get<int64_t>();
  }
  const auto fits = [classes](int64_t id) { return id >= 0 && id < classes; };
  if (!fits(one.prediction.label_id) || !fits(one.prediction.predicted_id) ||
      one.prediction.probabilities.size() != static_cast<size_t>(classes) || (!one.picture.empty() && !is_picture(one.picture)))
    throw DataError(fmt::format("post '{}' does not fit {} classes, or its picture is not valid", one.prediction.id, classes));
  return one;
}

}  // namespace

ShownPost show_post(const Post& post, const Prediction& prediction, const ReportOptions& options) {
  ShownPost one{.prediction = prediction, .text = post.text};
  if (post.image.empty()) {
    one.note = "no picture";
    return one;
  }
  const DecodedImage decoded = decode_image_file(post.image, {.max_pixels = options.max_pixels, .apply_exif = options.exif});
  if (!usable(decoded.status)) {
    one.note = fmt::format("picture unreadable ({})", image_status_name(decoded.status));
    return one;
  }
  const Image thumbnail = make_thumbnail(decoded.image, options.thumbnail);
  one.picture = data_uri("image/jpeg", encode_jpeg(thumbnail, static_cast<int>(options.jpeg_quality)));
  one.width = thumbnail.width;
  one.height = thumbnail.height;
  if (decoded.status == ImageStatus::kTruncated) one.note = "truncated file";
  return one;
}

ShownPosts choose_posts(const EvaluationResult& result, const DataSet& data, const ReportOptions& options) {
  const std::vector<const Post*> posts = posts_of_result(result, data);
  ShownPosts chosen;
  for (const Prediction& one : result.predictions) {
    if (one.label_id >= 0) ++(one.label_id == one.predicted_id ? chosen.all_right : chosen.all_wrong);
  }
  const auto take = [&](const std::vector<int64_t>& rows) {
    std::vector<ShownPost> taken(rows.size());
    parallel_for(static_cast<int64_t>(rows.size()), options.threads, [&](int64_t i) {
      const auto row = static_cast<size_t>(rows[static_cast<size_t>(i)]);
      taken[static_cast<size_t>(i)] = show_post(*posts[row], result.predictions[row], options);
    });
    return taken;
  };
  chosen.wrong = take(most_confident_wrong(result.predictions, options.wrong_posts));
  chosen.right = take(spread_of_right(result.predictions, static_cast<int64_t>(result.labels.size()), options.right_posts));
  return chosen;
}

void write_shown_posts(const ShownPosts& posts, const StoredEvaluation& stored, const std::filesystem::path& run_folder) {
  const nlohmann::ordered_json json{
      {"all_wrong", posts.all_wrong}, {"all_right", posts.all_right}, {"wrong", to_json(posts.wrong)}, {"right", to_json(posts.right)}};
  write_file_atomic(GuardedFolder(run_folder), stored.path("", kPostsTail), json.dump(1) + "\n");
}

std::optional<ShownPosts> read_shown_posts(const std::filesystem::path& run_folder, const StoredEvaluation& stored, int64_t classes) {
  const std::filesystem::path path = stored.path(run_folder, kPostsTail);
  std::error_code code;
  if (std::filesystem::symlink_status(path, code).type() != std::filesystem::file_type::regular) return std::nullopt;
  const std::string bytes = read_file(path);
  const nlohmann::json json = parse_foreign_json(bytes);
  const auto refuse = [&path](const std::string& what) -> DataError {
    return DataError(fmt::format("{}: {}; evaluate the run again to write the file anew", path.string(), what));
  };
  if (!json.is_object()) throw refuse(json.is_discarded() ? "not JSON: " + foreign_json_fault(bytes) : "not an object");
  try {
    ShownPosts posts{.all_wrong = json.at("all_wrong").get<int64_t>(), .all_right = json.at("all_right").get<int64_t>()};
    for (const auto& one : json.at("wrong")) posts.wrong.push_back(read_post(one, classes));
    for (const auto& one : json.at("right")) posts.right.push_back(read_post(one, classes));
    return posts;
  } catch (const nlohmann::json::exception& error) {
    throw refuse(json_fault(error));
  } catch (const DataError& error) {
    throw refuse(error.what());
  }
}

}  // namespace infig
