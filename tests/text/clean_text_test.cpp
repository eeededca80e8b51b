#include "text/clean_text.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include "core/files.h"
#include "data/scratch.h"

namespace infig {
namespace {

// What the original's three regular expressions delete, run in Python on the same texts.
TEST(CleanText, MultiSentiNet) {
  EXPECT_EQ(clean_multisentinet("  RT @some_one: so #Happy2day! http://t.co/aB-1/x?y=z \n"), "RT _one: so ! ");
  EXPECT_EQ(clean_multisentinet("##a @@b # @ a#b c@d"), "# @ # @ a c");
  EXPECT_EQ(clean_multisentinet("http://a.b"), "http://a.b");   // a top-level domain has two letters or more
  EXPECT_EQ(clean_multisentinet("http://a.museumx/y"), "x/y");  // and at most six are taken
  EXPECT_EQ(clean_multisentinet("https://1.2.3.4:80/p ftp://x.de:12345 z"), " 5 z");
  EXPECT_EQ(clean_multisentinet("http://1.2.3 HTTP://a.de www.a.de"), "http://1.2.3 HTTP://a.de www.a.de");
  EXPECT_EQ(clean_multisentinet("xhttp://a.de/\xC3\xA9y"), "x\xC3\xA9y");
  EXPECT_EQ(clean_multisentinet("http://a.de-b.fr. end"), ". end");
  EXPECT_EQ(clean_multisentinet("#caf\xC3\xA9"), "\xC3\xA9");
  EXPECT_EQ(clean_multisentinet("#only @this http://t.co/x"), "  ");
}

TEST(CleanText, Urls) {
  EXPECT_EQ(remove_urls("see http://t.co/x now"), "see now");
  EXPECT_EQ(remove_urls("http://t.co/x"), "");
  EXPECT_EQ(remove_urls("a\n\nHTTPS://t.co/x\n\nb"), "a\n\nb");
  EXPECT_EQ(remove_urls("(http://t.co/x) b"), "( b");
  EXPECT_EQ(remove_urls("www.a.com wwwx awww.a.com http:/ "), "wwwx awww.a.com http:/");
}

TEST(CleanText, Mgnns) {
  EXPECT_EQ(clean_mgnns("I'm SO angry!!  The caf\xC3\xA9s, http://a.b/c m\xC3\xA9lange of #Love2017"), "angry caf lange love2017");
  EXPECT_EQ(clean_mgnns("we are in it"), "");
}

TEST(CleanText, HfmWithoutCues) {
  EXPECT_EQ(without_cues("goog morning  # sorrynotsorry # morning #x"), "goog morning sorrynotsorry morning x");
  EXPECT_EQ(without_cues(" i love it emoji_689 emoji_156 . emoji_15"), "i love it .");
  EXPECT_EQ(without_cues("my_emoji_3 emoji_ emoji_1x emoji_2, (emoji_3)"), "my_ emoji_ emoji_1x , ()");
  // A family with joiners, a flag, a skin tone, a heart with its selector; signs of text stay.
  EXPECT_EQ(without_cues("a \U0001F468\u200D\U0001F469 b"), "a b");
  EXPECT_EQ(without_cues("\U0001F1E9\U0001F1EA c\U0001F44D\U0001F3FD d \u2764\uFE0F"), "c d");
  EXPECT_EQ(without_cues("\u00A9 \u00AE \u2122 caf\u00E9 a\u200Db"), "\u00A9 \u00AE \u2122 caf\u00E9 a\u200Db");
  EXPECT_EQ(without_cues("# emoji_1 "), "");
}

nlohmann::json real_array(const std::filesystem::path& file) { return nlohmann::json::parse(test::slurp(file)); }

// The digest is of what a Python program with the package `regex` and its Unicode properties leaves of all texts; 14,532 of them change.
TEST(CleanText, HfmWithoutCuesOnRealTexts) {
  const auto folder = test::real_data("hfm-text");
  if (folder.empty()) GTEST_SKIP() << "no hfm-text/ in $INFIG_DATA or beside the checkout";
  std::string all;
  for (const char* name : {"train.json", "valid.json", "test.json"}) {
    for (const auto& row : real_array(folder / name)) all += without_cues(row["text"].get<std::string>()) + "\n";
  }
  EXPECT_EQ(sha256_hex(all), "b0f87b1740a5b0ed90f1b9a1d689c63cfe12dc0f1329f7fcb62c8d9caae0b8c2");
}

// The digest is of what Python's re.sub() leaves of the 17,024 texts; one of them becomes empty (docs/published-data.md).
TEST(CleanText, MultiSentiNetOnRealTexts) {
  const auto folder = test::real_data("mvsa-multiple-text");
  if (folder.empty()) GTEST_SKIP() << "no mvsa-multiple-text/ in $INFIG_DATA or beside the checkout";
  std::string all;
  int64_t empty = 0;
  for (const char* name : {"train.json", "dev.json", "test.json"}) {
    for (const auto& row : real_array(folder / name)) {
      const std::string cleaned = clean_multisentinet(row["text"].get<std::string>());
      empty += cleaned.find_first_not_of(' ') == std::string::npos ? 1 : 0;
      all += row["id"].get<std::string>() + "\t" + cleaned + "\n";
    }
  }
  EXPECT_EQ(empty, 1);
  EXPECT_EQ(sha256_hex(all), "d0a5f70a59d2397fad17ea3f8d36154a73432cbe2dcb1bd007b1d4a9bef8f86f");
}

// MGNNS's own texts are cleaned: all but those in which it left a stop-word or a doubled space stay as they are.
TEST(CleanText, MgnnsKeepsItsOwnTexts) {
  const auto folder = test::real_data("tumemo-mgnns");
  if (folder.empty()) GTEST_SKIP() << "no tumemo-mgnns/ in $INFIG_DATA or beside the checkout";
  int64_t texts = 0;
  int64_t kept = 0;
  for (const char* name : {"val_all_anno.json", "test_all_anno.json"}) {
    std::ifstream lines(folder / name);
    for (std::string line; std::getline(lines, line);) {
      const std::string text = nlohmann::json::parse(line)["text"];
      ++texts;
      kept += clean_mgnns(text) == text ? 1 : 0;
    }
  }
  EXPECT_EQ(texts, 20090);
  EXPECT_EQ(kept, 19735);  // counted in Python with NLTK's list of stop-words
}

}  // namespace
}  // namespace infig
