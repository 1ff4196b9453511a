#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/wal/stream_fixture.h"
#include "wal/publication.h"

namespace walrelay::wal {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class PublicationTest : public StreamTest {
 protected:
  PublicationTest() : StreamTest("wal_publication_test") {}
  void SetUp() override {
    StreamTest::SetUp();
    if (!sql_) return;
    MustRun(*sql_,
            "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE \"B b\" (id int PRIMARY KEY); "
            "CREATE TABLE log (v text)");
  }
  TableName Name(const std::string& table) { return {name_, table}; }
  Publication Read() {
    const auto publication = ReadPublication(*sql_, name_);
    EXPECT_TRUE(publication.ok() && publication->has_value()) << publication.status();
    return publication.ok() && *publication ? **publication : Publication();
  }
  PublicationRequest Request(AutoCreate mode) {
    PublicationRequest request;
    request.name = name_;
    request.mode = mode;
    return request;
  }
};

TEST_F(PublicationTest, ThatIsMissingIsNone) {
  const auto publication = ReadPublication(*sql_, name_);
  ASSERT_TRUE(publication.ok()) << publication.status();
  EXPECT_FALSE(publication->has_value());
}

TEST_F(PublicationTest, FilteredIsCreatedAndThenFollowsTheTables) {
  PublicationRequest request = Request(AutoCreate::kFiltered);
  request.tables = {Name("B b"), Name("a")};
  request.operations.truncate = false;
  request.via_partition_root = true;
  auto statements = EnsurePublication(*sql_, request);
  ASSERT_TRUE(statements.ok()) << statements.status();
  EXPECT_EQ(statements->size(), 1u);
  Publication publication = Read();
  EXPECT_THAT(publication.listed_tables, ElementsAre(Name("B b"), Name("a")));
  EXPECT_EQ(publication.effective_tables, publication.listed_tables);
  EXPECT_EQ(publication.operations, request.operations);
  EXPECT_TRUE(publication.via_partition_root);
  EXPECT_FALSE(publication.all_tables);
  EXPECT_EQ(publication.owner, Value(*sql_, "SELECT current_user"));

  EXPECT_THAT(*EnsurePublication(*sql_, request), IsEmpty()) << "nothing to do";
  request.tables = {Name("a")};
  EXPECT_EQ(EnsurePublication(*sql_, request)->size(), 1u);
  EXPECT_THAT(Read().listed_tables, ElementsAre(Name("a")));
}

TEST_F(PublicationTest, AllTablesIsRefusedWhileATableHasNoIdentity) {
  const absl::Status status = EnsurePublication(*sql_, Request(AutoCreate::kAllTables)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_THAT(std::string(Message(status)), testing::HasSubstr(name_ + ".log"));
  EXPECT_FALSE(ReadPublication(*sql_, name_)->has_value());
  EXPECT_EQ(pg::Connection(std::move(*sql_)).in_transaction(), false);
  sql_.emplace(pg::ConnectToTestServer());
}

TEST_F(PublicationTest, NoTablesAndDisabled) {
  EXPECT_EQ(EnsurePublication(*sql_, Request(AutoCreate::kDisabled)).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(EnsurePublication(*sql_, Request(AutoCreate::kNoTables)).ok());
  EXPECT_TRUE(EnsurePublication(*sql_, Request(AutoCreate::kDisabled)).ok());
  EXPECT_THAT(Read().effective_tables, IsEmpty());
}

TEST_F(PublicationTest, TablesAreAddedAndDropped) {
  MustRun(*sql_, Cat("CREATE PUBLICATION ", name_));
  ASSERT_TRUE(AddTable(*sql_, name_, Name("B b")).ok());
  EXPECT_THAT(Read().listed_tables, ElementsAre(Name("B b")));
  EXPECT_EQ(AddTable(*sql_, name_, Name("log")).code(), absl::StatusCode::kFailedPrecondition);
  MustRun(*sql_, "ALTER TABLE log REPLICA IDENTITY FULL");
  EXPECT_TRUE(AddTable(*sql_, name_, Name("log")).ok());
  EXPECT_TRUE(DropTable(*sql_, name_, Name("B b")).ok());
  EXPECT_THAT(Read().listed_tables, ElementsAre(Name("log")));
  EXPECT_FALSE(AddTable(*sql_, name_, Name("none")).ok());
  EXPECT_FALSE(AddTable(*sql_, "wal_no_such_publication", Name("a")).ok());
}

TEST_F(PublicationTest, FiltersColumnListsAndSchemasAreSeen) {
  if (sql_->server_version() < 150000) GTEST_SKIP() << "they came with PostgreSQL 15";
  MustRun(*sql_, Cat("CREATE PUBLICATION ", name_, " FOR TABLE a WHERE (id > 1), \"B b\" (id)"));
  EXPECT_TRUE(Read().has_row_filters);
  EXPECT_TRUE(Read().has_column_lists);
  MustRun(*sql_, Cat("DROP PUBLICATION ", name_, "; CREATE PUBLICATION ", name_,
                     " FOR TABLES IN SCHEMA ", name_));
  const Publication publication = Read();
  EXPECT_FALSE(publication.has_row_filters);
  EXPECT_THAT(publication.schemas, ElementsAre(name_));
  EXPECT_THAT(publication.listed_tables, IsEmpty());
  EXPECT_THAT(publication.effective_tables, ElementsAre(Name("B b"), Name("a"), Name("log")));
}

TEST_F(PublicationTest, AFailedStatementLeavesTheConnectionUsable) {
  PublicationRequest request = Request(AutoCreate::kFiltered);
  request.tables = {Name("none")};
  EXPECT_EQ(EnsurePublication(*sql_, request).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(sql_->in_transaction());
  EXPECT_EQ(Value(*sql_, "SELECT 1"), "1");
}

}  // namespace
}  // namespace walrelay::wal
