#include "pg/quoting.h"

#include <gtest/gtest.h>

namespace walrelay::pg {
namespace {

using namespace std::literals;

TEST(QuoteIdentifier, AlwaysQuotesAndDoublesQuotes) {
  EXPECT_EQ(*QuoteIdentifier("orders"), "\"orders\"");
  EXPECT_EQ(*QuoteIdentifier("a\"; drop table x--"), "\"a\"\"; drop table x--\"");
  EXPECT_EQ(*QuoteIdentifier("a\\b'c"), "\"a\\b'c\"");
  EXPECT_EQ(*QuoteQualified("Sch.ema", "größe"), "\"Sch.ema\".\"größe\"");
}

TEST(QuoteIdentifier, RefusesWhatNoNameCanBe) {
  for (const std::string_view name :
       {""sv, "a\0b"sv, "1234567890123456789012345678901234567890123456789012345678901234"sv}) {
    EXPECT_EQ(QuoteIdentifier(name).status().code(), absl::StatusCode::kInvalidArgument)
        << name.size();
  }
  EXPECT_TRUE(QuoteIdentifier(std::string(63, 'x')).ok());
}

TEST(QuoteLiteral, EscapesQuotesAndBackslashes) {
  EXPECT_EQ(*QuoteLiteral("it's"), "'it''s'");
  EXPECT_EQ(*QuoteLiteral("a\\b'"), "E'a\\\\b'''");
  EXPECT_EQ(*QuoteLiteral(""), "''");
  EXPECT_EQ(*QuoteReplicationLiteral("a\\b'"), "'a\\b'''");
  EXPECT_FALSE(QuoteLiteral("a\0"sv).ok());
  EXPECT_FALSE(QuoteReplicationLiteral("a\0"sv).ok());
}

}  // namespace
}  // namespace walrelay::pg
