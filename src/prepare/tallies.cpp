#include "prepare/tallies.h"

#include <algorithm>

#include "core/files.h"

namespace infig {
using Json = nlohmann::ordered_json;
namespace {

Json pairs_json(const std::vector<PostNote>& notes) {
  Json list = Json::array();
  for (const auto& note : notes) list.push_back({note.id, note.reason});
  return list;
}

std::vector<PostNote> notes_of(const Json& list) {
  std::vector<PostNote> notes;
  for (const auto& pair : list) notes.push_back({pair.at(0).get<std::string>(), pair.at(1).get<std::string>()});
  return notes;
}

void list_first(std::vector<PostNote>& list, const std::string& id, const std::string& reason) {
  if (list.size() < PrepareReport::kListed) list.push_back({id, reason});
}

}  // namespace

Tallies::Tallies(size_t labels) {
  for (auto& split : splits_) split.labels.assign(labels, 0);
}

Tallies::Tallies(const Json& saved, size_t labels) : Tallies(labels) {
  for (size_t i = 0; i < splits_.size(); ++i) {
    const Json& split = saved.at("splits").at(i);
    splits_[i] = {
        .posts = split.at(0), .with_text = split.at(1), .with_image = split.at(2), .unlabelled = split.at(4), .labels = split.at(3)};
    splits_[i].labels.resize(labels);
  }
  for (const auto& pair : saved.at("kinds")) kinds_.emplace_back(pair.at(0).get<std::string>(), pair.at(1).get<int64_t>());
  for (const auto& pair : saved.at("reasons")) reasons_.emplace_back(pair.at(0).get<std::string>(), pair.at(1).get<int64_t>());
  for (const auto& [status, count] : saved.at("pictures").items()) pictures_[status] = count.get<int64_t>();
  dropped_ = notes_of(saved.at("dropped"));
  notes_ = notes_of(saved.at("notes"));
  dropped_count_ = saved.at("dropped_count");
  notes_count_ = saved.at("notes_count");
  pictures_read_ = saved.at("pictures_read");
  picture_chain_ = saved.at("picture_chain");
  pictures_named_ = saved.at("pictures_named");
  pictures_there_ = saved.at("pictures_there");
  first_missing_ = saved.at("first_missing");
}

Json Tallies::to_json() const {
  Json saved;
  saved["splits"] = Json::array();
  for (const auto& split : splits_)
    saved["splits"].push_back({split.posts, split.with_text, split.with_image, split.labels, split.unlabelled});
  saved["kinds"] = Json::array();
  for (const auto& [kind, count] : kinds_) saved["kinds"].push_back({kind, count});
  saved["reasons"] = Json::array();
  for (const auto& [reason, count] : reasons_) saved["reasons"].push_back({reason, count});
  saved["pictures"] = pictures_;
  saved["dropped"] = pairs_json(dropped_);
  saved["notes"] = pairs_json(notes_);
  saved["dropped_count"] = dropped_count_;
  saved["notes_count"] = notes_count_;
  saved["pictures_read"] = pictures_read_;
  saved["picture_chain"] = picture_chain_;
  saved["pictures_named"] = pictures_named_;
  saved["pictures_there"] = pictures_there_;
  saved["first_missing"] = first_missing_;
  return saved;
}

void Tallies::drop(const std::string& id, const std::string& reason) {
  ++dropped_count_;
  list_first(dropped_, id, reason);
  const auto found = std::find_if(reasons_.begin(), reasons_.end(), [&](const auto& pair) { return pair.first == reason; });
  if (found != reasons_.end()) {
    ++found->second;
  } else if (reasons_.size() < PrepareReport::kReasons) {
    reasons_.emplace_back(reason, 1);
  }
}

void Tallies::note(const std::string& id, const RawNote& note, const std::string& line) {
  ++notes_count_;
  list_first(notes_, id, line);
  const auto found = std::find_if(kinds_.begin(), kinds_.end(), [&](const auto& pair) { return pair.first == note.kind; });
  if (found == kinds_.end()) {
    kinds_.emplace_back(note.kind, 1);
  } else {
    ++found->second;
  }
}

void Tallies::keep(Split split, int64_t label_id, bool with_text, bool with_image) {
  auto& all = splits_.at(static_cast<size_t>(split));
  ++all.posts;
  all.with_text += with_text ? 1 : 0;
  all.with_image += with_image ? 1 : 0;
  if (label_id >= 0) {
    ++all.labels.at(static_cast<size_t>(label_id));
  } else {
    ++all.unlabelled;
  }
}

void Tallies::add_picture_hash(const std::string& sha256) {
  ++pictures_read_;
  picture_chain_ = sha256_hex(picture_chain_ + sha256);
}

void Tallies::named_picture(bool there, const std::string& place) {
  ++pictures_named_;
  pictures_there_ += there ? 1 : 0;
  if (!there && first_missing_.empty()) first_missing_ = place;
}

int64_t Tallies::kept() const { return splits_[0].posts + splits_[1].posts + splits_[2].posts; }

Json Tallies::counts(const std::vector<std::string>& labels) const {
  Json counts = Json::object();
  // In alphabetical order, as count_posts() has them.
  for (const Split split : {Split::kDev, Split::kTest, Split::kTrain}) {
    const auto& all = splits_.at(static_cast<size_t>(split));
    if (all.posts == 0) continue;
    Json by_label = Json::object();
    for (size_t i = 0; i < labels.size(); ++i) by_label[labels[i]] = all.labels[i];
    counts[split_name(split)] = {{"posts", all.posts}, {"with_text", all.with_text}, {"with_image", all.with_image}, {"labels", by_label}};
    if (all.unlabelled > 0) counts[split_name(split)]["unlabelled"] = all.unlabelled;
  }
  return counts;
}

PrepareReport Tallies::report(const std::vector<RuleCount>& rules) const {
  PrepareReport report;
  for (const auto& rule : rules) report.counts.emplace_back(rule.rule, rule.left);
  report.counts.emplace_back("posts with a text or a picture", kept());
  report.noted = kinds_;
  report.dropped = dropped_;
  report.dropped_reasons = reasons_;
  report.notes = notes_;
  report.dropped_count = dropped_count_;
  report.notes_count = notes_count_;
  report.pictures_named = pictures_named_;
  report.pictures_there = pictures_there_;
  return report;
}

}  // namespace infig
