#include "posts/outcome.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/words.h"
#include "data/utf8.h"

namespace infig {
namespace {

// The fault that is known before anything of the picture is.
PostOutcome outcome_before_scoring(const PostRequest& request) {
  PostOutcome outcome;
  outcome.text = has_text(request.post);
  outcome.caption = !request.post.caption.empty();
  outcome.attributes = !request.post.attributes.empty();
  if (request.post.names_picture()) outcome.picture_state = PictureState::kNotRead;
  const size_t wrong = find_invalid_utf8(request.post.text);
  if (!request.fault.empty()) {
    outcome.fault = PostFault::kRow;
    outcome.message = request.fault;
  } else if (wrong != std::string::npos) {
    outcome.fault = PostFault::kText;
    outcome.message = fmt::format("the text is not UTF-8 (byte {})", wrong);
  } else if (!outcome.text && !request.post.names_picture()) {
    outcome.fault = PostFault::kEmpty;
    outcome.message = "neither text nor picture";
  } else if (request.post.names_picture()) {
    outcome.picture_state = PictureState::kWhole;  // unless it turns out to be a bad one
  }
  return outcome;
}

void note_bad_picture(PostOutcome& outcome, const BadPicture& bad) {
  outcome.picture = spoken(bad.status) + ": " + bad.reason;
  outcome.picture_state = bad.truncated() ? PictureState::kTruncated : bad.absent() ? PictureState::kAbsent : PictureState::kBad;
  if (bad.truncated()) return;
  if (!outcome.text) {
    outcome.fault = PostFault::kEmpty;  // nothing of the post is left: what a network says of nothing is no prediction
    outcome.message = "no text, and image " + outcome.picture;
    outcome.probabilities.clear();
  } else if (outcome.probabilities.empty()) {
    outcome.fault = PostFault::kPicture;
    outcome.message = "image " + outcome.picture;
  }
}

}  // namespace

bool has_text(const Post& post) { return !strip_ascii_space(post.text).empty(); }

std::vector<size_t> places_to_judge(const std::vector<Post>& posts, const std::vector<int64_t>& rows,
                                    const std::map<int64_t, BadPicture>& bad, bool sees_text, bool sees_pictures) {
  std::vector<size_t> places;
  for (size_t i = 0; i < rows.size(); ++i) {
    const Post& post = posts.at(static_cast<size_t>(rows[i]));
    const auto found = bad.find(rows[i]);
    const bool picture = sees_pictures && post.names_picture() && (found == bad.end() || found->second.truncated());
    if (picture || (sees_text && has_text(post))) places.push_back(i);
  }
  return places;
}

void keep_places(const std::vector<size_t>& places, std::vector<int64_t>& rows, std::vector<double>& probabilities) {
  const size_t classes = rows.empty() ? 0 : probabilities.size() / rows.size();
  for (size_t i = 0; i < places.size(); ++i) {
    rows[i] = rows.at(places[i]);
    for (size_t c = 0; c < classes; ++c) probabilities[i * classes + c] = probabilities[places[i] * classes + c];
  }
  rows.resize(places.size());
  probabilities.resize(places.size() * classes);
}

Intake take_in(const std::vector<PostRequest>& requests) {
  Intake intake;
  for (const PostRequest& request : requests) {
    intake.posts.push_back(request.post);
    intake.outcomes.push_back(outcome_before_scoring(request));
    if (intake.outcomes.back().ok()) {
      intake.rows.push_back(static_cast<int64_t>(intake.posts.size()) - 1);
    } else {
      intake.posts.back().text.clear();  // no tokenizer sees what is not UTF-8
    }
  }
  return intake;
}

std::vector<PostOutcome> settle(Intake&& intake, const ScoredIntake& scored, size_t classes) {
  std::vector<PostOutcome> outcomes = std::move(intake.outcomes);
  if (scored.probabilities.size() != scored.rows.size() * classes) {
    throw ShapeError(fmt::format("{} probabilities for {} posts and {} classes", scored.probabilities.size(), scored.rows.size(), classes));
  }
  for (size_t i = 0; i < scored.rows.size(); ++i) {
    const double* row = scored.probabilities.data() + i * classes;
    outcomes.at(static_cast<size_t>(scored.rows[i])).probabilities.assign(row, row + classes);
  }
  for (const auto& [row, bad] : scored.bad_pictures) {
    PostOutcome& outcome = outcomes.at(static_cast<size_t>(row));
    if (outcome.ok() && outcome.picture_state != PictureState::kNone) note_bad_picture(outcome, bad);
  }
  for (size_t i = 0; i < outcomes.size(); ++i) {
    if (outcomes[i].ok() && outcomes[i].probabilities.size() != classes)
      throw ShapeError(fmt::format("post {}: no probabilities and no fault", i));
  }
  return outcomes;
}

int64_t answer_of(const PostOutcome& outcome, double least) {
  if (outcome.probabilities.empty()) return -1;
  const auto largest = std::max_element(outcome.probabilities.begin(), outcome.probabilities.end());
  return *largest < least ? -1 : largest - outcome.probabilities.begin();
}

}  // namespace infig
