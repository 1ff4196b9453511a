#include "app/debezium_tail.h"

#include <gtest/gtest.h>

namespace walrelay::app {
namespace {

CommitOrder Order(std::string_view value, uint64_t commit) {
  ConsumedRecord record;
  record.value = value;
  return OrderOf(record, Lsn{commit});
}

// An envelope with this source block, without a schema.
std::string Envelope(std::string_view source, std::string_view op = "c") {
  return Cat(R"({"before":null,"after":{"id":1},"source":{)", source, R"(},"op":")", op, R"("})");
}

std::string Row(std::string_view sequence) {
  return Envelope(Cat(R"("snapshot":"false","sequence":")", sequence, R"(","txId":7,"lsn":90)"));
}

TEST(DebeziumTail, RowsOfATransactionFollowTheCommitThatTheyName) {
  EXPECT_EQ(Order(Row(R"([\"99\",\"90\"])"), 100), CommitOrder::kBefore);
  EXPECT_EQ(Order(Row(R"([\"100\",\"90\"])"), 100), CommitOrder::kAfter);
  EXPECT_EQ(Order(Row(R"([\"101\",\"90\"])"), 100), CommitOrder::kAfter);
}

TEST(DebeziumTail, ASchemaBesideThePayloadChangesNothing) {
  EXPECT_EQ(Order(Cat(R"({"schema":{"type":"struct"},"payload":)", Row(R"([\"99\",\"90\"])"), "}"),
                  100),
            CommitOrder::kBefore);
}

TEST(DebeziumTail, NoCommitInTheSequenceMeansTheFirstTransaction) {
  EXPECT_EQ(Order(Row(R"([null,\"90\"])"), 100), CommitOrder::kBefore);
  EXPECT_EQ(Order(Row(R"([null,\"90\"])"), 0), CommitOrder::kAfter);
}

TEST(DebeziumTail, SnapshotRowsCameBefore) {
  const std::string row = Envelope(R"("snapshot":"last","sequence":"[null,\"90\"]")", "r");
  EXPECT_EQ(Order(row, 0), CommitOrder::kBefore);
  EXPECT_EQ(Order(row, 100), CommitOrder::kBefore);
}

TEST(DebeziumTail, IncrementalSnapshotRowsSayNothing) {
  EXPECT_EQ(Order(Envelope(R"("snapshot":"incremental","sequence":"[\"99\",\"90\"]")", "r"), 100),
            CommitOrder::kNeutral);
}

TEST(DebeziumTail, AMessageOutsideOfTransactionsIsItsOwnCommit) {
  const std::string message =
      Envelope(R"("snapshot":"false","sequence":"[\"100\",\"100\"]","txId":null,"lsn":100)", "m");
  EXPECT_EQ(Order(message, 99), CommitOrder::kAfter);
  EXPECT_EQ(Order(message, 100), CommitOrder::kBefore);
}

TEST(DebeziumTail, AMessageInATransactionIsARow) {
  EXPECT_EQ(Order(Envelope(R"("sequence":"[\"100\",\"90\"]","txId":7,"lsn":90)", "m"), 100),
            CommitOrder::kAfter);
}

TEST(DebeziumTail, TheEndOfATransactionHasTheLsnOfItsCommit) {
  constexpr std::string_view kEnd = R"({"status":"END","id":"7:100","event_count":1})";
  EXPECT_EQ(Order(kEnd, 99), CommitOrder::kAfter);
  EXPECT_EQ(Order(kEnd, 100), CommitOrder::kBefore);
  EXPECT_EQ(Order(R"({"status":"END","id":"7"})", 100), CommitOrder::kNeutral);
}

TEST(DebeziumTail, TheBeginOfATransactionCameLaterUnlessItsEndDidNot) {
  EXPECT_EQ(Order(R"({"status":"BEGIN","id":"7:90","event_count":null})", 100),
            CommitOrder::kAfter);
}

TEST(DebeziumTail, WhatIsNoEnvelopeSaysNothing) {
  ConsumedRecord tombstone;
  EXPECT_EQ(OrderOf(tombstone, Lsn{100}), CommitOrder::kNeutral);
  EXPECT_EQ(Order("not JSON", 100), CommitOrder::kNeutral);
  EXPECT_EQ(Order("[1]", 100), CommitOrder::kNeutral);
  EXPECT_EQ(Order(R"({"id":1,"name":"unwrapped"})", 100), CommitOrder::kNeutral);
  EXPECT_EQ(Order(R"({"ts_ms":1})", 100), CommitOrder::kNeutral);
  EXPECT_EQ(Order(Envelope(R"("sequence":"broken")"), 100), CommitOrder::kNeutral);
  EXPECT_EQ(Order(Envelope(R"("sequence":"[\"x\",\"90\"]")"), 100), CommitOrder::kNeutral);
}

}  // namespace
}  // namespace walrelay::app
