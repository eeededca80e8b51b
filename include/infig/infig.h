// libinfig: a trained run of infig inside another program. Load it once, ask it for as many posts as there are.
//
//   const infig::api::Predictor predictor = infig::api::Predictor::load("runs/demo");
//   const infig::api::Prediction one = predictor.predict({"What a lovely day", infig::api::Image::encoded(jpeg)});
//   if (one.ok()) std::cout << one.label << "\n";
//
// C++17 or later; no header of libtorch is needed, only its shared libraries when the program runs.
//
// Threads: every member of Predictor is const and may be called by any number of threads at once, on one predictor or on several.
// Output: nothing is ever written to stdout or stderr, and no environment variable, signal or locale is changed. Messages go to
//   LoadOptions::log. The one setting of the process that is touched: with device cuda, libtorch's TF32 is switched off, so that fp32 is
//   float32.
// Errors: Error for what makes the whole call impossible (a run that is absent or broken, no memory, no GPU). What is wrong with one post
//   is a value in that post's Prediction, and never touches the others.
// Results: equal posts in one call give equal bits on one machine at one count of threads. A probability depends in its last digits on the
//   posts that share its batch, as in every batched network; one post a call, or batch_size 1, makes it independent of them. One post alone
//   gives what `infig predict --text --image` prints, a list what `infig predict --input` writes for the same rows.
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

INFIG_API const char* version();  // of the library: "0.1.0"

enum class ErrorKind {
  kConfig,      // an option out of its range; cuda where there is no GPU
  kCheckpoint,  // no run at that path, a file of it missing or broken, a model of another kind
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
  const char* what() const noexcept override;  // what, where (file, key), expected against found, what to do

 private:
  ErrorKind kind_;
  std::shared_ptr<const std::string> message_;
};

enum class Device { kAuto, kCpu, kCuda };  // auto: the GPU where libtorch has CUDA and one answers, else the CPU
// Number format of matrix products. auto: what the model was trained in, so that scores are those of training and of `infig predict`; fp32
// where the device does not compute that natively.
enum class Precision { kFp32, kBf16, kFp16, kAuto };
enum class LogLevel { kInfo, kWarning, kError };

struct LoadOptions {
  Device device = Device::kAuto;
  Precision precision = Precision::kAuto;
  // Compute threads of one call, >= 0; 0: libtorch's own choice, which is all cores. Callers that call from many threads at once do best
  // with 1.
  int threads = 0;
  // Scale probabilities by the temperature that `infig evaluate --fit-temperature` kept beside the checkpoint; Error (kCheckpoint) where
  // none was fitted.
  bool fitted_temperature = false;
  // Gets the messages of loading and of later calls, on the thread that calls; null: they are dropped. It must not throw, and must itself
  // be safe to call from several threads where the predictor is used by several.
  std::function<void(LogLevel level, const std::string& message)> log = nullptr;
};

// A picture. The bytes are the caller's and must stay as they are until the call returns.
struct Image {
  const std::uint8_t* data = nullptr;  // null with size 0 and encoded: the post has no picture
  std::size_t size = 0;                // bytes
  bool is_pixels = false;              // false: a JPEG, PNG, WebP, GIF or BMP file
  std::int64_t width = 0, height = 0;  // of pixels

  Image() = default;
  // The bytes of a picture file; what they are decides their content.
  static Image encoded(const void* bytes, std::size_t size) {
    static const std::uint8_t nothing = 0;  // an empty file is a bad picture, not an absent one
    Image image;
    image.data = bytes == nullptr ? &nothing : static_cast<const std::uint8_t*>(bytes);
    image.size = bytes == nullptr ? 0 : size;
    return image;
  }
  static Image encoded(std::string_view bytes) { return encoded(bytes.data(), bytes.size()); }
  static Image encoded(const std::vector<std::uint8_t>& bytes) { return encoded(bytes.data(), bytes.size()); }
  // width x height x 3 bytes: RGB, rows from the top, no padding between them. Turned upright by the caller.
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
  kTextAlone,  // a post whose picture cannot be used is scored by its text, if it has one; Prediction::image_note says why
  kFault,      // it gets a fault
};

struct PredictOptions {
  std::int64_t batch_size = 64;  // posts computed together, >= 1; posts of like length share a batch
  int image_threads = 2;         // threads that decode pictures, >= 0; 0: the calling one alone
  BadImage bad_image = BadImage::kTextAlone;
  bool explain = false;  // fill Prediction::explanation, by a second pass of about the same cost
  // After each batch: posts done so far, of all that were given; the last call says all of them. On the calling thread. It must not throw.
  std::function<void(std::int64_t done, std::int64_t total)> progress = nullptr;
};

// A token of the text. Offsets are half-open, in code points (not bytes) of Post::text; 0 and 0 for special tokens around the text.
struct Token {
  std::string piece;  // as the vocabulary writes it
  std::int64_t begin = 0, end = 0;
};

// What the last fusion layer looked at. N = image_tokens + text.size(); the image's tokens come first, row by row of its grid (behind a
// CLS where the run has fusion.with_cls), then the text's.
struct Explanation {
  std::int64_t heads = 0;
  std::int64_t image_tokens = 0;
  std::vector<Token> text;       // the tokens that take part in fusion
  std::vector<float> attention;  // [heads, N, N] row-major: of each token (row) on every token; rows sum to 1
  std::vector<float> pooling;    // [N]: weights of attention pooling, which sum to 1; all 0 for a post without any token
  // Where a picture or text is missing its tokens are there, but nothing attends to them and their pooling weights are 0 (unless the run
  // has fusion.null_tokens: the first of them then stands for the missing side).
};

enum class Fault {
  kNone,
  kText,   // not UTF-8
  kImage,  // cannot be used, under BadImage::kFault
  kEmpty,  // neither a text nor a picture that can be used: nothing to judge by. White space alone is no text
};

struct Prediction {
  Fault fault = Fault::kNone;
  std::string fault_message;          // why there is no prediction; empty without fault
  std::int64_t label_id = -1;         // index of the first largest probability; -1 with a fault
  std::string label;                  // labels()[label_id]; empty with a fault
  std::vector<double> probabilities;  // [labels], sum 1; empty with a fault
  std::string image_note;             // "truncated: ...", "broken: ...": what is wrong with the picture; empty: nothing, or there is none
  std::optional<Explanation> explanation;  // with PredictOptions::explain, unless there is a fault

  bool ok() const { return fault == Fault::kNone; }
};

// A loaded model. Copies share it.
class INFIG_API Predictor {
 public:
  // `run`: a run folder that `infig train` wrote (its best checkpoint is taken), or a checkpoint folder. Throws Error.
  static Predictor load(const std::string& run, const LoadOptions& options = {});

  // Throw Error for options out of their range and for failures of the machine (kResource, kInternal), never for a post.
  Prediction predict(const Post& post, const PredictOptions& options = {}) const;
  std::vector<Prediction> predict(const std::vector<Post>& posts, const PredictOptions& options = {}) const;  // in the order of the posts

  const std::vector<std::string>& labels() const;        // names, in id order
  const std::string& device() const;                     // "cpu", "cuda:0": what kAuto became
  const std::string& precision() const;                  // "fp32", "bf16", "fp16", likewise
  double temperature() const;                            // 1 unless fitted_temperature
  const std::string& checkpoint() const;                 // folder that was loaded
  const std::string& model_config() const;               // its config.json: labels, architecture and every key of the model, JSON
  const std::optional<std::string>& run_config() const;  // config.yaml of the run: every key it was trained with; none beside a checkpoint

 private:
  struct Impl;
  explicit Predictor(std::shared_ptr<const Impl> impl);
  std::shared_ptr<const Impl> impl_;
};

}  // namespace infig::api
