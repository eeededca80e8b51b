#include <nlohmann/json.hpp>

#include "data/data_set.h"
#include "quality/data_report.h"

namespace infig {

std::string data_report_json(const VerifyReport& report) {
  using Json = nlohmann::ordered_json;
  Json json;
  json["name"] = report.data.name;
  json["sha256"] = report.data.sha256;
  json["good"] = report.good();
  json["misses"] = report.misses;
  json["faulty_rows"] = report.row_faults.size();
  json["posts"] = report.data.posts.size();
  json["unlabelled"] = count_unlabelled(report);
  json["labels"] = report.data.labels;
  json["counts"] = count_posts(report.data);
  json["odd_labels"] = report.odd_labels;
  Json pictures{{"named", count_named(report)}};
  if (!report.pictures.empty()) {
    pictures["unusable"] = count_unusable(report);
    for (const auto& [status, count] : picture_statuses(report)) pictures["status"][status] = count;
  }
  if (report.raw_pictures_named > 0) pictures["raw"] = {{"named", report.raw_pictures_named}, {"there", report.raw_pictures_there}};
  json["pictures"] = std::move(pictures);
  json["odd_texts"] = Json::object();
  for (const auto& [kind, rows] : report.texts.odd) json["odd_texts"][odd_text_name(kind)] = rows.size();
  json["leaks"] = Json::array();
  for (const auto& count : report.leak_counts) {
    json["leaks"].push_back({{"kind", leak_kind_name(count.kind)},
                             {"split", split_name(count.split)},
                             {"other_split", split_name(count.other)},
                             {"posts", count.posts},
                             {"other_label", count.other_label}});
  }
  json["leaked_test_posts"] = leaked_test_rows(report).size();
  return json.dump(2) + "\n";
}

}  // namespace infig
