// What is computed once before CLMLF is trained (ClmlfModelImpl::add_training_inputs in clmlf.h): the features of the frozen backbone, and
// the second texts.
#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "core/log.h"
#include "core/parallel.h"
#include "core/random.h"
#include "model/baselines/clmlf.h"
#include "model/feature_cache.h"

namespace infig {
namespace {

constexpr const char* kClmlfFeatures = "image";

// Token ids + 1, 0 = padding.
class SecondTexts : public RowSource {
 public:
  explicit SecondTexts(std::vector<std::vector<int64_t>> ids) : ids_(std::move(ids)) {}
  at::Tensor gather(const std::vector<int64_t>& rows) const override { return pad_texts(ids_, rows, 0).input_ids; }

 private:
  std::vector<std::vector<int64_t>> ids_;
};

std::string id_text(const nlohmann::json& id) { return id.is_string() ? id.get<std::string>() : id.is_number_integer() ? id.dump() : ""; }

}  // namespace

std::map<std::string, std::string> read_back_translations(const std::filesystem::path& file) {
  const std::string bytes = read_file(file);
  const nlohmann::json list = parse_foreign_json(bytes);
  if (list.is_discarded()) throw DataError(fmt::format("{}: is no JSON: {}", file.string(), foreign_json_fault(bytes)));
  if (!list.is_array()) throw DataError(fmt::format("{}: expected a list of {{\"id\", \"text_translation\"}}", file.string()));
  std::map<std::string, std::string> texts;
  for (size_t row = 0; row < list.size(); ++row) {
    const nlohmann::json& item = list[row];
    const std::string id = item.is_object() && item.contains("id") ? id_text(item["id"]) : "";
    if (id.empty() || !item.contains("text_translation") || !item["text_translation"].is_string()) {
      throw DataError(fmt::format("{}, item {}: expected an object with \"id\" (text or a whole number) and \"text_translation\" (text)",
                                  file.string(), row + 1));
    }
    const std::string text = item["text_translation"].get<std::string>();
    const auto [known, added] = texts.emplace(id, text);
    if (!added && known->second != text)
      throw DataError(
          fmt::format("{}, item {}: id {} has another translation further up; leave one of them out", file.string(), row + 1, id));
  }
  return texts;
}

std::string drop_words(const std::string& text, double share, RandomStream& stream) {
  std::vector<std::string> words, kept;
  const char* blanks = " \t\r\n\f\v";
  for (size_t begin = text.find_first_not_of(blanks); begin != std::string::npos; begin = text.find_first_not_of(blanks, begin)) {
    const size_t end = std::min(text.find_first_of(blanks, begin), text.size());
    words.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  for (const std::string& word : words) {
    if (!stream.chance(share)) kept.push_back(word);
  }
  if (kept.empty() && !words.empty()) kept.push_back(words[stream.below(words.size())]);
  std::string joined;
  for (const std::string& word : kept) joined += (joined.empty() ? "" : " ") + word;
  return joined;
}

namespace {

std::vector<std::string> second_texts(const ClmlfNetOptions& options, const InputContext& context) {
  const DataSet& data = *context.data;
  const std::vector<int64_t> rows = data.rows_of(Split::kTrain);
  std::vector<std::string> texts(data.posts.size());
  if (options.back_translation.empty()) {
    log_info("the second view of a post is its text without {:.0f} % of its words: clmlf.back_translation is empty",
             options.word_dropout * 100);
    for (const int64_t row : rows) {
      RandomStream stream(context.seed, "second_text", static_cast<uint64_t>(row));
      texts[static_cast<size_t>(row)] = drop_words(data.posts[static_cast<size_t>(row)].text, options.word_dropout, stream);
    }
    return texts;
  }
  const std::map<std::string, std::string> translated = read_back_translations(options.back_translation);
  int64_t missing = 0;
  std::string first;
  for (const int64_t row : rows) {
    const Post& post = data.posts[static_cast<size_t>(row)];
    const auto found = translated.find(post.id);
    if (found != translated.end()) texts[static_cast<size_t>(row)] = found->second;
    if (found == translated.end() && !post.text.empty() && missing++ == 0) first = post.id;
  }
  if (missing > 0) {
    throw DataError(
        fmt::format("clmlf.back_translation={}: has no translation of {} of the {} training posts of {}, the first of id {}; is it "
                    "another data set's?",
                    options.back_translation, missing, rows.size(), data.called(), first));
  }
  return texts;
}

}  // namespace

std::map<std::string, std::string> ClmlfModelImpl::add_training_inputs(PostLoader& loader, const InputContext& context) {
  if (options_.net.data_weight > 0) {
    const std::vector<std::string> texts = second_texts(options_.net, context);
    std::vector<std::vector<int64_t>> ids(texts.size());
    const int64_t longest = inputs(context.tokenizer).max_length;
    parallel_for(static_cast<int64_t>(texts.size()), context.workers, [&](int64_t row) {
      const auto r = static_cast<size_t>(row);
      std::vector<TokenSpan> spans;
      context.tokenizer->encode_spans(context.without == Without::kText ? "" : texts[r], longest, spans);
      for (const TokenSpan& span : spans) ids[r].push_back(span.id + int64_t{1});
    });
    loader.use_column(BatchColumn::kSecondText, std::make_shared<SecondTexts>(std::move(ids)));
  }
  const ImageModelOptions& picture = options_.towers.image;
  if (picture.finetune || context.without == Without::kImage) return {};
  if (options_.net.strict) {
    log_info("picture features are computed at every step: clmlf.strict uses the batch's statistics");
    return {};
  }
  if (!may_cache_features(picture.pixels, context.cache, *context.data)) return {};
  const CachedFeatures cached =
      cached_grids(*image_backbone, *context.data, picture.pixels,
                   {.folder = context.folder, .half = context.half_features, .workers = context.workers, .stop = context.stop});
  loader.use_features(cached.store);
  return {{kClmlfFeatures, cached.folder}};
}

}  // namespace infig
