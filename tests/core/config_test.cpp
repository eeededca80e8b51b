#include "core/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "core/error.h"
#include "reference/temporary_folder.h"

namespace infig {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

enum class Augment { kRand, kFlip, kNone };

struct Options {
  uint64_t seed = 1;
  bool decoupled = false;
  int64_t layer = 9;
  double temperature = 0.07;
  std::string model;
  std::vector<int64_t> layers = {3, 6};
  std::vector<std::string> names = {"a"};
  Augment augment = Augment::kRand;
};

ConfigBinder bind(Options& options) {
  ConfigBinder binder;
  binder.field("seed", options.seed, "start of every random stream");
  binder.section("gam");
  binder.field("layer", options.layer, {.low = 1, .high = 12}, "layer that is aligned; 1 to 12");
  binder.field("temperature", options.temperature, {.low = 0, .low_open = true}, "tau; > 0");
  binder.section("hfam");
  binder.field("decoupled", options.decoupled, "leave the positive out");
  binder.field("layers", options.layers, {.low = 1}, "layers that are aligned");
  binder.section("text");
  binder.field("model", options.model, "folder");
  binder.field("names", options.names, "words");
  binder.section("image");
  binder.choice("augment", options.augment, {{"rand", Augment::kRand}, {"flip", Augment::kFlip}, {"none", Augment::kNone}},
                "how pictures vary");
  return binder;
}

// The message of the ConfigError that reading `yaml` ends in; empty where it is read without one.
std::string refusal(const std::string& yaml) {
  Options options;
  try {
    read_config_text(bind(options), yaml, "tiny.yaml");
  } catch (const ConfigError& error) {
    EXPECT_EQ(error.exit_code(), 2);
    return error.what();
  }
  return "";
}

std::string override_refusal(const std::string& assignment) {
  Options options;
  try {
    apply_override(bind(options), assignment);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(Config, ReadsEveryKindOfField) {
  Options options;
  read_config_text(bind(options),
                   "seed: 18446744073709551615\n"
                   "gam: {layer: 12, temperature: 5e-2}\n"
                   "hfam:\n  decoupled: true\n  layers: [1, 2, 3]\n"
                   "text:\n  model: models/a b\n  names: [x, 'null']\n"
                   "image.augment: none\n",
                   "tiny.yaml");
  EXPECT_EQ(options.seed, 18446744073709551615ULL);
  EXPECT_EQ(options.layer, 12);
  EXPECT_EQ(options.temperature, 0.05);
  EXPECT_TRUE(options.decoupled);
  EXPECT_EQ(options.layers, (std::vector<int64_t>{1, 2, 3}));
  EXPECT_EQ(options.model, "models/a b");
  EXPECT_EQ(options.names, (std::vector<std::string>{"x", "null"}));
  EXPECT_EQ(options.augment, Augment::kNone);
}

TEST(Config, LeavesUnnamedKeysAlone) {
  Options options;
  read_config_text(bind(options), "gam:\n  layer: 3\nhfam:\ntext: {}\n", "tiny.yaml");
  EXPECT_EQ(options.layer, 3);
  EXPECT_EQ(options.seed, 1U);
  EXPECT_EQ(options.layers, (std::vector<int64_t>{3, 6}));
  EXPECT_EQ(refusal(""), "");
  EXPECT_EQ(refusal("# nothing but a comment\n"), "");
}

TEST(Config, UnknownKeyNamesLineAndNearest) {
  EXPECT_THAT(refusal("seed: 1\ngam:\n  lyer: 2\n"),
              AllOf(HasSubstr("tiny.yaml:3"), HasSubstr("'gam.lyer'"), HasSubstr("did you mean 'gam.layer'")));
  EXPECT_THAT(refusal("layer: 2\n"), AllOf(HasSubstr("tiny.yaml:1"), HasSubstr("did you mean 'gam.layer'")));
  EXPECT_THAT(refusal("gamm:\n  layer: 2\n"), AllOf(HasSubstr("tiny.yaml:2"), HasSubstr("'gamm.layer'"), HasSubstr("'gam.layer'")));
  EXPECT_THAT(refusal("nonsense_far_from_all: 2\n"), AllOf(HasSubstr("unknown key"), ::testing::Not(HasSubstr("did you mean"))));
  EXPECT_THAT(refusal("extra: {}\n"), HasSubstr("unknown key 'extra'"));
  EXPECT_THAT(refusal("gam:\n  layer:\n    deep: 1\n"), HasSubstr("gam.layer"));
  EXPECT_THAT(refusal("gam:\n  inner:\n    deep: 1\n"), HasSubstr("unknown key 'gam.inner'"));
}

TEST(Config, BadValuesSayWhatIsExpectedAndFound) {
  EXPECT_THAT(refusal("gam:\n  layer: 13\n"),
              AllOf(HasSubstr("tiny.yaml:2: gam.layer"), HasSubstr(">= 1 and <= 12"), HasSubstr("found 13")));
  EXPECT_THAT(refusal("gam: {layer: 2.5}"), HasSubstr("a whole number"));
  EXPECT_THAT(refusal("gam: {layer: 9223372036854775808}"), HasSubstr("a whole number"));
  EXPECT_THAT(refusal("gam: {layer: two}"), HasSubstr("found two"));
  EXPECT_THAT(refusal("gam: {layer: ~}"), HasSubstr("a whole number"));
  EXPECT_THAT(refusal("gam: {temperature: 0}"), HasSubstr("> 0"));
  EXPECT_THAT(refusal("gam: {temperature: .nan}"), HasSubstr("a number"));
  EXPECT_THAT(refusal("gam: {temperature: .inf}"), HasSubstr("a number"));
  EXPECT_THAT(refusal("gam: {temperature: 1e400}"), HasSubstr("a number"));
  EXPECT_THAT(refusal("gam: {temperature: '0,5'}"), HasSubstr("a number"));
  EXPECT_THAT(refusal("seed: -1"), HasSubstr("a whole number from 0"));
  EXPECT_THAT(refusal("seed: 18446744073709551616"), HasSubstr("a whole number from 0"));
  EXPECT_THAT(refusal("hfam: {decoupled: maybe}"), HasSubstr("true or false"));
  EXPECT_THAT(refusal("hfam: {layers: 3}"), HasSubstr("a list of whole numbers"));
  EXPECT_THAT(refusal("hfam: {layers: [3, 0]}"), HasSubstr(">= 1"));
  EXPECT_THAT(refusal("text: {names: [[a]]}"), HasSubstr("a list of texts"));
  EXPECT_THAT(refusal("text: {model: [a]}"), HasSubstr("a text"));
  EXPECT_THAT(refusal("image: {augment: mirror}"), HasSubstr("one of rand, flip, none"));
  EXPECT_THAT(refusal("gam: 5"), HasSubstr("'gam' is a section"));
  EXPECT_THAT(refusal("gam: &loop {layer: *loop}"), HasSubstr("gam.layer"));
  EXPECT_THAT(refusal("more: &loop {again: *loop}"), HasSubstr("unknown key"));
}

TEST(Config, ALeadingZeroIsNoOctalNumber) {
  Options options;
  apply_override(bind(options), "gam.layer=010");
  EXPECT_EQ(options.layer, 10);
  EXPECT_THAT(override_refusal("gam.layer=0x3"), HasSubstr("a whole number"));
}

TEST(Config, DuplicatesAreErrors) {
  EXPECT_THAT(refusal("seed: 1\nseed: 2\n"), AllOf(HasSubstr("tiny.yaml:2"), HasSubstr("'seed' occurs twice")));
  EXPECT_THAT(refusal("gam: {layer: 1}\ngam: {temperature: 1}\n"), HasSubstr("'gam' occurs twice"));
  EXPECT_THAT(refusal("gam: {layer: 1}\ngam.layer: 2\n"), HasSubstr("'gam.layer' occurs twice"));
}

TEST(Config, WrongYamlNamesTheLine) {
  EXPECT_THAT(refusal("seed: 1\ngam: [1, 2\n"), AllOf(HasSubstr("tiny.yaml:"), HasSubstr("not YAML")));
  EXPECT_THAT(refusal("- 1\n- 2\n"), HasSubstr("found a list"));
  EXPECT_THAT(refusal("hello"), HasSubstr("found one value"));
  EXPECT_THAT(refusal("seed: 1\n---\nseed: 2\n"), HasSubstr("expected one YAML document, found 2"));
}

TEST(Config, OverridesTakeWhatWasTyped) {
  Options options;
  const ConfigBinder binder = bind(options);
  apply_override(binder, "gam.layer=2");
  apply_override(binder, "hfam.layers=[4, 8]");
  EXPECT_EQ(options.layer, 2);
  EXPECT_EQ(options.layers, (std::vector<int64_t>{4, 8}));
  for (const std::string text : {"/models/C# notes", "#1", "a: b", "k=v", "- x", "no: [", "models/a"}) {
    apply_override(binder, "text.model=" + text);
    EXPECT_EQ(options.model, text);
  }
  apply_override(binder, "text.model=\"true\"");
  EXPECT_EQ(options.model, "true");
  apply_override(binder, "text.model=");
  EXPECT_EQ(options.model, "");
  EXPECT_THAT(override_refusal("gam.layer"), HasSubstr("gam.layer=VALUE"));
  EXPECT_THAT(override_refusal("=3"), HasSubstr("expected key=value"));
  EXPECT_THAT(override_refusal("gam.layer=3 # three"), HasSubstr("command line: gam.layer"));
  EXPECT_THAT(override_refusal("gam.leyer=3"), HasSubstr("did you mean 'gam.layer'"));
}

TEST(Config, DumpIsReadBackUnchanged) {
  Options written{.seed = 18446744073709551615ULL,
                  .decoupled = true,
                  .layer = 7,
                  .temperature = 0.1 + 0.2,
                  .model = "a # b: \"c\"\n\té",
                  .layers = {},
                  .names = {"~", "", "1", "x, y"},
                  .augment = Augment::kFlip};
  for (const bool with_comments : {false, true}) {
    Options read;
    const std::string text = dump_config(bind(written), with_comments);
    read_config_text(bind(read), text, "dump");
    EXPECT_EQ(read.seed, written.seed);
    EXPECT_EQ(read.decoupled, written.decoupled);
    EXPECT_EQ(read.layer, written.layer);
    EXPECT_EQ(read.temperature, written.temperature) << "every bit";
    EXPECT_EQ(read.model, written.model);
    EXPECT_EQ(read.layers, written.layers);
    EXPECT_EQ(read.names, written.names);
    EXPECT_EQ(read.augment, written.augment);
    EXPECT_EQ(text.find("# tau; > 0") != std::string::npos, with_comments);
  }
}

TEST(Config, DumpKeepsSectionsTogetherWhateverTheOrderOfBinding) {
  int64_t first = 1, second = 2, third = 3, top = 4;
  ConfigBinder binder;
  binder.section("a");
  binder.field("first", first, {}, "");
  binder.section("b");
  binder.field("second", second, {}, "");
  binder.section("a");
  binder.field("third", third, {}, "");
  binder.section("");
  binder.field("top", top, {}, "");
  EXPECT_EQ(dump_config(binder, false), "top: 4\na:\n  first: 1\n  third: 3\nb:\n  second: 2\n");
}

TEST(Config, MissingFileIsAConfigErrorWithItsName) {
  Options options;
  try {
    read_config_file(bind(options), "no/such/file.yaml");
    FAIL() << "read a file that does not exist";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("no/such/file.yaml"), HasSubstr("No such file")));
  }
}

TEST(Config, MissingFileComesWithThePresetsBesideIt) {
  const reference::TemporaryFolder folder("config");
  for (const char* name : {"paper-b.yaml", "paper-a.yaml", "notes.txt"}) std::ofstream(folder / name) << "seed: 1\n";
  Options options;
  try {
    read_config_file(bind(options), folder / "paper.yaml");
    ADD_FAILURE() << "read a file that does not exist";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("paper.yaml: cannot be opened: No such file or directory; " + folder.path().string() +
                                        " holds paper-a.yaml, paper-b.yaml"));
    EXPECT_THAT(error.what(), Not(HasSubstr("notes.txt")));
  }
}

TEST(NearestWord, TakesTheNearestAndNothingFar) {
  EXPECT_EQ(nearest_word("trian", {"train", "text", "serve"}), "train");
  EXPECT_EQ(nearest_word("queue_siz", {"gam.layer", "gam.queue_size"}), "gam.queue_size");
  EXPECT_EQ(nearest_word("xyzzy", {"train", "text"}), "");
  EXPECT_EQ(nearest_word("epohcs", {"train.patience", "train.epochs"}), "train.epochs");  // two neighbours exchanged are one slip
  EXPECT_EQ(nearest_word("a", {}), "");
}

}  // namespace
}  // namespace infig
