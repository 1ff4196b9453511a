#include "kafka/position_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace walrelay::kafka {
namespace {

PositionRecord Sample() {
  return {
      .version = 1,
      .phase = PositionPhase::kStreaming,
      .slot = "debezium_slot",
      .epoch = {.system_identifier = "7312345678901234567",
                .timeline = 3,
                .incarnation = Lsn{0x16B3748}},
      .end_lsn = Lsn{0xABCDEF0123456789},
      .last_commit_lsn = Lsn{0xABCDEF0123456780},
      .last_commit_micros = 1700000000000001,
      .options_hash = "00ff",
      .topics = {{"cdc.public.orders", {.next = {0, -1, std::numeric_limits<int64_t>::max()}}},
                 {"ünïcode \"quoted\"\\", {.next = {}}}},
      .connect_offset = 42,
      .generation = 7,
      .claimed = true,
      .writer = "0190",
      .transactional = true,
      .written_at_ms = 1700000000000,
  };
}

TEST(PositionCodec, ReadsWhatItWrote) {
  PositionRecord record = Sample();
  EXPECT_EQ(*DecodePosition(EncodePosition(record)), record);
  record.phase = PositionPhase::kSnapshotIntent;
  record.connect_offset.reset();
  record.topics.clear();
  EXPECT_EQ(*DecodePosition(EncodePosition(record)), record);
  record.phase = PositionPhase::kSnapshotSlot;
  record.connect_offset = kNoConnectRecord;
  EXPECT_EQ(*DecodePosition(EncodePosition(record)), record);
  EXPECT_EQ(*DecodePosition(EncodePosition({})), PositionRecord{});
}

TEST(PositionCodec, HasThisForm) {
  PositionRecord record = Sample();
  record.topics = {{"t", {.next = {5, -1}}}};
  EXPECT_EQ(
      EncodePosition(record),
      R"({"version":1,"phase":"streaming","slot":"debezium_slot","epoch":{"system_identifier":"7312345678901234567",)"
      R"("timeline":3,"incarnation":"0/16B3748"},"end_lsn":"ABCDEF01/23456789","last_commit_lsn":"ABCDEF01/23456780",)"
      R"("last_commit_micros":1700000000000001,"options_hash":"00ff","topics":{"t":[5,-1]},"connect_offset":42,"generation":7,"claimed":true,"writer":"0190","transactional":true,"written_at_ms":1700000000000})");
}

TEST(PositionCodec, RejectsEveryTruncation) {
  const std::string whole = EncodePosition(Sample());
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(DecodePosition(whole.substr(0, size)).status().code(), absl::StatusCode::kDataLoss)
        << size;
  }
}

TEST(PositionCodec, RejectsEachMemberMissingOrOfAnotherKind) {
  const std::string whole = EncodePosition(Sample());
  for (const std::string name : {"version", "phase", "slot", "epoch", "system_identifier",
                                 "timeline", "incarnation", "end_lsn", "last_commit_lsn",
                                 "options_hash", "topics", "connect_offset", "written_at_ms"}) {
    const size_t at = whole.find("\"" + name + "\":");
    ASSERT_NE(at, std::string::npos) << name;
    std::string missing = whole;
    missing.replace(at, name.size() + 2, "\"other\"");
    EXPECT_EQ(DecodePosition(missing).status().code(), absl::StatusCode::kDataLoss) << missing;
    std::string other_kind = whole;
    other_kind.replace(at, name.size() + 3, "\"" + name + "\":false,\"other\":");
    EXPECT_EQ(DecodePosition(other_kind).status().code(), absl::StatusCode::kDataLoss)
        << other_kind;
  }
}

TEST(PositionCodec, RejectsValuesOutOfRange) {
  const auto with = [](std::string_view from, std::string_view to) {
    PositionRecord record = Sample();
    record.topics = {{"t", {.next = {5}}}};
    std::string json = EncodePosition(record);
    const size_t at = json.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return DecodePosition(json.replace(at, from.size(), to)).status().code();
  };
  EXPECT_EQ(with("[5]", "[-2]"), absl::StatusCode::kDataLoss);
  EXPECT_EQ(with("[5]", "[5.0]"), absl::StatusCode::kDataLoss);
  EXPECT_EQ(with("[5]", "[9223372036854775808]"), absl::StatusCode::kDataLoss);
  EXPECT_EQ(with("\"t\":[5]", "\"t\":[5],\"t\":[6]"), absl::StatusCode::kDataLoss);
  EXPECT_EQ(with("\"timeline\":3", "\"timeline\":4294967296"), absl::StatusCode::kDataLoss);
  EXPECT_EQ(with("\"0/16B3748\"", "\"16B3748\""), absl::StatusCode::kDataLoss);
  EXPECT_EQ(with("\"connect_offset\":42", "\"connect_offset\":-2"), absl::StatusCode::kDataLoss);
  EXPECT_EQ(with("\"streaming\"", "\"paused\""), absl::StatusCode::kDataLoss);
  EXPECT_EQ(with("\"version\":1", "\"version\":0"), absl::StatusCode::kDataLoss);
}

TEST(PositionCodec, RefusesANewerFormatWhateverItHolds) {
  const absl::Status status = DecodePosition(R"({"version":2,"new":true})").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(Message(status)), testing::HasSubstr("version 2"));
}

TEST(PositionCodec, LeavesUnknownMembersOut) {
  std::string json = EncodePosition(Sample());
  json.insert(1, R"("added":{"x":[1,2]},)");
  EXPECT_EQ(*DecodePosition(json), Sample());
}

}  // namespace
}  // namespace walrelay::kafka
