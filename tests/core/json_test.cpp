#include "core/json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace infig {
namespace {

std::string nested(size_t depth, char open, char close) { return std::string(depth, open) + std::string(depth, close); }

TEST(ForeignJson, ReadsAsNlohmannDoes) {
  for (const std::string text : {R"({"a": [1, -2.5, "x", null, true, {"b": {}}], "c": []})", "[]", "3", "\"x\""}) {
    EXPECT_EQ(parse_foreign_json(text), nlohmann::json::parse(text)) << text;
  }
}

TEST(ForeignJson, WhatIsNoneIsDiscarded) {
  for (const std::string text : {"", "{", "[1,]", "{\"a\": \"\xff\"}", "{} {}"})
    EXPECT_TRUE(parse_foreign_json(text).is_discarded()) << text;
}

TEST(ForeignJson, AFaultIsToldInPrintableText) {
  const std::string fault = foreign_json_fault("{\"a\": \xff\x01");
  EXPECT_NE(fault.find("\\xff"), std::string::npos) << fault;
  EXPECT_EQ(fault.find("[json.exception"), std::string::npos) << fault;
  for (const char c : fault) EXPECT_TRUE(c >= 0x20 && c < 0x7F) << fault;
}

TEST(ForeignJson, DepthHasALimit) {
  EXPECT_EQ(parse_foreign_json(nested(kMaxJsonDepth, '[', ']')).size(), 1U);
  EXPECT_TRUE(parse_foreign_json(nested(kMaxJsonDepth + 1, '[', ']')).is_discarded());
  EXPECT_TRUE(parse_foreign_json(nested(1'000'000, '[', ']')).is_discarded());
  std::string objects;
  for (int i = 0; i < kMaxJsonDepth; ++i) objects += R"({"a": )";
  objects += "3" + std::string(kMaxJsonDepth, '}');
  EXPECT_EQ(parse_foreign_json(objects).size(), 1U);
  EXPECT_TRUE(parse_foreign_json("[" + objects + "]").is_discarded());
}

// The message goes to a terminal and into logs, whatever the file holds.
TEST(ForeignJson, ItsFaultIsPrintableAndShort) {
  for (const std::string& text :
       {std::string("\xff\xfe\x00", 3), std::string("\"\x1b[31m"), "\"" + std::string(1'000'000, 'x'), std::string("{\"\u00e4\": \xe4")}) {
    const std::string fault = foreign_json_fault(text);
    EXPECT_FALSE(fault.empty());
    EXPECT_LT(fault.size(), 1100U);
    for (const char c : fault) EXPECT_TRUE(c >= 0x20 && c < 0x7F) << fault;
  }
  EXPECT_EQ(foreign_json_fault(nested(1000, '[', ']')), "nested deeper than 100");
}

}  // namespace
}  // namespace infig
