#include "data/first_line.h"

#include <gtest/gtest.h>

namespace infig {
namespace {

TEST(FirstLine, TheSeparatorIsThatOfMostNames) {
  EXPECT_EQ(separator_of("id,text,label", ','), ',');
  EXPECT_EQ(separator_of("id;text;label", ','), ';');
  EXPECT_EQ(separator_of("\"id\"|\"text\"|\"label\"", '\t'), '|');
  EXPECT_EQ(separator_of("id\ttext, the whole", ','), '\t');  // two names against none
  EXPECT_EQ(separator_of("text", '\t'), '\t');
  EXPECT_EQ(separator_of("", ','), ',');
}

TEST(FirstLine, AHeaderIsNamed) {
  EXPECT_EQ(header_fault("id;text"), "looks like CSV with id, text: give --input-format csv");
  EXPECT_EQ(header_fault("text\timage"), "looks like TSV with text, image: give --input-format tsv");
  EXPECT_EQ(header_fault("text"), "looks like CSV with text: give --input-format csv");
  EXPECT_EQ(header_fault("broken"), "");
  EXPECT_EQ(header_fault("{\"id\": 1, \"text\""), "");
}

}  // namespace
}  // namespace infig
