// A slot, a publication and a stream of a test's own, on the real server.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "tests/pg/test_server.h"
#include "tests/wal/describe.h"
#include "wal/pgoutput.h"
#include "wal/replication_stream.h"

namespace walrelay::wal {

using pg::MustRun;
using pg::Value;
using namespace std::chrono_literals;

// Waits until the stream's socket is readable; false after ten seconds.
inline bool WaitReadable(const ReplicationStream& stream) {
  pollfd descriptor{.fd = stream.socket(), .events = POLLIN, .revents = 0};
  return poll(&descriptor, 1, 10'000) > 0;
}

// Everything of the test is named after `name`, which must be a slot's name; the schema is its
// search_path.
class StreamTest : public testing::Test {
 protected:
  explicit StreamTest(std::string name) : name_(std::move(name)) {}

  void SetUp() override {
    SKIP_WITHOUT_SERVER("WALRELAY_TEST_SOURCE");
    sql_.emplace(pg::ConnectToTestServer());
    CleanUp();
    MustRun(*sql_, Cat("CREATE SCHEMA ", name_, "; SET search_path = ", name_));
  }
  void TearDown() override {
    stream_.reset();
    if (!sql_) return;
    if (sql_->is_lost()) sql_.emplace(pg::ConnectToTestServer());
    if (sql_->in_transaction()) MustRun(*sql_, "ROLLBACK");
    CleanUp();
  }
  void CleanUp() {
    MustRun(*sql_, "SET client_min_messages = warning");
    DropSlotWhenIdle(name_);
    MustRun(*sql_, Cat("DROP PUBLICATION IF EXISTS ", name_, "; DROP SCHEMA IF EXISTS ", name_,
                       " CASCADE"));
  }
  // The server needs a moment to see that a client has gone.
  void DropSlotWhenIdle(const std::string& slot) {
    const std::string drop = Cat(
        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '",
        slot, "'");
    for (int attempt = 0; attempt < 500; ++attempt) {
      if (sql_->Query(drop).ok()) return;
      MustRun(*sql_, "SELECT pg_sleep(0.02)");
    }
    FAIL() << "slot " << slot << " stays in use";
  }

  void Connect() {
    stream_.reset();
    auto stream = ReplicationStream::Connect(pg::TestServer());
    ASSERT_TRUE(stream.ok()) << stream.status();
    stream_.emplace(*std::move(stream));
  }
  void CreatePublication(std::string_view what) {
    MustRun(*sql_, Cat("CREATE PUBLICATION ", name_, ' ', what));
  }
  CreatedSlot CreateSlot() {
    const auto slot = stream_->CreateSlot(name_, {});
    EXPECT_TRUE(slot.ok()) << slot.status();
    return slot.value_or(CreatedSlot());
  }
  absl::Status Start(Lsn from = kNoLsn) {
    decoder_ = Decoder();
    return stream_->Start({.slot = name_, .start_lsn = from, .publications = {name_}});
  }
  // Publication, slot and stream, in this order.
  void StartFresh(std::string_view publication) {
    CreatePublication(publication);
    Connect();
    CreateSlot();
    const absl::Status status = Start();
    ASSERT_TRUE(status.ok()) << status;
  }

  // The next row data, waiting for it; skips keepalives.
  absl::StatusOr<XLogData> NextData() {
    while (true) {
      ASSIGN_OR_RETURN(const std::optional<Frame> frame, stream_->Next());
      if (!frame) {
        if (!WaitReadable(*stream_))
          return absl::DeadlineExceededError("nothing came for ten seconds");
      } else if (const auto* data = std::get_if<XLogData>(&*frame)) {
        return *data;
      }
    }
  }
  // Described changes up to the n-th commit that has some (PostgreSQL 14 sends empty transactions
  // as well), without begin, relations, types, and that commit.
  std::vector<std::string> ReadTransactions(int count) {
    std::vector<std::string> changes;
    size_t seen = 0;
    while (true) {
      const auto data = NextData();
      if (!data.ok()) {
        ADD_FAILURE() << data.status();
        return changes;
      }
      const auto change = decoder_.Decode(data->payload);
      if (!change.ok()) {
        ADD_FAILURE() << change.status();
        return changes;
      }
      if (const auto* commit = std::get_if<Commit>(*change)) {
        last_commit_ = *commit;
        EXPECT_EQ(data->wal_start, commit->end_lsn);
        if (changes.size() > seen && --count == 0) return changes;
        seen = changes.size();
      }
      const bool is_frame =
          std::holds_alternative<Begin>(**change) || std::holds_alternative<Commit>(**change);
      const bool is_shape = std::holds_alternative<RelationChange>(**change) ||
                            std::holds_alternative<TypeChange>(**change);
      if (!is_frame && !(is_shape && !with_shapes_)) changes.push_back(Describe(**change));
    }
  }

  std::string name_;
  std::optional<pg::Connection> sql_;
  std::optional<ReplicationStream> stream_;
  Decoder decoder_;
  Commit last_commit_;
  bool with_shapes_ = false;
};

}  // namespace walrelay::wal
