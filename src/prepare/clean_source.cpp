#include "prepare/clean_source.h"

#include <utility>

#include "text/html_text.h"

namespace infig {
namespace {

class CleanSource : public PostSource {
 public:
  CleanSource(std::unique_ptr<PostSource> source, TextCleaning cleaning, const std::string& word)
      : source_(std::move(source)), cleaning_(cleaning), facts_(source_->facts()) {
    facts_.rules["text"] = {{"as", word}, {"cleaning", text_cleaning_name(cleaning)}};
    // Scores with and without cues are two measurements, which must not go by one name.
    if (cleaning == TextCleaning::kHfmCues) facts_.name += "-without-cues";
  }
  const SourceFacts& facts() const override { return facts_; }
  int64_t size() const override { return source_->size(); }
  RawPost read(int64_t i) const override {
    RawPost post = source_->read(i);
    const bool had_text = !post.text.empty();
    post.text = clean_text(post.text, cleaning_);
    if (had_text && post.text.empty()) post.notes.push_back({"nothing is left of the text after cleaning"});
    return post;
  }
  void each_dropped(const DroppedSink& sink) const override { source_->each_dropped(sink); }
  void write_files(const std::filesystem::path& folder) const override { source_->write_files(folder); }

 private:
  std::unique_ptr<PostSource> source_;
  TextCleaning cleaning_;
  SourceFacts facts_;
};

class UnescapedSource : public PostSource {
 public:
  explicit UnescapedSource(std::unique_ptr<PostSource> source) : source_(std::move(source)), facts_(source_->facts()) {
    facts_.rules["unescape"] = "HTML escapes in texts became what they stand for";
  }
  const SourceFacts& facts() const override { return facts_; }
  int64_t size() const override { return source_->size(); }
  RawPost read(int64_t i) const override {
    RawPost post = source_->read(i);
    std::string text = html_unescape(post.text);
    if (text != post.text) post.notes.push_back({"text held HTML escapes"});
    post.text = std::move(text);
    return post;
  }
  void each_dropped(const DroppedSink& sink) const override { source_->each_dropped(sink); }
  void write_files(const std::filesystem::path& folder) const override { source_->write_files(folder); }

 private:
  std::unique_ptr<PostSource> source_;
  SourceFacts facts_;
};

}  // namespace

std::unique_ptr<PostSource> unescape_texts(std::unique_ptr<PostSource> source) {
  return std::make_unique<UnescapedSource>(std::move(source));
}

std::unique_ptr<PostSource> clean_texts(std::unique_ptr<PostSource> source, TextCleaning cleaning, const std::string& word) {
  return std::make_unique<CleanSource>(std::move(source), cleaning, word);
}

}  // namespace infig
