#include "envelope/connect_offset.h"

#include <gtest/gtest.h>

namespace walrelay::envelope {
namespace {

ConnectOffset Streaming() {
  ConnectOffset offset;
  offset.lsn_proc = Lsn{1668799008};
  offset.message_type = "INSERT";
  offset.lsn_commit = Lsn{1668789824};
  offset.lsn = Lsn{1668799008};
  offset.tx_id = 6937;
  offset.ts_usec = 1795447036119362;
  return offset;
}

TEST(ConnectOffset, KeyNamesConnectorAndServer) {
  EXPECT_EQ(ConnectOffsetKey("golden", "cdc-avro"), R"(["golden",{"server":"cdc-avro"}])");
}

// The texts are the real connector's, from its offsets topic.
TEST(ConnectOffset, IsInTheOrderOfJavasHashMap) {
  EXPECT_EQ(
      EncodeConnectOffset(Streaming(), Compat::k2_5_0),
      R"({"transaction_id":null,"lsn_proc":1668799008,"messageType":"INSERT","lsn_commit":1668789824,"lsn":1668799008,)"
      R"("txId":6937,"ts_usec":1795447036119362})");
  EXPECT_EQ(
      EncodeConnectOffset(Streaming(), Compat::k3_6_1),
      R"({"lsn_proc":1668799008,"messageType":"INSERT","lsn_commit":1668789824,"lsn":1668799008,"txId":6937,)"
      R"("ts_usec":1795447036119362})");
}

TEST(ConnectOffset, SaysThatASnapshotRuns) {
  ConnectOffset offset;
  offset.lsn = Lsn{10};
  offset.tx_id = 7;
  offset.ts_usec = 5;
  offset.snapshot = OffsetSnapshot::kInitial;
  offset.last_snapshot_record = false;
  offset.snapshot_completed = false;
  EXPECT_EQ(EncodeConnectOffset(offset, Compat::k2_5_0),
            R"({"last_snapshot_record":false,"lsn":10,"txId":7,"ts_usec":5,"snapshot":true})");
  EXPECT_EQ(
      EncodeConnectOffset(offset, Compat::k3_6_1),
      R"({"last_snapshot_record":false,"lsn":10,"txId":7,"ts_usec":5,"snapshot":"INITIAL","snapshot_completed":false})");
}

TEST(ConnectOffset, CarriesTransactionCounts) {
  ConnectOffset offset = Streaming();
  offset.transaction_id = "7";
  offset.transaction_counts = {{"public.t", 1}};
  EXPECT_EQ(
      EncodeConnectOffset(offset, Compat::k3_6_1).substr(0, 85),
      R"({"transaction_id":"7","lsn_proc":1668799008,"transaction_data_collection_order_public)");
}

TEST(ConnectOffset, IsReadBackInBothVersions) {
  ConnectOffset offset = Streaming();
  offset.xmin = 5;
  offset.transaction_id = "7";
  offset.transaction_counts = {{"public.t", 1}};
  for (const Compat compat : {Compat::k2_5_0, Compat::k3_6_1}) {
    const auto parsed = ParseConnectOffset(EncodeConnectOffset(offset, compat));
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(*parsed, offset);
  }
}

TEST(ConnectOffset, TakesTheOldBooleanForAnInitialSnapshot) {
  const auto parsed =
      ParseConnectOffset(R"({"snapshot":true,"last_snapshot_record":true,"unknown":[1]})");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->snapshot, OffsetSnapshot::kInitial);
  EXPECT_EQ(parsed->last_snapshot_record, true);
  EXPECT_EQ(parsed->lsn, std::nullopt);
  EXPECT_EQ(ParseConnectOffset(R"({"snapshot":"INCREMENTAL"})")->snapshot,
            OffsetSnapshot::kIncremental);
}

TEST(ConnectOffset, RefusesWhatItCannotMean) {
  for (const char* json :
       {"", "[]", "{", R"({"lsn":"1"})", R"({"lsn":-1})", R"({"lsn":1.5})", R"({"messageType":1})",
        R"({"snapshot":"OTHER"})", R"({"last_snapshot_record":"x"})",
        R"({"transaction_data_collection_order_a":"x"})"}) {
    EXPECT_EQ(ParseConnectOffset(json).status().code(), absl::StatusCode::kDataLoss) << json;
  }
}

}  // namespace
}  // namespace walrelay::envelope
