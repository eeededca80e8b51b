// libinfig: use a trained infig run inside another program. Load it once, then predict any number of posts.
//
//   const infig::api::Predictor predictor = infig::api::Predictor::load("runs/demo");
//   const infig::api::Prediction one = predictor.predict({"What a lovely day", infig::api::Image::encoded(jpeg)});
//   if (one.ok()) std::cout << one.label << "\n";
//
// Requires C++17 or later. Needs libtorch's shared libraries at run time, but none of its headers.
//
// Threads: every member of Predictor is const and may be called by any number of threads at once, on the same or on different predictors.
// Output: nothing is written to stdout or stderr, and no environment variable, signal handler or locale is changed. Messages go to
//   LoadOptions::log. Only one setting of the process is changed: on a GPU, libtorch's TF32 is disabled, so that fp32 means float32.
// Errors: Error is thrown for what makes the whole call impossible (a run that is missing or broken, no memory, no GPU). A problem with a
//   single post is reported in its Prediction and does not affect the others.
// Results: on one machine, with one number of threads, equal posts in one call give equal bits. The last digits of a probability depend on
//   the posts in the same batch, as in any batched network; they do not with one post per call or batch_size 1. A single post gives
//   what `infig predict --text --image` prints, a list gives what `infig predict --input` writes for the same rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#define INFIG_API __attribute__((visibility("default")))

namespace infig::api {

INFIG_API const char* version();  // version of the library: "0.1.0"

enum class ErrorKind {
  kConfig,      // an option out of range; cuda without a GPU
  kCheckpoint,  // no run at that path, a missing or broken file, or an unsupported kind of model
  kResource,    // memory, disk, GPU or permission
  kInternal,    // anything else; the message names its source
};

class INFIG_API Error : public std::exception {
 public:
  Error(ErrorKind kind, std::string message);
  Error(const Error&) noexcept;
  Error& operator=(const Error&) noexcept;
  ~Error() override;
  ErrorKind kind() const noexcept;
  const char* what() const noexcept override;  // what is wrong, where (file, key), what was expected and found, and what to do

 private:
  ErrorKind kind_;
  std::shared_ptr<const std::string> message_;
};

enum class Device { kAuto, kCpu, kCuda };  // kAuto: the GPU if libtorch supports CUDA and one is available, else the CPU
// Number format of matrix products. kAuto: that of training, which gives the scores of training and of `infig predict`; fp32 if the device
// does not support that natively.
enum class Precision { kFp32, kBf16, kFp16, kAuto };
enum class LogLevel { kInfo, kWarning, kError };

struct LoadOptions {
  Device device = Device::kAuto;
  Precision precision = Precision::kAuto;
  // Compute threads per call, >= 0. 0: libtorch's setting, by default all cores. Use 1 if many threads call the predictor at once.
  int threads = 0;
  // Scale probabilities by the temperature that `infig evaluate --fit-temperature` stored with the checkpoint. Throws Error (kCheckpoint)
  // if there is none.
  bool fitted_temperature = false;
  // Receives the messages of loading and of later calls, on the calling thread; null: messages are dropped. Must not throw, and must be
  // thread-safe if several threads use the predictor.
  std::function<void(LogLevel level, const std::string& message)> log = nullptr;
};

// A picture. It refers to the caller's bytes, which must not change until the call returns.
struct Image {
  const std::uint8_t* data = nullptr;  // null for a post without a picture
  std::size_t size = 0;                // bytes
  bool is_pixels = false;              // false: a JPEG, PNG, WebP, GIF or BMP file
  std::int64_t width = 0, height = 0;  // in pixels, if is_pixels

  Image() = default;
  // The bytes of a picture file. The format is detected from them.
  static Image encoded(const void* bytes, std::size_t size) {
    static const std::uint8_t nothing = 0;  // an empty file is a bad picture, not a missing one
    Image image;
    image.data = bytes == nullptr ? &nothing : static_cast<const std::uint8_t*>(bytes);
    image.size = bytes == nullptr ? 0 : size;
    return image;
  }
  static Image encoded(std::string_view bytes) { return encoded(bytes.data(), bytes.size()); }
  static Image encoded(const std::vector<std::uint8_t>& bytes) { return encoded(bytes.data(), bytes.size()); }
  // width x height x 3 bytes of RGB: rows from top to bottom, no padding, already in upright orientation.
  static Image rgb8(const std::uint8_t* pixels, std::int64_t width, std::int64_t height) {
    Image image;
    image.data = pixels;
    image.size = width > 0 && height > 0 ? static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3 : 0;
    image.is_pixels = true;
    image.width = width;
    image.height = height;
    return image;
  }
  bool given() const { return data != nullptr || is_pixels; }
};

struct Post {
  std::string text = {};  // UTF-8; empty: the post has no text
  Image image = {};
};

enum class BadImage {
  kTextAlone,  // use the text alone, if there is one; Prediction::image_note says why
  kFault,      // the post gets a fault
};

struct PredictOptions {
  std::int64_t batch_size = 64;  // posts computed together, >= 1; posts of similar length share a batch
  int image_threads = 2;         // threads that decode pictures, >= 0; 0: only the calling thread
  BadImage bad_image = BadImage::kTextAlone;
  bool explain = false;  // fill Prediction::explanation; costs about as much as a second prediction
  // Called after each batch, on the calling thread, with the posts done so far and the total; the last call has done == total. Must not
  // throw.
  std::function<void(std::int64_t done, std::int64_t total)> progress = nullptr;
};

// A token of the text. Offsets are half-open, in code points (not bytes) of Post::text; both are 0 for special tokens.
struct Token {
  std::string piece;  // as in the vocabulary
  std::int64_t begin = 0, end = 0;
};

// Attention of the last fusion layer. N = image_tokens + text.size(). The image tokens come first, row by row of the image grid (preceded
// by the CLS if the run has fusion.with_cls), then the text tokens.
struct Explanation {
  std::int64_t heads = 0;
  std::int64_t image_tokens = 0;
  std::vector<Token> text;       // the tokens that take part in fusion
  std::vector<float> attention;  // [heads, N, N] row-major: attention of each token (row) to every token; rows sum to 1
  std::vector<float> pooling;    // [N]: weights of the attention pooling, which sum to 1; all 0 if no token takes part
  // If picture or text is missing, its tokens are present, but no token attends to them and their pooling weights are 0. With
  // fusion.null_tokens, the first of them is the null token, which takes part.
};

enum class Fault {
  kNone,
  kText,   // not UTF-8
  kImage,  // cannot be used, with BadImage::kFault
  kEmpty,  // neither a text nor a usable picture; a text of only white space does not count
};

struct Prediction {
  Fault fault = Fault::kNone;
  std::string fault_message;          // why there is no prediction; empty without a fault
  std::int64_t label_id = -1;         // index of the largest probability, the first one on ties; -1 with a fault
  std::string label;                  // labels()[label_id]; empty with a fault
  std::vector<double> probabilities;  // [labels], sum 1; empty with a fault
  std::string image_note;  // what is wrong with the picture: "truncated: ...", "broken: ..."; empty if it is whole or there is none
  std::optional<Explanation> explanation;  // with PredictOptions::explain and without a fault

  bool ok() const { return fault == Fault::kNone; }
};

// A loaded model. Copies share it.
class INFIG_API Predictor {
 public:
  // Loads `run`: a run folder written by `infig train`, of which the best checkpoint is used, or a checkpoint folder. Throws Error.
  static Predictor load(const std::string& run, const LoadOptions& options = {});

  // Both throw Error for options out of range and for failures of the machine (kResource, kInternal), but never because of a post.
  Prediction predict(const Post& post, const PredictOptions& options = {}) const;
  std::vector<Prediction> predict(const std::vector<Post>& posts, const PredictOptions& options = {}) const;  // in the posts' order

  const std::vector<std::string>& labels() const;        // label names in id order
  const std::string& device() const;                     // "cpu" or "cuda:0": the device in use
  const std::string& precision() const;                  // "fp32", "bf16" or "fp16": the precision in use
  double temperature() const;                            // 1 unless fitted_temperature
  const std::string& checkpoint() const;                 // the folder that was loaded
  const std::string& model_config() const;               // its config.json: labels, architecture and all keys of the model, as JSON
  const std::optional<std::string>& run_config() const;  // the run's config.yaml with all training keys; none for a checkpoint folder

 private:
  struct Impl;
  explicit Predictor(std::shared_ptr<const Impl> impl);
  std::shared_ptr<const Impl> impl_;
};

}  // namespace infig::api
