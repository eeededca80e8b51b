#include "image/bad_picture.h"

namespace infig {

bool BadPicture::truncated() const { return status == image_status_name(ImageStatus::kTruncated); }
bool BadPicture::absent() const { return status == image_status_name(ImageStatus::kAbsent); }

PictureFate picture_fate(bool named, bool usable, BadImage policy) {
  if (!named) return PictureFate::kNone;
  if (usable) return PictureFate::kUsed;
  switch (policy) {
    case BadImage::kMissing:
      return PictureFate::kMissing;
    case BadImage::kSkip:
      return PictureFate::kDropped;
    case BadImage::kError:
      break;
  }
  return PictureFate::kStop;
}

}  // namespace infig
