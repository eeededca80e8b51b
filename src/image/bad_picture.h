// Pictures that are not whole, and what becomes of the posts that name them (docs/pictures.md).
#pragma once

#include <string>

#include "image/decode.h"

namespace infig {

// --bad-image, data.bad_image: a post names a picture that cannot be used.
enum class BadImage {
  kMissing,  // its text alone takes part
  kSkip,     // the post is left out
  kError,    // the work stops
};

struct BadPicture {
  std::string id;
  std::string file;    // with its span where it lies in a larger one
  std::string status;  // image_status_name
  std::string reason;
  bool truncated() const;  // only its first rows could be decoded: such a picture takes part, every other bad one does not
  bool absent() const;     // there is no such file
};

enum class PictureFate {
  kNone,     // the post names none, which no policy is about: its text takes part
  kUsed,     // whole, or truncated
  kMissing,  // cannot be used; the post's text alone takes part
  kDropped,  // cannot be used; the post is left out
  kStop,     // cannot be used; the work stops
};

// `named`: the post names a picture. `usable`: it could be decoded, whole or in part; of no meaning where none is named.
PictureFate picture_fate(bool named, bool usable, BadImage policy);

}  // namespace infig
