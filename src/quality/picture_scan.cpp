#include "quality/picture_scan.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <mutex>
#include <string_view>

#include "core/files.h"
#include "core/parallel.h"
#include "core/progress.h"
#include "image/decode.h"

namespace infig {
namespace {

bool has_wrong_extension(const std::filesystem::path& path, const std::string& format) {
  static const std::map<std::string, std::string> kFormats{
      {".jpg", "JPEG"},  {".jpeg", "JPEG"}, {".jpe", "JPEG"},  {".png", "PNG"},  {".webp", "WebP"}, {".gif", "GIF"}, {".bmp", "BMP"},
      {".avif", "AVIF"}, {".heic", "HEIC"}, {".heif", "HEIC"}, {".tif", "TIFF"}, {".tiff", "TIFF"}, {".jxl", "JXL"}};
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(), [](unsigned char c) { return std::tolower(c); });
  const auto found = kFormats.find(extension);
  return !format.empty() && found != kFormats.end() && found->second != format;
}

PictureFacts scan_picture(const FileSpan& picture, const ScanOptions& options) {
  PictureFacts facts;
  const ImageFile file = read_image_file(picture);
  DecodedImage decoded{.image = {}, .status = file.status, .reason = file.reason};
  if (file.status == ImageStatus::kOk) {
    facts.bytes = static_cast<int64_t>(file.bytes.size());
    const char* format = image_format(file.bytes);
    facts.format = format == nullptr ? "" : format;
    facts.wrong_extension = picture.whole() && has_wrong_extension(picture.file, facts.format);
    if (!file.bytes.empty()) facts.sha256 = sha256_hex({reinterpret_cast<const char*>(file.bytes.data()), file.bytes.size()});
    decoded = decode_image(file.bytes, {.max_pixels = options.max_pixels, .shorter_side = kPrintPixels});
  }
  facts.status = image_status_name(decoded.status);
  facts.reason = std::move(decoded.reason);
  facts.usable = usable(decoded.status);
  if (!facts.usable) return facts;
  facts.width = decoded.width;
  facts.height = decoded.height;
  facts.print = make_print(decoded.image);
  facts.print.aspect = static_cast<float>(static_cast<double>(facts.width) / static_cast<double>(facts.height));  // a small one is rounded
  return facts;
}

}  // namespace

std::vector<PictureFacts> scan_pictures(const std::vector<Post>& posts, const ScanOptions& options) {
  std::vector<PictureFacts> facts(posts.size());
  ProgressBar bar("pictures", static_cast<int64_t>(posts.size()), "pictures");
  std::mutex mutex;
  int64_t done = 0;
  parallel_for(static_cast<int64_t>(posts.size()), options.threads, [&](int64_t row) {
    const auto place = static_cast<size_t>(row);
    if (posts[place].image.empty()) {
      facts[place].status = "none";
    } else {
      facts[place] = scan_picture(posts[place].image, options);
    }
    const std::lock_guard<std::mutex> lock(mutex);
    bar.update(++done);
  });
  return facts;
}

}  // namespace infig
