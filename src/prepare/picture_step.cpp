#include "prepare/picture_step.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "core/error.h"
#include "core/file_span.h"
#include "core/files.h"
#include "image/decode.h"
#include "image/encode.h"
#include "image/resize.h"

namespace infig {
namespace fs = std::filesystem;
namespace {

constexpr int64_t kLargestJpegSide = 65500;
constexpr int64_t kStart = 64;  // bytes by which a format is told

// What messages and notes call a picture: no folder of this machine, and the same for a folder and an archive of it.
std::string called(const PictureRef& picture) {
  if (!picture.named.empty()) return picture.named;
  return picture.member.empty() ? picture.file.filename().string()
                                : fmt::format("{} in {}", picture.member, picture.file.filename().string());
}

std::string in_words(std::string status) {
  std::replace(status.begin(), status.end(), '_', ' ');
  return status;
}

FileSpan span_of(const PictureRef& picture) { return {picture.file, picture.offset, picture.length}; }

// The extension of a picture without a file name.
std::string extension_of(std::span<const uint8_t> bytes) {
  const char* format = image_format(bytes);
  const std::string name = format == nullptr ? "img" : format;
  std::string extension = ".";
  for (const char c : name) extension += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return extension == ".jpeg" ? ".jpg" : extension;
}

void write_plain(const fs::path& path, std::string_view bytes) {
  errno = 0;
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  out.close();
  if (!out) throw ResourceError(fmt::format("{}: writing failed: {}", path.string(), std::strerror(errno)));
}

}  // namespace

Image shrink_for_pack(const Image& image, int64_t side) {
  Image small = std::min(image.width, image.height) > side ? resize_shorter(image, side, Filter::kBilinear) : image;
  const int64_t longest = std::max(small.width, small.height);
  if (longest <= kLargestJpegSide) return small;
  const auto fit = [&](int64_t length) { return std::max<int64_t>(1, length * kLargestJpegSide / longest); };
  return resize(small, fit(small.width), fit(small.height), Filter::kBilinear);
}

PictureStep::PictureStep(fs::path folder, const PrepareOptions& options) : folder_(std::move(folder)), options_(options) {
  if (!options_.pack) make_folder(folder_ / "images");
}

std::string PictureStep::file_name(const RawPost& post) const {
  std::string extension = post.picture.file.extension().string();
  const auto plain = [](unsigned char c) { return c < 0x80 && std::isalnum(c) != 0; };
  if (extension.size() < 2 || extension.size() > 9 || !std::all_of(extension.begin() + 1, extension.end(), plain)) extension = ".img";
  std::transform(extension.begin(), extension.end(), extension.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return post.id + extension;
}

PictureOutcome PictureStep::bring(const RawPost& post) const {
  PictureOutcome outcome;
  if (post.picture.none()) {
    outcome.notes.push_back({"no picture named"});
  } else if (options_.pack || options_.bad_pictures) {
    decode(post, outcome);
  } else {
    place(post, outcome);
    if (!outcome.why_missing.empty()) outcome.notes.push_back({"picture absent", outcome.why_missing});
  }
  return outcome;
}

void PictureStep::place(const RawPost& post, PictureOutcome& outcome) const {
  if (!post.picture.whole_file()) return place_span(post, outcome);
  const std::string name = file_name(post);
  if (transfer_picture(post.picture.file, folder_ / "images" / name, options_.pictures)) {
    outcome.image = "images/" + name;
    std::vector<uint8_t> start(kStart);
    std::ifstream in(post.picture.file, std::ios::binary);
    in.read(reinterpret_cast<char*>(start.data()), kStart);
    start.resize(static_cast<size_t>(std::max<std::streamsize>(0, in.gcount())));
    look_at_start(post, start, outcome);
  } else {
    outcome.status = image_status_name(ImageStatus::kAbsent);
    outcome.why_missing = fmt::format("no readable file {}", called(post.picture));
  }
}

// The picture is linked all the same: what it is may be known to who reads it later.
void PictureStep::look_at_start(const RawPost& post, std::span<const uint8_t> start, PictureOutcome& outcome) const {
  if (!outcome.status.empty() || options_.pack || options_.bad_pictures) return;  // decoded, and judged by that
  const char* format = image_format(start);
  const bool known =
      format != nullptr && std::ranges::none_of(formats_left_out(), [&](const char* one) { return std::strcmp(one, format) == 0; });
  if (known) return;
  outcome.status = image_status_name(start.empty() ? ImageStatus::kEmpty : ImageStatus::kUnknownFormat);
  std::string words;
  for (size_t i = 0; i < std::min<size_t>(start.size(), 12); ++i) words += fmt::format(" {:02x}", start[i]);
  outcome.notes.push_back({start.empty() ? "picture empty" : "picture of unknown format",
                           format != nullptr ? fmt::format("{}: {}, which this build cannot decode", called(post.picture), format)
                                             : fmt::format("{}: begins with{}", called(post.picture), words.empty() ? " nothing" : words)});
}

void PictureStep::place_span(const RawPost& post, PictureOutcome& outcome) const {
  if (options_.pictures == PictureTransfer::kSymlink) {  // the tar stays where it is, and the post points into it
    outcome.image = FileSpan(fs::absolute(post.picture.file).lexically_normal(), post.picture.offset, post.picture.length).string();
    FileSpan start = span_of(post.picture);
    start.length = std::min<int64_t>(start.length, kStart);
    const ImageFile read = read_image_file(start);
    if (read.status == ImageStatus::kOk) look_at_start(post, read.bytes, outcome);
    return;
  }
  if (post.picture.length > kMaxPictureBytes) {
    outcome.status = image_status_name(ImageStatus::kTooLarge);
    outcome.why_missing =
        fmt::format("{}: {} bytes, more than the {} MiB of a picture", called(post.picture), post.picture.length, kMaxPictureBytes >> 20);
    return;
  }
  std::string bytes;
  try {
    bytes = read_span(span_of(post.picture));
  } catch (const DataError& error) {
    outcome.status = image_status_name(ImageStatus::kAbsent);
    outcome.why_missing = error.what();
    return;
  }
  const std::span<const uint8_t> content(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  look_at_start(post, content.first(std::min<size_t>(content.size(), kStart)), outcome);
  const std::string name = post.id + extension_of(content);
  write_plain(folder_ / "images" / name, bytes);
  outcome.image = "images/" + name;
}

void PictureStep::decode(const RawPost& post, PictureOutcome& outcome) const {
  const ImageFile file = read_image_file(span_of(post.picture));
  const DecodeOptions how{.max_pixels = options_.max_pixels};
  DecodedImage decoded = file.status == ImageStatus::kOk ? decode_image(file.bytes, how)
                                                         : DecodedImage{.image = {}, .status = file.status, .reason = file.reason};
  outcome.status = image_status_name(decoded.status);
  if (!file.bytes.empty()) outcome.sha256 = sha256_hex({reinterpret_cast<const char*>(file.bytes.data()), file.bytes.size()});
  if (!usable(decoded.status)) return judge_bad(post, outcome.status, decoded.reason, outcome);
  if (decoded.status == ImageStatus::kTruncated)
    outcome.notes.push_back({"picture truncated", fmt::format("{}: {}", called(post.picture), decoded.reason)});
  if (!options_.pack) return place(post, outcome);
  const Image small = shrink_for_pack(decoded.image, options_.pack->side);
  outcome.jpeg = encode_jpeg(small, static_cast<int>(options_.pack->quality));
  outcome.width = small.width;
  outcome.height = small.height;
}

void PictureStep::judge_bad(const RawPost& post, const std::string& status, const std::string& reason, PictureOutcome& outcome) const {
  const std::string words = in_words(status);
  const std::string detail = fmt::format("{}: {}", called(post.picture), reason);
  switch (options_.bad_pictures.value_or(BadPictures::kMissing)) {
    case BadPictures::kMissing:
      outcome.why_missing = fmt::format("its picture is {} ({})", words, detail);
      outcome.notes.push_back({"picture " + words, detail});
      return;
    case BadPictures::kSkip:
      outcome.drop = fmt::format("picture {}: {}", words, detail);
      return;
    case BadPictures::kError:
      throw DataError(
          fmt::format("post \"{}\": picture {}: {}; --bad-image missing keeps such posts with their text alone, skip drops them", post.id,
                      words, detail));
  }
}

}  // namespace infig
