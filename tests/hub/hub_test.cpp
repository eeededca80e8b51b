// What needs no server; tests/e2e/test_weights.py has one.
#include "hub/hub.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "archive/archives.h"
#include "core/error.h"
#include "core/files.h"

namespace infig {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

template <typename Function>
std::string error_of(Function&& function) {
  try {
    function();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

const std::string kCommit(40, 'a');

TEST(Hub, NamesOfModels) {
  EXPECT_EQ(parse_hub_name("bert-base-uncased").revision, "main");
  EXPECT_EQ(parse_hub_name("microsoft/deberta-v3-base@v1.0").model, "microsoft/deberta-v3-base");
  EXPECT_EQ(parse_hub_name("a/b@refs/pr/1").revision, "refs/pr/1");
  for (const char* name : {"", "/", "a/", "/b", "a/b/c", "../b", "a/..", "a b/c", "a/b@", "a/b@../x", "a/b?x=1", "https://x/y"}) {
    EXPECT_THAT(error_of([&] { parse_hub_name(name); }), HasSubstr("OWNER/MODEL")) << name;
  }
}

TEST(Hub, Listing) {
  const std::string sha256(64, '1'), blob(40, '2');
  const std::string text = R"({"sha": ")" + kCommit + R"(", "siblings": [{"rfilename": "config.json", "size": 5, "blobId": ")" + blob +
                           R"("}, {"rfilename": "model.safetensors", "size": 9, "blobId": ")" + blob + R"(", "lfs": {"sha256": ")" +
                           sha256 + R"(", "size": 9, "pointerSize": 1}}, {"rfilename": "1_Pooling/config.json"}]})";
  const HubModel model = parse_hub_listing(text, "a/b", "url");
  ASSERT_EQ(model.files.size(), 3U);
  EXPECT_EQ(model.commit, kCommit);
  EXPECT_EQ(model.files[0].digest, blob);
  EXPECT_EQ(model.files[0].size, 5U);
  EXPECT_EQ(model.files[1].digest, sha256);
  EXPECT_EQ(model.files[2].digest, "");
  EXPECT_FALSE(model.files[2].size.has_value());
  const auto listing = [](const std::string& name) {
    return R"({"sha": ")" + kCommit + R"(", "siblings": [{"rfilename": ")" + name + "\"}]}";
  };
  for (const char* name : {"../x", "/etc/passwd", "a/../../x", "a//b", "a\\\\b", "a\\u0000b", "", ".", "a/\\u001b[0m"}) {
    EXPECT_THAT(error_of([&] { parse_hub_listing(listing(name), "a/b", "url"); }), HasSubstr("leads out of the folder")) << name;
  }
  EXPECT_THAT(error_of([&] { parse_hub_listing("<html>", "a/b", "url"); }), HasSubstr("not a JSON object"));
  EXPECT_THAT(error_of([&] { parse_hub_listing(R"({"sha": "main"})", "a/b", "url"); }), HasSubstr("no commit"));
  EXPECT_THAT(error_of([&] { parse_hub_listing(R"({"sha": ")" + kCommit + "\"}", "a/b", "url"); }), HasSubstr("no files"));
  EXPECT_THAT(error_of([&] { parse_hub_listing(R"({"sha": ")" + kCommit + R"(", "siblings": [3]})", "a/b", "url"); }),
              HasSubstr("no rfilename"));
}

std::vector<std::string> chosen(const std::vector<std::string>& names) {
  HubModel model{.name = "a/b", .commit = kCommit, .files = {}};
  for (const auto& name : names) model.files.push_back({.name = name, .size = {}, .digest = {}});
  std::vector<std::string> result;
  for (const HubFile& file : choose_hub_files(model)) result.push_back(file.name);
  return result;
}

TEST(Hub, FilesOfUse) {
  EXPECT_THAT(chosen({"README.md", "config.json", "model.safetensors", "onnx/model.onnx", "pytorch_model.bin", "tf_model.h5", "vocab.txt",
                      "1_Pooling/config.json"}),
              ElementsAre("config.json", "model.safetensors", "vocab.txt", "1_Pooling/config.json"));
  EXPECT_THAT(chosen({"pytorch_model.bin", "spm.model", "rust_model.ot"}), ElementsAre("pytorch_model.bin", "spm.model"));
  EXPECT_THAT(chosen({"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json",
                      "pytorch_model.bin", "other-00001-of-00002.safetensors"}),
              ElementsAre("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"));
  EXPECT_THAT(chosen({"pytorch_model-00001-of-00001.bin", "pytorch_model.bin.index.json", "x.bin"}),
              ElementsAre("pytorch_model-00001-of-00001.bin", "pytorch_model.bin.index.json"));
  EXPECT_THAT(error_of([] { chosen({"config.json", "flax_model.msgpack"}); }),
              HasSubstr("neither model.safetensors nor pytorch_model.bin"));
}

TEST(Hub, OptionsAreChecked) {
  const auto refused = [](const std::string& endpoint, const std::string& token) {
    HubOptions options;
    options.endpoint = endpoint;
    options.token = token;
    return error_of([&] { options.validate(); });
  };
  EXPECT_EQ(refused("https://huggingface.co", "hf_x"), "");
  EXPECT_EQ(refused("http://127.0.0.1:8000", "hf_x"), "");
  EXPECT_EQ(refused("http://[::1]:8000", "hf_x"), "");
  EXPECT_EQ(refused("http://mirror.example", ""), "");
  EXPECT_THAT(refused("http://mirror.example", "hf_x"), HasSubstr("not encrypted"));
  EXPECT_THAT(refused("http://localhost.example", "hf_x"), HasSubstr("not encrypted"));
  EXPECT_THAT(refused("ftp://x", ""), HasSubstr("HF_ENDPOINT"));
  EXPECT_THAT(refused("huggingface", ""), HasSubstr("HF_ENDPOINT"));
  EXPECT_THAT(refused("https://huggingface.co", "hf\r\nX: y"), HasSubstr("HF_TOKEN"));
}

TEST(Hub, UrlsAndDigests) {
  EXPECT_EQ(url_origin("HTTPS://Example.org/a?b"), "https://example.org:443");
  EXPECT_EQ(url_origin("http://u:p@example.org:8080/"), "http://example.org:8080");
  EXPECT_EQ(url_origin("file:///etc/passwd"), "");
  EXPECT_EQ(url_origin("no url"), "");
  EXPECT_EQ(url_encode("refs/pr/1 \xc3\xa9"), "refs%2Fpr%2F1%20%C3%A9");
  EXPECT_EQ(url_encode("1_Pooling/config.json", "/"), "1_Pooling/config.json");
  const TemporaryFolder folder;
  write_file_atomic(folder / "hello", "hello world\n");
  EXPECT_EQ(git_blob_sha1(folder / "hello"), "3b18e512dba79e4c8300dd08aeb37f8e728b8dad");  // git hash-object
  write_file_atomic(folder / "empty", "");
  EXPECT_EQ(git_blob_sha1(folder / "empty"), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
}

}  // namespace
}  // namespace infig
