// Processes one post's picture: transfers it to images/, or decodes, shrinks and encodes it for the pack. Thread-safe.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "image/image.h"
#include "prepare/prepare.h"
#include "prepare/source.h"

namespace infig {

struct PictureOutcome {
  std::string status;  // a word of image_status_name(); empty: the raw files name no picture, or it was brought in by its first bytes alone
  std::string image;   // what posts.jsonl says; empty: no picture, or one that goes into the pack
  std::string jpeg;    // for the pack
  int64_t width = 0;   // of `jpeg`
  int64_t height = 0;
  std::string sha256;       // of the picture's bytes, where they were read
  std::string why_missing;  // why there is no picture, in words, where one was named
  std::string drop;         // not empty: the post is to be dropped for this reason
  std::vector<RawNote> notes;

  bool there() const { return !image.empty() || !jpeg.empty(); }
};

// Brings pictures into `folder` (the data set to be). images/<id><extension> is the name of a file; the extension is the raw file's, in
// lower case, and ".img" where that has none of 1 to 8 letters or digits; a picture out of a larger file gets that of its format. It never
// is empty and holds one dot: so no two ids share a name.
class PictureStep {
 public:
  PictureStep(std::filesystem::path folder, const PrepareOptions& options);  // makes images/ where it is needed

  // Throws DataError for a bad picture where the policy is to stop, ResourceError for what cannot be written.
  PictureOutcome bring(const RawPost& post) const;

 private:
  std::string file_name(const RawPost& post) const;
  void place(const RawPost& post, PictureOutcome& outcome) const;
  void place_span(const RawPost& post, PictureOutcome& outcome) const;
  void look_at_start(const RawPost& post, std::span<const uint8_t> start, PictureOutcome& outcome) const;
  void decode(const RawPost& post, PictureOutcome& outcome) const;
  void judge_bad(const RawPost& post, const std::string& status, const std::string& reason, PictureOutcome& outcome) const;

  std::filesystem::path folder_;
  const PrepareOptions& options_;
};

// As a pack holds it: the shorter side at most `side` (Pillow's antialiased bilinear filter, the longer side int(side * long / short)),
// never enlarged; and no side above the 65,500 pixels that a JPEG can have.
Image shrink_for_pack(const Image& image, int64_t side);

}  // namespace infig
