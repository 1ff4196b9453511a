#include "envelope/topic_names.h"

#include <gtest/gtest.h>

#include "tests/envelope/fixture.h"

namespace walrelay::envelope {
namespace {

TEST(TopicName, JoinsPrefixSchemaAndTable) {
  Options options = TestOptions();
  EXPECT_EQ(TopicName(options, "public", "orders"), "cdc.public.orders");
  options.topic_delimiter = "_";
  EXPECT_EQ(TopicName(options, "public", "orders"), "cdc_public_orders");
}

TEST(TopicName, ReplacesEachIllegalUtf16Unit) {
  const Options options = TestOptions();
  EXPECT_EQ(TopicName(options, "public", "a b$ä😀-x.y"), "cdc.public.a_b____-x.y");
  EXPECT_EQ(TopicName(options, "public", std::string(300, 'a')).size(), 249u);
}

TEST(TopicName, OthersFollowTheirOwnRules) {
  Options options = TestOptions();
  EXPECT_EQ(HeartbeatTopic(options), "__debezium-heartbeat.cdc");
  EXPECT_EQ(TransactionTopic(options), "cdc.transaction");
  options.topic_delimiter = "_";
  options.topic_heartbeat_prefix = "beat";
  options.topic_transaction = "tx";
  EXPECT_EQ(HeartbeatTopic(options), "beat_cdc");
  EXPECT_EQ(TransactionTopic(options), "cdc_tx");
  EXPECT_EQ(MessageTopic(options), "cdc.message") << "always a dot";
  options.topic_heartbeat_name = "whole";
  EXPECT_EQ(HeartbeatTopic(options), "whole");
}

TEST(AdjustName, AvroReplacesByUnderscore) {
  const auto mode = NameAdjustment::kAvro;
  EXPECT_EQ(AdjustSchemaName(mode, "cdc-1.public.t.Key"), "cdc_1.public.t.Key");
  EXPECT_EQ(AdjustFieldName(mode, "a.b"), "a_b");
  EXPECT_EQ(AdjustFieldName(mode, "1abc"), "_1abc");
  EXPECT_EQ(AdjustFieldName(mode, "$x"), "_x");
  EXPECT_EQ(AdjustFieldName(mode, "_under"), "_under");
}

TEST(AdjustName, AvroUnicodeEscapesUnderscoresToo) {
  const auto mode = NameAdjustment::kAvroUnicode;
  EXPECT_EQ(AdjustSchemaName(mode, "a-b.c_d"), "a_u002db.c_u005fd");
  EXPECT_EQ(AdjustFieldName(mode, "1digit"), "_u0031digit");
  EXPECT_EQ(AdjustFieldName(mode, "tab\tbed"), "tab_u009bed");
  EXPECT_EQ(AdjustFieldName(mode, "€"), "_u20ac");
  EXPECT_EQ(AdjustFieldName(NameAdjustment::kNone, "a.b-c"), "a.b-c");
}

}  // namespace
}  // namespace walrelay::envelope
