#include "wal/replication_frames.h"

#include <gtest/gtest.h>

#include "base/status.h"
#include "tests/wal/wire.h"

namespace walrelay::wal {
namespace {

constexpr int64_t kTime = 1'700'000'000'123'456;

TEST(ReplicationFrames, DecodeXLogData) {
  const std::string bytes = Wire('w').U64(0x10).U64(0x20).U64(PgTime(kTime)).Raw("payload");
  const auto frame = DecodeFrame(bytes);
  ASSERT_TRUE(frame.ok()) << frame.status();
  const auto& data = std::get<XLogData>(*frame);
  EXPECT_EQ(data.wal_start, Lsn{0x10});
  EXPECT_EQ(data.wal_end, Lsn{0x20});
  EXPECT_EQ(data.send_time_micros, kTime);
  EXPECT_EQ(data.payload, "payload");
}

TEST(ReplicationFrames, DecodeKeepalive) {
  const std::string bytes = Wire('k').U64(0x16'000B'3748).U64(PgTime(kTime)).U8(1);
  const auto frame = DecodeFrame(bytes);
  ASSERT_TRUE(frame.ok()) << frame.status();
  const auto& keepalive = std::get<Keepalive>(*frame);
  EXPECT_EQ(keepalive.wal_end, Lsn{0x16'000B'3748});
  EXPECT_EQ(keepalive.send_time_micros, kTime);
  EXPECT_TRUE(keepalive.reply_requested);
}

TEST(ReplicationFrames, RejectShortAndUnknownOnes) {
  const std::string data = Wire('w').U64(0x10).U64(0x20).U64(0);
  EXPECT_TRUE(DecodeFrame(data).ok()) << "an empty payload is the decoder's business";
  const std::string keepalive = Wire('k').U64(0x10).U64(0).U8(0);
  for (const std::string& whole : {data, keepalive}) {
    for (size_t size = 0; size < whole.size(); ++size) {
      EXPECT_EQ(DecodeFrame(whole.substr(0, size)).status().code(), absl::StatusCode::kDataLoss)
          << size;
    }
  }
  EXPECT_FALSE(DecodeFrame(keepalive + "x").ok());
  EXPECT_EQ(Message(DecodeFrame(std::string(Wire('h').Raw("secret"))).status()),
            "unknown replication frame, tag 104, 7 bytes");
}

TEST(ReplicationFrames, EncodeStatusUpdate) {
  const auto bytes = EncodeStatusUpdate({.written = Lsn{3},
                                         .flushed = Lsn{0x16'000B'3748},
                                         .applied = Lsn{1},
                                         .client_time_micros = kTime,
                                         .reply_requested = true});
  const std::string expected = Wire('r').U64(3).U64(0x16'000B'3748).U64(1).U64(PgTime(kTime)).U8(1);
  EXPECT_EQ(std::string(bytes.data(), bytes.size()), expected);
}

}  // namespace
}  // namespace walrelay::wal
