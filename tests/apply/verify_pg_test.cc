// Two tables compared in chunks: where chunks end, what is looked at again, and what counts as a
// difference while rows keep changing.
#include "apply/verify/verifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/apply/database.h"

namespace walrelay::apply {
namespace {

using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using testing::Database;

constexpr std::string_view kTable = "CREATE TABLE t (a int, b text, v text, PRIMARY KEY (b, a))";

// Rows 1 to n in the order of their key, several of them with the same first column.
std::string Fill(int rows) {
  return Cat("INSERT INTO t SELECT n, 'b' || lpad((n / 4)::text, 3, '0'), 'v' FROM generate_series(1, ",
             rows, ") n");
}
std::string Key(int n) {
  std::string b = std::to_string(n / 4);
  b.insert(0, 3 - b.size(), '0');
  return Cat("b=b", b, ", a=", n);
}

class VerifyTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    source = Database::Create("WALRELAY_TEST_SOURCE", "verify");
    copy = Database::Create("WALRELAY_TEST_TARGET", "verify");
  }
  static void TearDownTestSuite() {
    source.reset();
    copy.reset();
  }
  void SetUp() override {
    if (source == nullptr || copy == nullptr)
      GTEST_SKIP() << "set WALRELAY_TEST_SOURCE and WALRELAY_TEST_TARGET";
    for (Database* database : {source.get(), copy.get()}) database->Empty();
    options.chunk_rows = 10;
    options.await_applied = [this](Lsn) {
      ++waits;
      return on_wait ? on_wait() : absl::OkStatus();
    };
  }
  void Both(std::string_view sql) {
    source->All(sql);
    copy->All(sql);
  }
  static pg::Connection Connect(const Database& database) {
    pg::ConnectionOptions session = database.options();
    ComparedSession(session);
    auto connection = pg::Connection::Connect(session);
    CHECK(connection.ok());
    return *std::move(connection);
  }
  TableComparison Compare() {
    pg::Connection here = Connect(*source), there = Connect(*copy);
    const auto table = ReadComparedTable(
        here, there, {"public", "t"},
        {.kind = SinkKind::kTarget, .copy_table = "t", .publication = {}, .losses = {}, .is_masked = {}});
    EXPECT_TRUE(table.ok()) << Message(table.status());
    if (!table.ok()) return {};
    auto found = CompareTable(here, there, *table, options);
    EXPECT_TRUE(found.ok()) << Message(found.status());
    return found.ok() ? *std::move(found) : TableComparison();
  }
  static std::vector<std::string> Faults(const TableComparison& found) {
    std::vector<std::string> faults;
    for (const RowDifference& row : found.differences) {
      faults.push_back(Cat(row.key, " ", RowFaultName(row.fault)));
      for (const std::string& column : row.columns) faults.back() += " " + column;
    }
    return faults;
  }

  static inline std::unique_ptr<Database> source, copy;
  VerifyOptions options;
  std::function<absl::Status()> on_wait;
  int waits = 0;
};

TEST_F(VerifyTest, EachRowIsInOneChunk) {
  Both(kTable);
  int rows = 0;
  for (const int more : {0, 1, 8, 1, 1, 9, 1}) {
    if (more != 0) {
      Both("TRUNCATE t");
      Both(Fill(rows += more));
    }
    const TableComparison found = Compare();
    EXPECT_EQ(found.source_rows, rows);
    EXPECT_EQ(found.chunks, rows / 10 + 1) << "a full chunk may have a next one";
    EXPECT_EQ(found.chunks_looked_at_again, 0);
    EXPECT_FALSE(found.differs());
  }
  EXPECT_EQ(waits, 0) << "what is equal is not waited for";
}

TEST_F(VerifyTest, RowsAtTheBoundsOfChunksAreFound) {
  Both(kTable);
  Both(Fill(30));
  copy->All(
      "UPDATE t SET v = 'other' WHERE a = 10; DELETE FROM t WHERE a = 11; "
      "INSERT INTO t VALUES (0, 'a', 'below all'), (40, 'c', 'above all')");
  const TableComparison found = Compare();
  EXPECT_THAT(Faults(found),
              UnorderedElementsAre("b=a, a=0 extra", "b=c, a=40 extra", Key(10) + " different v",
                                   Key(11) + " missing"));
  EXPECT_EQ(found.chunks_looked_at_again, 3) << "the one between is equal";
  EXPECT_EQ(found.chunks, 4);
}

TEST_F(VerifyTest, WhatWasOnItsWayIsNoDifference) {
  Both(kTable);
  Both(Fill(30));
  source->All("UPDATE t SET v = 'new' WHERE a = 15");
  on_wait = [&] {
    copy->All("UPDATE t SET v = 'new' WHERE a = 15");
    return absl::OkStatus();
  };
  const TableComparison found = Compare();
  EXPECT_THAT(Faults(found), IsEmpty());
  EXPECT_EQ(found.chunks_looked_at_again, 1);
  EXPECT_EQ(waits, 1) << "no row was left to be looked at";
}

TEST_F(VerifyTest, ARowThatKeepsChangingIsNotCalledDifferent) {
  Both(kTable);
  Both(Fill(20));
  copy->All("UPDATE t SET v = 'wrong' WHERE a = 3");
  on_wait = [&] {
    source->All("UPDATE t SET v = v || '.' WHERE a = 3");
    return absl::OkStatus();
  };
  options.rounds = 3;
  const TableComparison found = Compare();
  EXPECT_THAT(Faults(found), IsEmpty());
  EXPECT_EQ(found.unsettled, 1);
  EXPECT_EQ(waits, 1 + options.rounds);
}

TEST_F(VerifyTest, WithoutASinkThatAppliesThereIsNoAnswer) {
  Both(kTable);
  Both(Fill(5));
  copy->All("DELETE FROM t WHERE a = 3");
  on_wait = [] { return absl::DeadlineExceededError("nobody reads"); };
  const TableComparison found = Compare();
  EXPECT_FALSE(found.differs());
  EXPECT_EQ(found.not_compared, "nobody reads");
}

TEST_F(VerifyTest, RowsAreCountedUpToALimit) {
  Both(kTable);
  Both(Fill(30));
  copy->All("DELETE FROM t");
  options.max_rows = 12;
  const TableComparison found = Compare();
  EXPECT_EQ(found.Count(RowFault::kMissing), 12);
  EXPECT_EQ(found.Count(RowFault::kExtra), 0);
  EXPECT_TRUE(found.has_more);
}

// A repair that found another row at the source than the one that was compared wrote nothing.
TEST_F(VerifyTest, WhatARepairDidNotWriteIsLookedAtAgain) {
  Both(kTable);
  Both(Fill(20));
  copy->All("DELETE FROM t WHERE a = 2; INSERT INTO t VALUES (99, 'z', 'extra')");
  int calls = 0;
  options.repair = [&](const std::vector<VerifyOptions::Row>& rows) {
    std::vector<bool> written;
    for (const VerifyOptions::Row& row : rows) {
      const bool is_extra = row.token.empty();
      EXPECT_EQ(row.key, is_extra ? std::vector<std::string>({"z", "99"})
                                  : std::vector<std::string>({"b000", "2"}));
      const bool writes = ++calls > 1;
      written.push_back(writes);
      if (writes)
        copy->All(is_extra ? "DELETE FROM t WHERE a = 99" : "INSERT INTO t VALUES (2, 'b000', 'v')");
    }
    return written;
  };
  const TableComparison found = Compare();
  EXPECT_THAT(Faults(found),
              UnorderedElementsAre("b=b000, a=2 missing", "b=z, a=99 extra"));
  for (const RowDifference& row : found.differences) EXPECT_TRUE(row.is_repaired);
  EXPECT_GE(calls, 3) << "the first call wrote nothing";
  EXPECT_EQ(found.unsettled, 0);
}

TEST_F(VerifyTest, ATableWithoutAKeyIsOneChecksum) {
  Both("CREATE TABLE t (a int, v text)");
  Both("INSERT INTO t VALUES (1, 'x'), (1, 'x'), (2, NULL)");
  TableComparison found = Compare();
  EXPECT_TRUE(found.is_keyless);
  EXPECT_FALSE(found.differs());
  copy->All("DELETE FROM t WHERE ctid = (SELECT ctid FROM t LIMIT 1)");
  found = Compare();
  EXPECT_TRUE(found.keyless_differs);
  EXPECT_EQ(found.source_rows, 3);
  EXPECT_EQ(found.copy_rows, 2);
}

TEST(KeyParameters, AreAnArrayForEachColumn) {
  KeyParameters keys(2);
  keys.Add({"1", "a"});
  keys.Add({"2", "with \"quotes\""});
  const std::vector<std::string> arrays = std::move(keys).Take();
  ASSERT_EQ(arrays.size(), 3u) << "the rows' numbers come first";
  EXPECT_EQ(arrays[0], R"({"0","1"})");
  EXPECT_EQ(arrays[1], R"({"1","2"})");
  EXPECT_EQ(arrays[2], R"({"a","with \"quotes\""})");
}

}  // namespace
}  // namespace walrelay::apply
