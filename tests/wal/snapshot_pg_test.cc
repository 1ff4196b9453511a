#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <stdexcept>

#include "base/clock.h"
#include "pg/error.h"
#include "tests/wal/stream_fixture.h"
#include "wal/snapshot.h"

namespace walrelay::wal {
namespace {

using testing::ElementsAre;

class SnapshotTest : public StreamTest {
 protected:
  SnapshotTest() : StreamTest("wal_snapshot_test") {}
  void SetUp() override {
    StreamTest::SetUp();
    if (!sql_) return;
    MustRun(*sql_,
            "CREATE TABLE t (id int PRIMARY KEY, \"V v\" text); INSERT INTO t VALUES (1, NULL), "
            "(2, E'a\\tb\\\\N')");
  }
  std::vector<std::string> ReadRows(SnapshotReader& reader) {
    std::vector<std::string> rows;
    while (true) {
      const auto step = reader.Next();
      if (!step.ok()) {
        ADD_FAILURE() << step.status();
        return rows;
      }
      if (*step == SnapshotReader::Step::kEnd) return rows;
      if (*step == SnapshotReader::Step::kRow) {
        rows.push_back(DescribeTuple(reader.row()));
        continue;
      }
      pollfd descriptor{.fd = reader.socket(), .events = POLLIN, .revents = 0};
      EXPECT_GT(poll(&descriptor, 1, 10'000), 0);
    }
  }
  SnapshotReader Open(const std::string& snapshot) {
    auto reader = SnapshotReader::Open(pg::TestServer(), snapshot);
    EXPECT_TRUE(reader.ok()) << reader.status();
    if (!reader.ok()) throw std::runtime_error("no snapshot");
    return *std::move(reader);
  }
  const std::vector<std::string> kColumns = {"id", "V v"};
};

TEST_F(SnapshotTest, AndStreamMeetWithoutGapOrOverlap) {
  CreatePublication(Cat("FOR TABLE ", name_, ".t"));
  Connect();
  const CreatedSlot slot = CreateSlot();
  ASSERT_FALSE(slot.snapshot_name.empty());
  SnapshotReader reader = Open(slot.snapshot_name);
  MustRun(*sql_, "INSERT INTO t VALUES (3, 'later'); UPDATE t SET \"V v\" = 'new' WHERE id = 1");

  ASSERT_TRUE(reader.BeginTable(name_, "t", kColumns).ok());
  EXPECT_THAT(ReadRows(reader), ElementsAre("(1, null)", "(2, a\tb\\N)"));
  ASSERT_TRUE(Start(slot.consistent_point).ok());
  EXPECT_THAT(ReadTransactions(1), ElementsAre("insert t (3, later)", "update t (1, new)"));
  ASSERT_TRUE(reader.BeginTable(name_, "t", kColumns).ok()) << "the import outlives the export";
  EXPECT_EQ(ReadRows(reader).size(), 2u);
  EXPECT_TRUE(reader.Finish().ok());
}

TEST_F(SnapshotTest, ReportsItsFacts) {
  SnapshotReader reader = Open("");
  const auto facts = reader.ReadFacts();
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_GT(facts->transaction_id.value_or(0), 0u);
  const int64_t age = UnixMicrosNow() - facts->timestamp_micros;
  EXPECT_GT(age, -60'000'000);
  EXPECT_LT(age, 60'000'000);
  EXPECT_GT(facts->wal_lsn, kNoLsn);
  const auto again = reader.ReadFacts();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->timestamp_micros, facts->timestamp_micros) << "one transaction";
  EXPECT_EQ(again->transaction_id, facts->transaction_id);
}

TEST_F(SnapshotTest, WithoutAnExportIsOneTransactionAllTheSame) {
  SnapshotReader reader = Open("");
  ASSERT_TRUE(reader.BeginTable(name_, "t", kColumns).ok());
  EXPECT_EQ(ReadRows(reader).size(), 2u);
  MustRun(*sql_, "DELETE FROM t");
  ASSERT_TRUE(reader.BeginQuery(Cat("SELECT id FROM ", name_, ".t ORDER BY id"), 1).ok());
  EXPECT_THAT(ReadRows(reader), ElementsAre("(1)", "(2)"));
  EXPECT_EQ(Value(reader.connection(), "SHOW transaction_isolation"), "serializable");
  EXPECT_EQ(Value(reader.connection(), "SHOW transaction_read_only"), "on");
}

TEST_F(SnapshotTest, TakesTheIsolationThatIsAskedFor) {
  const auto isolation = [](SnapshotIsolation asked) {
    auto reader = SnapshotReader::Open(pg::TestServer(), "", asked);
    EXPECT_TRUE(reader.ok()) << reader.status();
    return reader.ok() ? Value(reader->connection(), "SHOW transaction_isolation") : "";
  };
  EXPECT_EQ(isolation(SnapshotIsolation::kRepeatableRead), "repeatable read");
  EXPECT_EQ(isolation(SnapshotIsolation::kReadCommitted), "read committed");
  EXPECT_EQ(isolation(SnapshotIsolation::kReadUncommitted), "read uncommitted");
}

TEST_F(SnapshotTest, ASelectOfSomebodysOwnIsReadByTheNamesOfItsColumns) {
  SnapshotReader reader = Open("");
  ASSERT_TRUE(reader
                  .BeginSelect(Cat("SELECT \"V v\", id * 10 AS id FROM ", name_,
                                   ".t ORDER BY id DESC -- all;\n ; "),
                               kColumns, kColumns)
                  .ok());
  EXPECT_THAT(ReadRows(reader), ElementsAre("(20, a\tb\\N)", "(10, null)"));

  const std::vector<std::string> columns = {"id", "V v"};
  ASSERT_TRUE(reader
                  .BeginSelect("SELECT 'x' AS \"V v\", 1 AS unread", columns,
                               std::vector<std::string>{"id", "V v", "unread"})
                  .ok());
  EXPECT_THAT(ReadRows(reader), ElementsAre("(null, x)")) << "a column that is not given is NULL";

  const absl::Status unknown = reader.BeginSelect("SELECT 1 AS other", columns, columns);
  EXPECT_TRUE(absl::IsInvalidArgument(unknown)) << unknown;
  ASSERT_TRUE(reader.BeginTable(name_, "t", kColumns).ok()) << "and whole tables come as before";
  EXPECT_EQ(ReadRows(reader).size(), 2u);
}

TEST_F(SnapshotTest, LocksATableUnlessSomebodyElseHoldsIt) {
  {
    SnapshotReader reader = Open("");
    ASSERT_TRUE(reader.LockTable(name_, "t", std::chrono::milliseconds(1000)).ok());
    EXPECT_EQ(Value(*sql_, Cat("SELECT mode FROM pg_locks WHERE relation = '", name_,
                               ".t'::regclass AND granted")),
              "AccessShareLock");
  }
  MustRun(*sql_, "BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE");
  SnapshotReader reader = Open("");
  const absl::Status status = reader.LockTable(name_, "t", std::chrono::milliseconds(50));
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  MustRun(*sql_, "ROLLBACK");
}

TEST_F(SnapshotTest, BeginsWithTheInitialStatements) {
  pg::ConnectionOptions options = pg::TestServer();
  options.initial_statements = {"SET application_name = 'first'", "SET work_mem = '5MB'"};
  auto reader = SnapshotReader::Open(options, "");
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ(Value(reader->connection(), "SHOW work_mem"), "5MB");
  options.initial_statements = {"SET work_mem = 'much'"};
  EXPECT_TRUE(absl::IsFailedPrecondition(SnapshotReader::Open(options, "").status()) ||
              absl::IsInvalidArgument(SnapshotReader::Open(options, "").status()));
  EXPECT_TRUE(ReplicationStream::Connect(options).ok()) << "they are for sessions of SQL";
}

TEST_F(SnapshotTest, ReadsLargeTablesAndEmptyOnes) {
  MustRun(*sql_,
          "CREATE TABLE big AS SELECT i, repeat('x', i % 300) FROM generate_series(1, 100000) i; "
          "ANALYZE big;"
          "CREATE TABLE none (a int); CREATE TABLE bare (); INSERT INTO bare DEFAULT VALUES");
  SnapshotReader reader = Open("");
  const auto estimate = reader.EstimateRows(name_, "big");
  ASSERT_TRUE(estimate.ok()) << estimate.status();
  EXPECT_NEAR(static_cast<double>(*estimate), 100'000, 5'000);
  const std::vector<std::string> columns = {"i", "repeat"};
  ASSERT_TRUE(reader.BeginTable(name_, "big", columns).ok());
  EXPECT_EQ(ReadRows(reader).size(), 100'000u);
  ASSERT_TRUE(reader.BeginTable(name_, "none", std::vector<std::string>{"a"}).ok());
  EXPECT_THAT(ReadRows(reader), ElementsAre());
  ASSERT_TRUE(reader.BeginTable(name_, "bare", {}).ok());
  EXPECT_THAT(ReadRows(reader), ElementsAre("()"));
}

TEST_F(SnapshotTest, TellsWhatWasRewrittenFromWhatIsEmpty) {
  MustRun(
      *sql_,
      "CREATE TABLE typed AS SELECT 1 AS a; CREATE TABLE logged AS SELECT 1 AS a; CREATE TABLE "
      "truncated AS SELECT 1 AS a; CREATE TABLE packed AS SELECT 1 AS a; CREATE TABLE grown AS "
      "SELECT 1 AS a WHERE false; CREATE TABLE gone AS SELECT 1 AS a; CREATE TABLE parts (a int) "
      "PARTITION BY LIST (a); CREATE TABLE part PARTITION OF parts FOR VALUES IN (1); INSERT "
      "INTO parts VALUES (1)");
  SnapshotReader reader = Open("");
  EXPECT_TRUE(reader.connection().Query("SELECT 1").ok()) << "its snapshot is taken";
  MustRun(*sql_,
          "ALTER TABLE typed ALTER a TYPE int USING a + 1; ALTER TABLE logged SET UNLOGGED; "
          "TRUNCATE truncated; ALTER TABLE grown ADD b int; DROP TABLE gone; ALTER TABLE parts ADD "
          "b timestamptz DEFAULT clock_timestamp()");
  MustRun(*sql_, "VACUUM FULL packed");
  MustRun(*sql_, "ALTER TABLE logged RENAME TO renamed");
  const auto is_rewritten = [&](const std::string& table) {
    const auto found = reader.IsRewritten(*sql_, name_, table);
    EXPECT_TRUE(found.ok()) << found.status();
    return found.ok() && *found;
  };
  for (const char* table : {"typed", "renamed", "parts"}) {
    ASSERT_TRUE(reader.BeginTable(name_, table, std::vector<std::string>{"a"}).ok());
    EXPECT_THAT(ReadRows(reader), ElementsAre()) << table << ": PostgreSQL shows its rows now";
    EXPECT_TRUE(is_rewritten(table)) << table;
  }
  for (const char* table : {"truncated", "packed", "grown", "gone", "t"})
    EXPECT_FALSE(is_rewritten(table)) << table;
}

TEST_F(SnapshotTest, LeavesOutNoRowThatAPolicyHides) {
  const std::string role = Cat(name_, "_reader");
  MustRun(*sql_, Cat("CREATE ROLE ", role, "; GRANT USAGE ON SCHEMA ", name_, " TO ", role,
                     "; GRANT SELECT ON t TO ", role,
                     "; ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY one ON t USING (id "
                     "= 1)"));
  SnapshotReader reader = Open("");
  ASSERT_TRUE(reader.connection().Query(Cat("SET ROLE ", role)).ok());
  const absl::Status status = reader.BeginTable(name_, "t", kColumns);
  EXPECT_EQ(pg::SqlStateOf(status), "42501") << status << ": the stream has all rows";
  MustRun(*sql_, Cat("DROP OWNED BY ", role, "; DROP ROLE ", role));
}

TEST_F(SnapshotTest, IsNotEndedByTheRolesTimeouts) {
  pg::ConnectionOptions options = pg::TestServer();
  options.AddSetting("statement_timeout", "1");
  options.AddSetting("idle_in_transaction_session_timeout", "1");
  auto reader = SnapshotReader::Open(options, "");
  ASSERT_TRUE(reader.ok()) << reader.status();
  MustRun(*sql_, "SELECT pg_sleep(0.05)");
  ASSERT_TRUE(reader->BeginQuery("SELECT pg_sleep(0.05)", 1).ok());
  EXPECT_EQ(ReadRows(*reader).size(), 1u);
}

TEST_F(SnapshotTest, ThatIsGoneIsStartedOver) {
  const absl::Status status =
      SnapshotReader::Open(pg::TestServer(), "00000003-0000001B-1").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
}

TEST_F(SnapshotTest, AMissingTableNeedsSomebodyToAct) {
  SnapshotReader reader = Open("");
  const absl::Status status = reader.BeginTable(name_, "none", kColumns);
  EXPECT_EQ(pg::SqlStateOf(status), "42P01");
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(SnapshotTest, ATerminatedBackendIsUnavailable) {
  MustRun(*sql_,
          "CREATE TABLE big AS SELECT i, repeat('x', 500) FROM generate_series(1, 200000) i");
  SnapshotReader reader = Open("");
  const std::vector<std::string> columns = {"i", "repeat"};
  ASSERT_TRUE(reader.BeginTable(name_, "big", columns).ok());
  MustRun(*sql_, Cat("SELECT pg_terminate_backend(", reader.connection().backend_pid(), ")"));
  absl::StatusOr<SnapshotReader::Step> step = SnapshotReader::Step::kRow;
  while (step.ok() && *step != SnapshotReader::Step::kEnd) step = reader.Next();
  EXPECT_EQ(step.status().code(), absl::StatusCode::kUnavailable) << step.status();
}

}  // namespace
}  // namespace walrelay::wal
