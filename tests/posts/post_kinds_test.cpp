// Every kind of post under every policy, from every kind of input: its row or its error. The expectations are the table of docs/data.md, by
// hand. What `predict` does is done here but for the network: a fixed answer stands for it, so that the sanitizers see all the rest.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/error.h"
#include "core/files.h"
#include "image/encode.h"
#include "posts/outcome.h"
#include "posts/post_counts.h"
#include "posts/post_input.h"
#include "posts/prediction_lines.h"
#include "reference/temporary_folder.h"
#include "reference/ustar.h"

namespace infig {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

enum class Text { kThere, kEmpty, kNoColumn, kUnusable };
enum class Picture { kThere, kEmpty, kNoColumn, kAbsent, kBroken };
enum class Input { kOnePost, kCsv, kJsonLines, kTar, kFolder };
constexpr Text kTexts[] = {Text::kThere, Text::kEmpty, Text::kNoColumn, Text::kUnusable};
constexpr Picture kPictures[] = {Picture::kThere, Picture::kEmpty, Picture::kNoColumn, Picture::kAbsent, Picture::kBroken};
constexpr Input kInputs[] = {Input::kOnePost, Input::kCsv, Input::kJsonLines, Input::kTar, Input::kFolder};
constexpr BadImage kPolicies[] = {BadImage::kMissing, BadImage::kSkip, BadImage::kError};
const char* const kInputNames[] = {"one post", "CSV", "JSONL", "tar", "folder"};

// L: a label. N: a label by the text alone, with a note on the picture. E: an error, neither text nor picture. P: an error, the picture.
// T: an error, the text is not UTF-8. S: the work stops. Rows: the text there, empty, without column, unusable; columns: the picture there,
// empty, without column, absent, broken.
const std::map<BadImage, std::vector<std::string>> kExpected = {
    {BadImage::kMissing, {"LLLNN", "LEEEE", "LEEEE", "TTTTT"}},
    {BadImage::kSkip, {"LLLPP", "LEEEE", "LEEEE", "TTTTT"}},
    {BadImage::kError, {"LLLSS", "LEESS", "LEESS", "TTTTT"}},
};

constexpr const char* kWords = "a lovely day";
constexpr const char* kNotUtf8 = "bad \xff byte";

struct Case {
  Text text;
  Picture picture;
  Input input;

  bool has_text_column() const { return text != Text::kNoColumn; }
  bool has_picture_column() const { return picture != Picture::kNoColumn; }
  std::string words() const { return text == Text::kThere ? kWords : text == Text::kUnusable ? kNotUtf8 : ""; }
  std::string file() const {
    switch (picture) {
      case Picture::kThere:
        return "there.jpg";
      case Picture::kAbsent:
        return "absent.jpg";
      case Picture::kBroken:
        return "broken.jpg";
      case Picture::kEmpty:
      case Picture::kNoColumn:
        break;
    }
    return "";
  }
};

class PostKinds : public ::testing::Test {
 protected:
  void SetUp() override {
    Image grey = make_image(8, 8, 90, 90, 90);
    jpeg_ = encode_jpeg(grey, 90);
    write_file_atomic(folder_ / "there.jpg", jpeg_);
    write_file_atomic(folder_ / "broken.jpg", "no picture");
  }

  std::string json_row(const Case& one) const {
    std::string row = R"({"id": "a", "label": "glad", "split": "test")";
    if (one.has_text_column()) row += R"(, "text": ")" + one.words() + "\"";
    if (one.has_picture_column()) row += R"(, "image": ")" + one.file() + "\"";
    return row + "}\n";
  }

  fs::path write_csv(const Case& one) const {
    std::string header = "id", row = "a";
    if (one.has_text_column()) header += ",text", row += "," + one.words();
    if (one.has_picture_column()) header += ",image", row += "," + one.file();
    write_file_atomic(folder_ / "posts.csv", header + ",label\n" + row + ",glad\n");
    return folder_ / "posts.csv";
  }

  // A tar has no cells: what is empty there is a file of no bytes, which is a broken picture; and a picture is there or is not named.
  fs::path write_tar(const Case& one) const {
    reference::Members members = {{"a.cls", "glad"}};
    if (one.has_text_column()) members.emplace_back("a.txt", one.words());
    if (one.picture == Picture::kThere) members.emplace_back("a.jpg", jpeg_);
    if (one.picture == Picture::kEmpty) members.emplace_back("a.jpg", "");
    if (one.picture == Picture::kBroken) members.emplace_back("a.jpg", "no picture");
    write_file_atomic(folder_ / "test-0.tar", reference::ustar(members));
    return folder_ / "test-0.tar";
  }

  fs::path write_folder(const Case& one) const {
    const fs::path data = folder_ / "data";
    fs::create_directories(data);
    for (const char* name : {"there.jpg", "broken.jpg"}) fs::copy_file(folder_ / name, data / name, fs::copy_options::overwrite_existing);
    write_file_atomic(data / "posts.jsonl", json_row(one));
    write_file_atomic(data / "dataset.json", R"({"name": "x", "labels": ["glad", "sad"]})");
    return data;
  }

  std::vector<PostRequest> requests(const Case& one) const {
    if (one.input == Input::kOnePost) {
      PostRequest request;
      request.post.id = "a";
      request.post.text = one.words();
      if (!one.file().empty()) request.post.image = parse_file_span(folder_ / one.file());
      return {request};
    }
    fs::path path;
    if (one.input == Input::kCsv) path = write_csv(one);
    if (one.input == Input::kTar) path = write_tar(one);
    if (one.input == Input::kFolder) path = write_folder(one);
    if (one.input == Input::kJsonLines) {
      path = folder_ / "posts.jsonl";
      write_file_atomic(path, json_row(one));
    }
    std::vector<PostRequest> all;
    const PostInput input(path);
    input.for_each([&](PostRequest&& request) { all.push_back(std::move(request)); });
    EXPECT_EQ(input.count(), static_cast<int64_t>(all.size()));
    return all;
  }

  // As PostLoader does it: pictures are read, and the policy says who takes part. Throws DataError where it says to stop.
  static ScoredIntake answer(const Intake& intake, BadImage policy) {
    ScoredIntake scored;
    for (const int64_t row : intake.rows) {
      const Post& post = intake.posts[static_cast<size_t>(row)];
      DecodedImage decoded;
      if (post.names_picture()) decoded = decode_image_file(post.image, {});
      const PictureFate fate = picture_fate(post.names_picture(), usable(decoded.status), policy);
      if (decoded.status != ImageStatus::kOk)
        scored.bad_pictures[row] = {post.id, post.image.string(), image_status_name(decoded.status), decoded.reason};
      if (fate == PictureFate::kStop) throw DataError("stopped");
      if (fate == PictureFate::kDropped) continue;
      scored.rows.push_back(row);
      scored.probabilities.insert(scored.probabilities.end(), {0.25, 0.75});
    }
    return scored;
  }

  // What the post became, as a letter of kExpected.
  static char letter(const PostOutcome& outcome) {
    switch (outcome.fault) {
      case PostFault::kNone:
        EXPECT_EQ(outcome.probabilities, (std::vector<double>{0.25, 0.75}));
        return outcome.picture.empty() ? 'L' : 'N';
      case PostFault::kEmpty:
        EXPECT_TRUE(outcome.message.starts_with("neither text nor picture") || outcome.message.starts_with("no text, and image "))
            << outcome.message;
        return 'E';
      case PostFault::kPicture:
        EXPECT_THAT(outcome.message, HasSubstr("image "));
        return 'P';
      case PostFault::kRow:
      case PostFault::kText:
        EXPECT_THAT(outcome.message, HasSubstr("not UTF-8"));
        return 'T';
    }
    return '?';
  }

  char became(const Case& one, BadImage policy) const {
    const std::vector<PostRequest> all = requests(one);
    EXPECT_EQ(all.size(), 1U);
    std::vector<PostOutcome> outcomes;
    try {
      Intake intake = take_in(all);
      const ScoredIntake scored = answer(intake, policy);
      outcomes = settle(std::move(intake), scored, 2);
    } catch (const DataError&) {
      return 'S';
    }
    EXPECT_EQ(outcomes.size(), 1U);
    check_lines(all.front().post, outcomes.front(), one.input);
    return letter(outcomes.front());
  }

  // The row says the same in every format.
  static void check_lines(const Post& post, const PostOutcome& outcome, Input input) {
    const std::vector<std::string> labels = {"glad", "sad"};
    const std::string truth = outcome.fault == PostFault::kRow || input == Input::kOnePost ? "" : "glad";
    const auto flat = nlohmann::json::parse(PredictionLines(PredictionFormat::kJsonLines, labels).line(post, outcome));
    EXPECT_EQ(flat.size(), 7U);  // id, label, prediction, two probabilities, error, note: in every row
    EXPECT_EQ(flat.at("label"), truth);
    EXPECT_EQ(flat.at("prediction"), outcome.ok() ? "sad" : "");
    EXPECT_EQ(flat.at("p_sad").is_null(), !outcome.ok());
    EXPECT_EQ(flat.at("error"), outcome.message);
    const auto nested = nlohmann::json::parse(PredictionLines(PredictionFormat::kNested, labels).line(post, outcome));
    EXPECT_EQ(nested.contains("error"), !outcome.ok());
    EXPECT_EQ(nested.contains("probabilities"), outcome.ok());
    const PredictionLines csv(PredictionFormat::kCsv, labels);
    EXPECT_EQ(csv.header(), "id,label,prediction,p_glad,p_sad,error,note\n");
    const std::string line = csv.line(post, outcome);
    if (outcome.ok()) {
      EXPECT_TRUE(line.starts_with("a," + truth + ",sad,0.25,0.75,,")) << line;
    } else {
      EXPECT_THAT(line, HasSubstr("," + truth + ",,,,"));
    }
  }

  reference::TemporaryFolder folder_{"post-kinds"};
  std::string jpeg_;
};

TEST_F(PostKinds, EachGetsItsRowOrItsError) {
  int64_t seen = 0;
  for (const Input input : kInputs) {
    for (size_t t = 0; t < std::size(kTexts); ++t) {
      for (size_t p = 0; p < std::size(kPictures); ++p) {
        const Case one{kTexts[t], kPictures[p], input};
        if (input == Input::kTar && one.picture == Picture::kAbsent) continue;                      // a tar names what it holds
        if (input == Input::kCsv && !one.has_text_column() && !one.has_picture_column()) continue;  // the file's error, below
        for (const BadImage policy : kPolicies) {
          // A member of no bytes is a picture, and a broken one.
          const size_t column = input == Input::kTar && one.picture == Picture::kEmpty ? static_cast<size_t>(Picture::kBroken) : p;
          SCOPED_TRACE(::testing::Message() << kInputNames[static_cast<size_t>(input)] << ", text " << t << ", picture " << p << ", policy "
                                            << static_cast<int>(policy));
          EXPECT_EQ(became(one, policy), kExpected.at(policy)[t][column]);
          ++seen;
        }
      }
    }
  }
  EXPECT_EQ(seen, 3 * (5 * 20 - 4 - 1));
}

TEST_F(PostKinds, ATableWithoutTextAndPictureIsNamed) {
  const Case one{Text::kNoColumn, Picture::kNoColumn, Input::kCsv};
  try {
    requests(one);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("posts.csv, header: neither a column \"text\" nor a column \"image\""));
  }
}

TEST_F(PostKinds, WhiteSpaceIsNoTextToGoBy) {
  PostRequest request;
  request.post.text = " \t\n";
  EXPECT_EQ(take_in({request}).outcomes.front().fault, PostFault::kEmpty);
  request.post.picture = MemoryPicture{};  // named, though of no bytes
  EXPECT_EQ(take_in({request}).rows.size(), 1U);
}

// Text or none, a picture that is whole, truncated, lost or not named; what the model was trained with.
TEST(PlacesToJudge, NeedATextOrAPicture) {
  const auto post = [](const std::string& text, bool pictured) {
    Post one;
    one.text = text;
    if (pictured) one.image = FileSpan(std::filesystem::path("a.png"));
    return one;
  };
  const auto bad_as = [](const std::string& status) {
    BadPicture one;
    one.status = status;
    return one;
  };
  const std::vector<Post> posts = {post("t", false), post(" ", true), post("", true), post("", true), post("t", true), post("", false)};
  const std::map<int64_t, BadPicture> bad = {{2, bad_as("absent")}, {3, bad_as("truncated")}, {4, bad_as("broken")}};
  const std::vector<int64_t> rows = {5, 4, 3, 2, 1, 0};
  EXPECT_THAT(places_to_judge(posts, rows, bad, true, true), testing::ElementsAre(1, 2, 4, 5));
  EXPECT_THAT(places_to_judge(posts, rows, bad, true, false), testing::ElementsAre(1, 5));
  EXPECT_THAT(places_to_judge(posts, rows, bad, false, true), testing::ElementsAre(2, 4));
}

TEST_F(PostKinds, ATruncatedPictureTakesPart) {
  PostRequest request;
  request.post.image = folder_ / "there.jpg";
  Intake intake = take_in({request});
  const auto outcomes = settle(
      std::move(intake),
      {.rows = {0}, .probabilities = {1, 0}, .bad_pictures = {{0, {"", "there.jpg", image_status_name(ImageStatus::kTruncated), "cut"}}}},
      2);
  EXPECT_TRUE(outcomes.front().ok());
  EXPECT_TRUE(outcomes.front().picture_used());
  EXPECT_EQ(outcomes.front().picture, "truncated: cut");
}

TEST_F(PostKinds, NumbersThatDoNotFitAreRefused) {
  PostRequest request;
  request.post.text = "x";
  EXPECT_THROW(settle(take_in({request}), {.rows = {0}, .probabilities = {1}, .bad_pictures = {}}, 2), ShapeError);
  EXPECT_THROW(settle(take_in({request}), {}, 2), ShapeError);  // neither an answer nor a reason
}

TEST_F(PostKinds, TheTruthOfATarMayBeANumber) {
  const reference::Members members = {{"a.cls", "1"}, {"a.txt", "x"}, {"b.cls", "sad"}, {"b.txt", "x"}, {"c.cls", "7"}, {"c.txt", "x"}};
  write_file_atomic(folder_ / "test-0.tar", reference::ustar(members));
  write_file_atomic(folder_ / "dataset.json", R"({"name": "x", "labels": ["glad", "sad"]})");
  std::vector<std::string> truths;
  PostInput(folder_ / "test-0.tar").for_each([&](PostRequest&& request) { truths.push_back(request.post.label); });
  EXPECT_EQ(truths, (std::vector<std::string>{"sad", "sad", "7"}));
}

PostOutcome outcome_of(PostFault fault, PictureState picture, std::vector<double> probabilities = {}) {
  PostOutcome outcome;
  outcome.fault = fault;
  outcome.picture_state = picture;
  outcome.probabilities = std::move(probabilities);
  return outcome;
}

TEST(PredictionCounts, AreOfEachKind) {
  PredictionCounts counts;
  counts.add(outcome_of(PostFault::kNone, PictureState::kWhole, {0.9, 0.1}), 0.6);
  counts.add(outcome_of(PostFault::kNone, PictureState::kTruncated, {0.5, 0.5}), 0.6);
  counts.add(outcome_of(PostFault::kNone, PictureState::kAbsent, {0.6, 0.4}), 0.6);  // 0.6 is not below 0.6
  counts.add(outcome_of(PostFault::kPicture, PictureState::kBad), 0.6);
  counts.add(outcome_of(PostFault::kRow, PictureState::kNone), 0.6);
  counts.add(outcome_of(PostFault::kText, PictureState::kNotRead), 0.6);
  PostOutcome empty = outcome_of(PostFault::kEmpty, PictureState::kAbsent);
  empty.text = false;
  counts.add(empty, 0.6);
  const auto json = counts.json();
  EXPECT_EQ(json, nlohmann::ordered_json::parse(R"({"rows": 7, "errors": 4, "below_min_confidence": 1, "texts_missing": 1,
      "posts_empty": 1, "images_named": 5, "images_absent": 2, "images_bad": 1, "images_truncated": 1,
      "images_lost_by_prepare_absent": 0, "images_lost_by_prepare_bad": 0})"));
  EXPECT_EQ(counts.pictures.words(), "pictures: 2 of 5 used, 1 of them truncated, 2 absent, 1 bad");
  EXPECT_FALSE(counts.pictures.all_lost());
  PredictionCounts twice = PredictionCounts::from(counts.numbers());
  twice.add(counts);
  EXPECT_EQ(twice.rows, 14);
  EXPECT_EQ(twice.pictures.absent, 4);
  EXPECT_THROW(PredictionCounts::from({1, 2}), DataError);
}

TEST(PredictionLines, BelowTheBoundTheAnswerIsNone) {
  const std::vector<std::string> labels = {"glad", "sad, \"so\""};
  Post post;
  post.id = "a";
  post.label = "sad, \"so\"";
  const PostOutcome outcome = outcome_of(PostFault::kNone, PictureState::kNone, {0.45, 0.55});
  EXPECT_EQ(PredictionLines(PredictionFormat::kCsv, labels, 0.56).line(post, outcome), "a,\"sad, \"\"so\"\"\",none,0.45,0.55,,\n");
  EXPECT_EQ(nlohmann::json::parse(PredictionLines(PredictionFormat::kJsonLines, labels, 0.55).line(post, outcome)).at("prediction"),
            labels[1]);
  EXPECT_EQ(nlohmann::json::parse(PredictionLines(PredictionFormat::kNested, labels, 0.56).line(post, outcome)).at("label"), "none");
  EXPECT_NO_THROW(check_min_confidence(0, {"none", "x"}));
  EXPECT_THROW(check_min_confidence(0.5, {"none", "x"}), ConfigError);
  EXPECT_THROW(check_min_confidence(1.5, {"x"}), ConfigError);
}

TEST(PredictionFormat, ByWordOrByName) {
  EXPECT_EQ(prediction_format("", "a/b.CSV"), PredictionFormat::kCsv);
  EXPECT_EQ(prediction_format("", "b.ndjson"), PredictionFormat::kJsonLines);
  EXPECT_EQ(prediction_format("", "-"), PredictionFormat::kJsonLines);
  EXPECT_EQ(prediction_format("", ""), PredictionFormat::kJsonLines);
  EXPECT_EQ(prediction_format("nested", "b.jsonl"), PredictionFormat::kNested);
  EXPECT_EQ(prediction_format("csv", "b.txt"), PredictionFormat::kCsv);
  EXPECT_THROW(prediction_format("", "b.txt"), ConfigError);
  EXPECT_EQ(prediction_format("", "b.Parquet"), PredictionFormat::kParquet);
  EXPECT_EQ(prediction_format("parquet", "b.x"), PredictionFormat::kParquet);
  EXPECT_THROW(prediction_format("parquet", "-"), ConfigError);
  EXPECT_THROW(PostInput("-", {.format = "parquet"}), ConfigError);
  EXPECT_THROW(prediction_format("xml", "b.csv"), ConfigError);
}

TEST(PostInput, AStatedFormatGoesBeforeTheName) {
  const reference::TemporaryFolder folder("post-input");
  write_file_atomic(folder / "posts.data", "id\ttext\na\thello\n");
  std::vector<std::string> texts;
  PostInput(folder / "posts.data", {.format = "tsv"}).for_each([&](PostRequest&& request) { texts.push_back(request.post.text); });
  EXPECT_EQ(texts, (std::vector<std::string>{"hello"}));
  EXPECT_THROW(PostInput("-", {.format = "tar"}), ConfigError);
  EXPECT_TRUE(PostInput("-", {.format = "csv"}).standard_input());
}

}  // namespace
}  // namespace infig
