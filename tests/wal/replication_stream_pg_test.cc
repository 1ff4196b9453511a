#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pg/error.h"
#include "tests/wal/stream_fixture.h"
#include "wal/replication_stream.h"
#include "wal/slot.h"

namespace walrelay::wal {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class ReplicationStreamTest : public StreamTest {
 protected:
  ReplicationStreamTest() : StreamTest("wal_stream_test") {}
  int Backend() {
    return std::stoi(Value(
        *sql_, Cat("SELECT active_pid FROM pg_replication_slots WHERE slot_name = '", name_, "'")));
  }
  // The error that ends the stream.
  absl::Status ReadToTheEnd() {
    while (true) {
      const auto data = NextData();
      if (!data.ok()) return data.status();
    }
  }
  void WaitForConfirmed(Lsn lsn) {
    for (int attempt = 0; attempt < 500; ++attempt) {
      const auto slot = ReadSlot(*sql_, name_);
      ASSERT_TRUE(slot.ok() && slot->has_value()) << slot.status();
      if ((*slot)->confirmed_flush == lsn) return;
      MustRun(*sql_, "SELECT pg_sleep(0.02)");
    }
    FAIL() << "confirmed_flush_lsn does not become " << ToString(lsn);
  }
};

TEST_F(ReplicationStreamTest, IdentifiesTheServer) {
  Connect();
  const auto identity = stream_->IdentifySystem();
  ASSERT_TRUE(identity.ok()) << identity.status();
  EXPECT_EQ(identity->system_identifier,
            Value(*sql_, "SELECT system_identifier FROM pg_control_system()"));
  EXPECT_EQ(std::to_string(identity->timeline),
            Value(*sql_, "SELECT timeline_id FROM pg_control_checkpoint()"));
  EXPECT_EQ(identity->database, Value(*sql_, "SELECT current_database()"));
  EXPECT_EQ(identity->wal_sender_timeout, 60s);
  EXPECT_GT(identity->flush_lsn, kNoLsn);
  const auto history = stream_->TimelineHistory(1);
  ASSERT_TRUE(history.ok()) << history.status();
  EXPECT_TRUE(history->empty());
  EXPECT_EQ(stream_->TimelineHistory(99).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(ReplicationStreamTest, HasTheSessionOfPgjdbc) {
  pg::ConnectionOptions options = CaptureSession(pg::TestServer(), "Debezium Streaming");
  auto connection = pg::Connection::Connect(options);
  ASSERT_TRUE(connection.ok()) << connection.status();
  EXPECT_EQ(Value(*connection, "SHOW client_encoding"), "UTF8");
  EXPECT_THAT(Value(*connection, "SHOW DateStyle"), HasSubstr("ISO"));
  EXPECT_EQ(Value(*connection, "SHOW extra_float_digits"), "3");
  EXPECT_EQ(Value(*connection, "SHOW TimeZone"), "UTC");
  EXPECT_EQ(Value(*connection, "SHOW idle_in_transaction_session_timeout"), "0");
}

TEST_F(ReplicationStreamTest, StreamsEveryKindOfMessage) {
  MustRun(*sql_,
          "CREATE TYPE mood AS ENUM ('sad', 'happy');"
          "CREATE TABLE t (id int PRIMARY KEY, v text, m mood); CREATE TABLE f (a int, b text); "
          "ALTER TABLE f REPLICA IDENTITY FULL; ALTER TABLE t ALTER v SET STORAGE EXTERNAL");
  StartFresh(Cat("FOR TABLE ", name_, ".t, ", name_, ".f"));
  with_shapes_ = true;
  MustRun(*sql_,
          "BEGIN; INSERT INTO t VALUES (1, repeat('x', 9000), 'sad'), (2, NULL, 'happy');"
          "UPDATE t SET m = 'happy' WHERE id = 1; UPDATE t SET id = 3 WHERE id = 1; DELETE FROM t "
          "WHERE id = 2; COMMIT");
  EXPECT_THAT(ReadTransactions(1),
              ElementsAre(Cat("type ", name_, ".mood"), "relation t d (id*, v, m)",
                          "insert t (1, 9000 bytes, sad)", "insert t (2, null, happy)",
                          "update t (1, unchanged, happy)",
                          "update t key (1, null, null) (3, unchanged, happy)",
                          "delete t key (2, null, null)"));
  MustRun(*sql_,
          "BEGIN; INSERT INTO f VALUES (1, NULL), (1, repeat('y', 9000)); UPDATE f SET a = 2; "
          "DELETE FROM f; COMMIT");
  EXPECT_THAT(ReadTransactions(1),
              ElementsAre("relation f f (a*, b*)", "insert f (1, null)",
                          testing::StartsWith("insert f (1, "), "update f old (1, null) (2, null)",
                          testing::StartsWith("update f old (1, 9000 bytes) (2, "),
                          "delete f old (2, null)", "delete f old (2, 9000 bytes)"));
  with_shapes_ = false;
  MustRun(*sql_, "TRUNCATE t, f RESTART IDENTITY CASCADE");
  EXPECT_THAT(ReadTransactions(1), ElementsAre("truncate cascade restart t f"));
}

TEST_F(ReplicationStreamTest, StreamsMessages) {
  if (sql_->server_version() < 140000)
    GTEST_SKIP() << "messages are streamed from PostgreSQL 14 on";
  MustRun(*sql_, "CREATE TABLE t (id int PRIMARY KEY)");
  StartFresh(Cat("FOR TABLE ", name_, ".t"));
  MustRun(*sql_,
          "BEGIN; INSERT INTO t VALUES (1); SELECT pg_logical_emit_message(true, 'in', 'a');"
          "SELECT pg_logical_emit_message(false, 'out', 'b'); COMMIT");
  EXPECT_THAT(ReadTransactions(1),
              ElementsAre("free message out b", "insert t (1)", "message in a"))
      << "a free one is sent at once";
}

TEST_F(ReplicationStreamTest, StreamsOrigins) {
  MustRun(*sql_, "CREATE TABLE t (id int PRIMARY KEY)");
  const std::string origin = "wal_stream_test_origin";
  StartFresh(Cat("FOR TABLE ", name_, ".t"));
  MustRun(*sql_, Cat("SELECT pg_replication_origin_create('", origin,
                     "'); SELECT pg_replication_origin_session_setup('", origin, "')"));
  MustRun(*sql_,
          "BEGIN; SELECT pg_replication_origin_xact_setup('0/ABC', '2020-01-02 03:04:05+00'); "
          "INSERT INTO t VALUES (1); COMMIT");
  EXPECT_THAT(ReadTransactions(1),
              ElementsAre("origin wal_stream_test_origin 0/ABC", "insert t (1)"));
  EXPECT_EQ(last_commit_.commit_time_micros, 1'577'934'245'000'000);
  MustRun(*sql_,
          Cat("SELECT pg_replication_origin_session_reset(); SELECT pg_replication_origin_drop('",
              origin, "')"));
}

TEST_F(ReplicationStreamTest, AnUpdateThatEntersARowFilterMayLackToast) {
  if (sql_->server_version() < 150000) GTEST_SKIP() << "row filters came with PostgreSQL 15";
  MustRun(*sql_,
          "CREATE TABLE t (id int PRIMARY KEY, v text); ALTER TABLE t ALTER v SET STORAGE "
          "EXTERNAL; INSERT INTO t VALUES (1, repeat('x', 9000))");
  StartFresh(Cat("FOR TABLE ", name_, ".t WHERE (id > 100)"));
  MustRun(*sql_, "UPDATE t SET id = 101; UPDATE t SET id = 1");
  EXPECT_THAT(ReadTransactions(1),
              ElementsAre("insert t (101, unchanged)", "delete t key (101, null)"));
}

TEST_F(ReplicationStreamTest, ReadsNamesOfSeveralPublicationsWithQuotes) {
  MustRun(*sql_, "CREATE TABLE t (id int PRIMARY KEY)");
  const std::string odd = "wal'stream\"test, x";
  MustRun(*sql_,
          "DROP PUBLICATION IF EXISTS \"wal'stream\"\"test, x\"; CREATE PUBLICATION "
          "\"wal'stream\"\"test, x\" FOR TABLE t");
  Connect();
  CreateSlot();
  ASSERT_TRUE(stream_->Start({.slot = name_, .start_lsn = kNoLsn, .publications = {odd}}).ok());
  MustRun(*sql_, "INSERT INTO t VALUES (1)");
  EXPECT_THAT(ReadTransactions(1), ElementsAre("insert t (1)"));
  MustRun(*sql_, "DROP PUBLICATION \"wal'stream\"\"test, x\"");
}

TEST_F(ReplicationStreamTest, ConfirmsAndResumesBehindWhatWasConfirmed) {
  MustRun(*sql_, "CREATE TABLE t (id int PRIMARY KEY)");
  StartFresh(Cat("FOR TABLE ", name_, ".t"));
  MustRun(*sql_, "INSERT INTO t VALUES (1)");
  ReadTransactions(1);
  const Lsn first = last_commit_.end_lsn;
  MustRun(*sql_, "INSERT INTO t VALUES (2)");
  ReadTransactions(1);
  ASSERT_TRUE(
      stream_->SendStatus({.written = last_commit_.end_lsn, .flushed = first, .applied = first})
          .ok());
  EXPECT_FALSE(stream_->wants_write());
  WaitForConfirmed(first);
  ASSERT_TRUE(stream_->Stop(10s).ok());

  Connect();
  ASSERT_TRUE(Start().ok());
  EXPECT_THAT(ReadTransactions(1), ElementsAre("insert t (2)"));
}

TEST_F(ReplicationStreamTest, AnswersKeepalivesThatAskForIt) {
  MustRun(*sql_, "CREATE TABLE t (id int PRIMARY KEY)");
  StartFresh(Cat("FOR TABLE ", name_, ".t"));
  // A status that asks for a reply is answered by a keepalive.
  ASSERT_TRUE(stream_->SendStatus({.reply_requested = true}).ok());
  while (true) {
    const auto frame = stream_->Next();
    ASSERT_TRUE(frame.ok()) << frame.status();
    if (*frame && std::holds_alternative<Keepalive>(**frame)) {
      EXPECT_GT(std::get<Keepalive>(**frame).wal_end, kNoLsn);
      return;
    }
    if (!*frame) {
      ASSERT_TRUE(WaitReadable(*stream_));
    }
  }
}

TEST_F(ReplicationStreamTest, StopsInTheMiddleOfALargeTransaction) {
  MustRun(*sql_, "CREATE TABLE t (id int PRIMARY KEY, v text)");
  StartFresh(Cat("FOR TABLE ", name_, ".t"));
  MustRun(*sql_, "INSERT INTO t SELECT i, repeat('x', 500) FROM generate_series(1, 50000) i");
  ASSERT_TRUE(NextData().ok());
  const absl::Status status = stream_->Stop(20s);
  EXPECT_TRUE(status.ok()) << status;
}

TEST_F(ReplicationStreamTest, CountsBytesForLazyReading) {
  MustRun(*sql_, "CREATE TABLE t (id int PRIMARY KEY)");
  StartFresh(Cat("FOR TABLE ", name_, ".t"));
  stream_->TakeBytesRead();
  MustRun(*sql_, "INSERT INTO t SELECT generate_series(1, 1000)");
  ReadTransactions(1);
  const size_t bytes = stream_->TakeBytesRead();
  EXPECT_GT(bytes, 1000u * 40);
  EXPECT_LT(bytes, 1000u * 80);
  EXPECT_EQ(stream_->TakeBytesRead(), 0u);
}

TEST_F(ReplicationStreamTest, AnActiveSlotIsUnavailable) {
  CreatePublication("");
  Connect();
  CreateSlot();
  ASSERT_TRUE(Start().ok());
  auto second = ReplicationStream::Connect(pg::TestServer());
  ASSERT_TRUE(second.ok()) << second.status();
  const absl::Status status =
      second->Start({.slot = name_, .start_lsn = kNoLsn, .publications = {name_}});
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_EQ(pg::SqlStateOf(status), "55006");
  EXPECT_THAT(std::string(Message(status)), HasSubstr(name_));
}

TEST_F(ReplicationStreamTest, ATerminatedWalsenderIsUnavailable) {
  CreatePublication("");
  Connect();
  CreateSlot();
  ASSERT_TRUE(Start().ok());
  MustRun(*sql_, Cat("SELECT pg_terminate_backend(", Backend(), ")"));
  const absl::Status status = ReadToTheEnd();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_EQ(pg::SqlStateOf(status), "57P01") << status;
}

TEST_F(ReplicationStreamTest, AStatusOnALostConnectionSaysWhyItWasLost) {
  CreatePublication("");
  Connect();
  CreateSlot();
  ASSERT_TRUE(Start().ok());
  MustRun(*sql_, Cat("SELECT pg_terminate_backend(", Backend(), ", 5000)"));
  absl::Status status;
  for (int attempt = 0; attempt < 100 && status.ok(); ++attempt) {
    status = stream_->SendStatus({});
    MustRun(*sql_, "SELECT pg_sleep(0.01)");
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
}

TEST_F(ReplicationStreamTest, AMissingSlotNeedsSomebodyToAct) {
  Connect();
  const absl::Status status = Start();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_EQ(pg::SqlStateOf(status), "42704");
}

TEST_F(ReplicationStreamTest, AMissingPublicationNeedsSomebodyToAct) {
  MustRun(*sql_, "CREATE TABLE t (id int PRIMARY KEY)");
  Connect();
  CreateSlot();
  ASSERT_TRUE(Start().ok()) << "the server looks it up with the first change";
  MustRun(*sql_, "INSERT INTO t VALUES (1)");
  const absl::Status status = ReadToTheEnd();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_EQ(pg::SqlStateOf(status), sql_->server_version() < 180000 ? "42704" : "55000");
}

TEST_F(ReplicationStreamTest, APublicationDroppedOnTheWayNeedsSomebodyToAct) {
  MustRun(*sql_, "CREATE TABLE t (id int PRIMARY KEY)");
  StartFresh(Cat("FOR TABLE ", name_, ".t"));
  MustRun(*sql_, "INSERT INTO t VALUES (1)");
  EXPECT_THAT(ReadTransactions(1), ElementsAre("insert t (1)"));
  MustRun(*sql_, Cat("DROP PUBLICATION ", name_));
  MustRun(*sql_, "INSERT INTO t VALUES (2)");
  EXPECT_EQ(ReadToTheEnd().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(ReplicationStreamTest, AnUnknownParameterNeedsSomebodyToAct) {
  CreatePublication("");
  Connect();
  CreateSlot();
  const absl::Status status = stream_->Start({.slot = name_,
                                              .start_lsn = kNoLsn,
                                              .publications = {name_},
                                              .parameters = {{"odd", "x'y"}}});
  // Some majors refuse at once, others when the first change is decoded.
  const absl::Status error = status.ok() ? ReadToTheEnd() : status;
  EXPECT_EQ(error.code(), absl::StatusCode::kFailedPrecondition) << error;
}

TEST_F(ReplicationStreamTest, AMessageAboveTheLimitIsRefused) {
  MustRun(*sql_, "CREATE TABLE t (id int PRIMARY KEY, v text)");
  CreatePublication(Cat("FOR TABLE ", name_, ".t"));
  Connect();
  CreateSlot();
  ASSERT_TRUE(stream_
                  ->Start({.slot = name_,
                           .start_lsn = kNoLsn,
                           .publications = {name_},
                           .max_message_bytes = 1 << 20})
                  .ok());
  MustRun(*sql_,
          "INSERT INTO t VALUES (1, repeat('x', 100000)); INSERT INTO t VALUES (2, repeat('x', "
          "50000000))");
  int rows = 0;
  absl::Status status;
  while (status.ok()) {
    const auto data = NextData();
    status = data.status();
    if (data.ok() && data->payload[0] == 'I') ++rows;
  }
  EXPECT_EQ(rows, 1);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_THAT(std::string(Message(status)), HasSubstr("limit"));
}

TEST_F(ReplicationStreamTest, ASlotCannotBeCreatedTwice) {
  Connect();
  CreateSlot();
  const absl::Status status = stream_->CreateSlot(name_, {}).status();
  EXPECT_EQ(pg::SqlStateOf(status), "42710");
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(ReplicationStreamTest, CreatingASlotWaitsNoLongerThanItsLimit) {
  pg::Connection writer = pg::ConnectToTestServer();
  MustRun(writer, "BEGIN; SELECT txid_current()");
  Connect();
  const absl::Status status = stream_->CreateSlot(name_, {.limit = 500ms}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  const auto open = ListOpenTransactions(*sql_);
  ASSERT_TRUE(open.ok()) << open.status();
  EXPECT_TRUE(std::any_of(open->begin(), open->end(), [&](const OpenTransaction& transaction) {
    return transaction.pid == writer.backend_pid() && transaction.state == "idle in transaction";
  }));
}

}  // namespace
}  // namespace walrelay::wal
