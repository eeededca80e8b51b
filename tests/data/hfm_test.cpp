#include "data/hfm.h"

#include "scratch.h"

namespace infig {
namespace {

using test::thrown;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(Hfm, Rows) {
  const HfmRow train = parse_hfm_row("['91', 'so # funny', 1]", 3, "train.txt, line 3");
  EXPECT_EQ(train.id, "91");
  EXPECT_EQ(train.text, "so # funny");
  EXPECT_EQ(train.label_id, 1);
  EXPECT_EQ(train.line, 3);
  // The last element counts: a person called this post, tagged as sarcastic, not sarcastic.
  const HfmRow valid = parse_hfm_row("['92', \" it 's \", 1, 0]", 1, "p");
  EXPECT_EQ(valid.text, " it 's ");
  EXPECT_EQ(valid.hashtag_label, 1);
  EXPECT_EQ(valid.label_id, 0);
  EXPECT_THAT(parse_hfm_attributes("['1', 'a', 'b', 'c', 'd', 'e']", "p").words, ElementsAre("a", "b", "c", "d", "e"));
  EXPECT_EQ(hfm_labels(), (std::vector<std::string>{"not_sarcastic", "sarcastic"}));
}

TEST(Hfm, RowFaults) {
  const auto message = [](const char* line) { return thrown<DataError>([&] { parse_hfm_row(line, 4, "train.txt, line 4"); }); };
  EXPECT_THAT(message("['1', 'x']"), HasSubstr("train.txt, line 4: the list holds 2 elements"));
  EXPECT_THAT(message("['1', 'x', 1, 0, 1]"), HasSubstr("holds 5 elements"));
  EXPECT_THAT(message("[1, 'x', 1]"), HasSubstr("the id is a number, expected a quoted text"));
  EXPECT_THAT(message("['1', 2, 1]"), HasSubstr("the text is a number"));
  EXPECT_THAT(message("['1', 'x', '1']"), HasSubstr("the label is a text, expected 0 or 1"));
  EXPECT_THAT(message("['1', 'x', 2]"), HasSubstr("the label is 2, expected 0 or 1"));
  EXPECT_THAT(message("['1', 'x', 1, 3]"), HasSubstr("the human label is 3"));
  EXPECT_THAT(message("['a/b', 'x', 1]"), HasSubstr("line 4: the id"));
  EXPECT_THAT(message("['1', 'x, 1]"), HasSubstr("line 4, column 7"));
  const auto attributes = [](const char* line) { return thrown<DataError>([&] { parse_hfm_attributes(line, "p"); }); };
  EXPECT_THAT(attributes("['1', 'a', 'b', 'c', 'd']"), HasSubstr("holds 5 elements, expected an id and 5 words"));
  EXPECT_THAT(attributes("['1', 'a', 'b', 'c', 'd', 5]"), HasSubstr("the attribute is a number"));
}

TEST(Hfm, FilterTakesWholeWordsBetweenWhiteSpace) {
  EXPECT_THAT(hfm_filter_hits("so # humor and # jokes <url>"), ElementsAre("<url>", "humor", "jokes"));
  EXPECT_THAT(hfm_filter_hits("humor humor"), ElementsAre("humor"));
  EXPECT_THAT(hfm_filter_hits("humorous #humor Humor joke. <url>s"), IsEmpty());
  EXPECT_THAT(hfm_filter_hits("an\nironic\xC2\xA0irony"), ElementsAre("irony", "ironic"));
  EXPECT_THAT(hfm_filter_hits(""), IsEmpty());
}

}  // namespace
}  // namespace infig
