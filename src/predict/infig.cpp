// Implementation of the public interface (include/infig/infig.h) with predict/predictor.h. All exceptions are converted here: none of
// libtorch's and none of the internal error classes leaves the library.
#include <c10/util/Exception.h>
#include <fmt/format.h>
#include <infig/infig.h>

#include <exception>
#include <filesystem>
#include <limits>
#include <new>
#include <type_traits>
#include <utility>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "predict/calibration.h"
#include "predict/predictor.h"

namespace infig::api {
namespace {

namespace fs = std::filesystem;

// Sends libtorch's warnings to the log; by default they are written to stderr.
class WarningsToLog final : public c10::WarningHandler {
 public:
  void process(const c10::Warning& warning) override { log_warning("libtorch: {}", warning.msg()); }
};

[[noreturn]] void rethrow_as_ours(ErrorKind data) {
  try {
    throw;
  } catch (const ConfigError& error) {
    throw Error(ErrorKind::kConfig, error.what());
  } catch (const CheckpointError& error) {
    throw Error(ErrorKind::kCheckpoint, error.what());
  } catch (const ResourceError& error) {
    throw Error(ErrorKind::kResource, error.what());
  } catch (const infig::Error& error) {
    throw Error(data, error.what());
  } catch (const c10::OutOfMemoryError& error) {
    throw Error(ErrorKind::kResource, std::string("libtorch: ") + error.what_without_backtrace());
  } catch (const c10::Error& error) {
    throw Error(ErrorKind::kInternal, std::string("libtorch: ") + error.what_without_backtrace());
  } catch (const std::bad_alloc&) {
    throw Error(ErrorKind::kResource, "out of memory; a smaller batch_size needs less");
  } catch (const fs::filesystem_error& error) {
    throw Error(ErrorKind::kResource, error.what());
  } catch (const std::exception& error) {
    throw Error(ErrorKind::kInternal, error.what());
  }
}

using Log = std::function<void(LogLevel, const std::string&)>;

// Runs `work`, sending messages and libtorch's warnings to `log` and converting exceptions to Error. `data`: the kind of an error in the
// data that `work` reads.
template <typename Work>
auto at_the_border(const Log& log, ErrorKind data, const Work& work) -> decltype(work()) {
  LogSink sink;
  if (log) sink = [&log](infig::LogLevel level, const std::string& message) { log(static_cast<LogLevel>(level), message); };
  static_assert(static_cast<int>(infig::LogLevel::kInfo) == static_cast<int>(LogLevel::kInfo) &&
                static_cast<int>(infig::LogLevel::kError) == static_cast<int>(LogLevel::kError));
  const LogScope scope(std::move(sink));
  WarningsToLog warnings;
  const c10::WarningUtils::WarningHandlerGuard guard(&warnings);
  try {
    return work();
  } catch (...) {
    rethrow_as_ours(data);
  }
}

PredictorOptions predictor_options(const LoadOptions& options) {
  PredictorOptions own;
  switch (options.device) {
    case Device::kAuto:
      own.device = DeviceChoice::kAuto;
      break;
    case Device::kCpu:
      own.device = DeviceChoice::kCpu;
      break;
    case Device::kCuda:
      own.device = DeviceChoice::kCuda;
      break;
  }
  switch (options.precision) {
    case Precision::kFp32:
      own.precision = infig::Precision::kFp32;
      break;
    case Precision::kBf16:
      own.precision = infig::Precision::kBf16;
      break;
    case Precision::kFp16:
      own.precision = infig::Precision::kFp16;
      break;
    case Precision::kAuto:
      own.precision = infig::Precision::kAuto;
      break;
  }
  if (options.threads < 0) throw ConfigError(fmt::format("LoadOptions: threads is {}; allowed is >= 0", options.threads));
  own.threads = options.threads;
  return own;
}

// Throws ConfigError if batch_size or image_threads is out of range.
ScoringOptions scoring_options(const PredictOptions& options, size_t posts) {
  if (options.batch_size < 1) throw ConfigError(fmt::format("PredictOptions: batch_size is {}; allowed is >= 1", options.batch_size));
  if (options.image_threads < 0)
    throw ConfigError(fmt::format("PredictOptions: image_threads is {}; allowed is >= 0", options.image_threads));
  ScoringOptions scoring;
  scoring.batch_size = options.batch_size;
  const bool one_batch = posts <= static_cast<size_t>(options.batch_size);
  scoring.loader.bad_image = options.bad_image == BadImage::kFault ? infig::BadImage::kSkip : infig::BadImage::kMissing;
  if (options.bad_image == BadImage::kFault) {
    // All pictures are decoded before the first batch, and cached so that this happens only once.
    scoring.loader.workers = options.image_threads;
    scoring.loader.cache_mb = 1024;
  } else {
    scoring.loader.workers = one_batch ? 0 : options.image_threads;  // a single batch is decoded by one thread
  }
  return scoring;
}

infig::Post own_post(const Post& post) {
  infig::Post own;
  own.text = post.text;
  if (!post.image.given()) return own;
  const Image& image = post.image;
  own.picture = MemoryPicture{.bytes = {image.data, image.data != nullptr ? image.size : 0},
                              .decoded = image.is_pixels,
                              .width = image.width,
                              .height = image.height};
  return own;
}

Explanation explanation_of(AttentionOfPost&& attention) {
  Explanation one;
  one.heads = attention.heads;
  one.image_tokens = attention.image_tokens;
  for (size_t i = 0; i < attention.tokens.size(); ++i)
    one.text.push_back({std::move(attention.tokens[i]), attention.offsets[i].first, attention.offsets[i].second});
  one.attention = std::move(attention.attention);
  one.pooling = std::move(attention.pooling);
  return one;
}

Fault fault_of(PostFault fault) {
  switch (fault) {
    case PostFault::kNone:
      return Fault::kNone;
    case PostFault::kRow:  // only for rows of files
    case PostFault::kText:
      return Fault::kText;
    case PostFault::kPicture:
      return Fault::kImage;
    case PostFault::kEmpty:
      break;
  }
  return Fault::kEmpty;
}

Prediction prediction_of(PostOutcome&& outcome, const std::vector<std::string>& labels) {
  Prediction one;
  one.image_note = std::move(outcome.picture);
  if (!outcome.ok()) {
    one.fault = fault_of(outcome.fault);
    one.fault_message = std::move(outcome.message);
    return one;
  }
  const int64_t answer = answer_of(outcome, 0);
  one.probabilities = std::move(outcome.probabilities);
  one.label_id = answer;
  one.label = labels[static_cast<size_t>(one.label_id)];
  return one;
}

}  // namespace

const char* version() { return INFIG_VERSION; }

Error::Error(ErrorKind kind, std::string message) : kind_(kind), message_(std::make_shared<const std::string>(std::move(message))) {}
Error::Error(const Error&) noexcept = default;
Error& Error::operator=(const Error&) noexcept = default;
Error::~Error() = default;
ErrorKind Error::kind() const noexcept { return kind_; }
const char* Error::what() const noexcept { return message_->c_str(); }

struct Predictor::Impl {
  Impl(const std::string& run, const LoadOptions& options)
      : temperature(chosen_temperature(run, options.fitted_temperature ? "fitted" : "none")),
        predictor(run, predictor_options(options)),
        log(options.log),
        device(predictor.device().str()),
        precision(precision_name(predictor.precision())),
        checkpoint(predictor.checkpoint().string()),
        model_config(read_file(predictor.checkpoint() / "config.json")) {
    const fs::path config = fs::path(run) / "config.yaml";
    if (fs::exists(config)) run_config = read_file(config);
  }

  std::vector<Prediction> predict(const std::vector<Post>& posts, const PredictOptions& options) const {
    std::vector<PostRequest> requests;
    for (const Post& post : posts) requests.push_back({.post = own_post(post)});
    PredictingOptions how{.scoring = scoring_options(options, posts.size()), .temperature = temperature};
    const auto total = static_cast<int64_t>(posts.size());
    int64_t told = 0;
    if (options.progress) {
      how.scoring.on_batch = [&](int64_t done) { options.progress(told = done, total); };
    }
    std::vector<PostOutcome> outcomes = predictor.predict(requests, how);
    if (options.progress && told < total) options.progress(total, total);  // posts with a fault are not scored
    std::vector<Prediction> predictions;
    for (auto& outcome : outcomes) predictions.push_back(prediction_of(std::move(outcome), predictor.labels()));
    if (options.explain) explain(requests, how.scoring, predictions);
    return predictions;
  }

  void explain(const std::vector<PostRequest>& requests, ScoringOptions how, std::vector<Prediction>& predictions) const {
    std::vector<infig::Post> posts;
    std::vector<size_t> places;
    for (size_t i = 0; i < requests.size(); ++i) {
      if (!predictions[i].ok()) continue;
      posts.push_back(requests[i].post);
      places.push_back(i);
    }
    how.on_batch = {};
    std::vector<AttentionOfPost> attention = predictor.attention(posts, how);
    for (size_t i = 0; i < places.size(); ++i) predictions[places[i]].explanation = explanation_of(std::move(attention[i]));
  }

  double temperature;
  infig::Predictor predictor;
  Log log;
  std::string device, precision, checkpoint, model_config;
  std::optional<std::string> run_config;
};

Predictor::Predictor(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

Predictor Predictor::load(const std::string& run, const LoadOptions& options) {
  return at_the_border(options.log, ErrorKind::kCheckpoint, [&] { return Predictor(std::make_shared<const Impl>(run, options)); });
}

std::vector<Prediction> Predictor::predict(const std::vector<Post>& posts, const PredictOptions& options) const {
  return at_the_border(impl_->log, ErrorKind::kInternal, [&] { return impl_->predict(posts, options); });
}

Prediction Predictor::predict(const Post& post, const PredictOptions& options) const {
  return std::move(predict(std::vector<Post>{post}, options).front());
}

const std::vector<std::string>& Predictor::labels() const { return impl_->predictor.labels(); }
const std::string& Predictor::device() const { return impl_->device; }
const std::string& Predictor::precision() const { return impl_->precision; }
double Predictor::temperature() const { return impl_->temperature; }
const std::string& Predictor::checkpoint() const { return impl_->checkpoint; }
const std::string& Predictor::model_config() const { return impl_->model_config; }
const std::optional<std::string>& Predictor::run_config() const { return impl_->run_config; }

}  // namespace infig::api
