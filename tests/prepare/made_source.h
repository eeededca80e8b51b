// A source of made-up posts, for what does not depend on the kind of raw files.
#pragma once

#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>

#include "core/error.h"
#include "prepare/prepare.h"

namespace infig::test {

struct MadePosts {
  int64_t count = 40;
  std::string mark = "v1";                    // stands in the rules: another one means other inputs
  std::filesystem::path pictures = {};        // <i>.jpg; empty: posts without pictures
  std::function<void(int64_t)> on_read = {};  // called with the number of every post that is read
};

class MadeSource : public PostSource {
 public:
  explicit MadeSource(const MadePosts& made) : made_(made) {
    facts_.name = "made";
    facts_.labels = {"odd", "even"};
    facts_.counts = {{"made", made.count + 1}, {"left", made.count}};
    facts_.rules = {{"mark", made.mark}};
  }
  const SourceFacts& facts() const override { return facts_; }
  int64_t size() const override { return made_.count; }
  RawPost read(int64_t i) const override {
    if (made_.on_read) made_.on_read(i);
    RawPost post{.id = std::to_string(i), .text = i % 7 == 3 ? "" : "text \xC3\xA9 \"" + std::to_string(i * i) + "\"\n"};
    post.label_id = (i + 1) % 2;
    post.split = i % 5 == 0 ? Split::kTest : Split::kTrain;
    if (i % 4 == 0) post.fields["attributes"] = {"a", std::to_string(i)};
    if (i % 6 == 1) post.notes.push_back({"odd post", "number, " + std::to_string(i)});
    if (i == 11) post.drop = "eleven";
    if (!made_.pictures.empty()) post.picture.file = made_.pictures / (std::to_string(i) + ".jpg");
    return post;
  }
  void each_dropped(const DroppedSink& sink) const override { sink("gone", "by a rule"); }
  void write_files(const std::filesystem::path& folder) const override { std::ofstream(folder / "extra.csv") << made_.mark; }

 private:
  MadePosts made_;
  SourceFacts facts_;
};

inline PrepareJob made_job(const MadePosts& made) {
  PrepareJob job{.kind = "made"};
  job.open = [made](const std::filesystem::path&, const std::filesystem::path&) { return std::make_unique<MadeSource>(made); };
  return job;
}

}  // namespace infig::test
