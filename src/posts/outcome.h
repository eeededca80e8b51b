// What becomes of posts to be scored: which of them a network is asked about, and what is said of each in the end. The network itself is
// somebody else's; everything here is free of it (docs/data.md, "Which posts get a prediction").
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "image/bad_picture.h"
#include "posts/post_input.h"

namespace infig {

enum class PostFault {
  kNone,
  kRow,      // a row that could not be read
  kText,     // not UTF-8
  kPicture,  // cannot be used, under BadImage::kSkip
  kEmpty,    // neither a text nor a picture that can be used
};

// The picture that a post names.
enum class PictureState {
  kNone,     // it names none
  kNotRead,  // the post's fault was known before
  kWhole,
  kTruncated,  // used
  kAbsent,     // not used: no such file
  kBad,        // not used: empty, broken, of no known format, too large
};

struct PostOutcome {
  PostFault fault = PostFault::kNone;
  std::string message = {};                // of the fault
  std::vector<double> probabilities = {};  // [C], scaled by the temperature; empty with a fault
  std::string picture = {};                // "STATUS: REASON" where the post names a picture that is not whole; empty otherwise
  PictureState picture_state = PictureState::kNone;
  bool text = true;                          // whether the post has one
  bool caption = false, attributes = false;  // likewise

  bool ok() const { return fault == PostFault::kNone; }
  bool picture_used() const { return picture_state == PictureState::kWhole || picture_state == PictureState::kTruncated; }
};

// White space alone is no text to judge a post by.
bool has_text(const Post& post);

// The places in `rows` of the posts that leave something to judge by: a text, or a picture that can be used. What leaves neither is not
// scored, here as in predict. `bad`: what is known of pictures that posts name, by row. `sees_text`, `sees_pictures`: whether the model
// was trained with that side.
std::vector<size_t> places_to_judge(const std::vector<Post>& posts, const std::vector<int64_t>& rows,
                                    const std::map<int64_t, BadPicture>& bad, bool sees_text, bool sees_pictures);

// Leaves of `rows` [N] and of their `probabilities` [N, C] those at these places, in order. `places` ascends.
void keep_places(const std::vector<size_t>& places, std::vector<int64_t>& rows, std::vector<double>& probabilities);

// Posts on their way: what is known of them before a network has seen any.
struct Intake {
  std::vector<Post> posts;            // of all requests, in order
  std::vector<int64_t> rows;          // those to be scored
  std::vector<PostOutcome> outcomes;  // of all requests; those that are not to be scored have their fault
};
Intake take_in(const std::vector<PostRequest>& requests);

// What a network found for an Intake.
struct ScoredIntake {
  std::vector<int64_t> rows;                   // those of Intake::rows that were scored; what BadImage::kSkip drops is not among them
  std::vector<double> probabilities;           // [rows, C]
  std::map<int64_t, BadPicture> bad_pictures;  // that posts name, by row
};
// An outcome for every request, in order. Throws ShapeError where the numbers do not fit.
std::vector<PostOutcome> settle(Intake&& intake, const ScoredIntake& scored, size_t classes);

// Index of the first largest probability; -1 where none reaches `least` (--min-confidence).
int64_t answer_of(const PostOutcome& outcome, double least);

}  // namespace infig
