// Replica identities that are set at the start, on a real server: WALRELAY_TEST_SOURCE.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "app/source_setup.h"

namespace walrelay::app {
namespace {

class SourceSetupPgTest : public testing::Test {
 protected:
  void SetUp() override {
    const char* source = std::getenv("WALRELAY_TEST_SOURCE");
    if (source == nullptr) GTEST_SKIP() << "set WALRELAY_TEST_SOURCE";
    auto connection = pg::Connection::Connect(*pg::ConnectionOptions::Parse(source));
    ASSERT_TRUE(connection.ok()) << connection.status();
    connection_.emplace(*std::move(connection));
    Sql("DROP SCHEMA IF EXISTS source_setup CASCADE; CREATE SCHEMA source_setup;"
        "CREATE TABLE source_setup.a (id int PRIMARY KEY);"
        "CREATE TABLE source_setup.b (id int NOT NULL, other int NOT NULL);"
        "CREATE UNIQUE INDEX b_key ON source_setup.b (id);"
        "CREATE UNIQUE INDEX b_other ON source_setup.b (other)");
  }
  void TearDown() override {
    if (connection_) Sql("DROP SCHEMA source_setup CASCADE");
  }
  void Sql(std::string_view sql) {
    const auto result = connection_->Query(sql);
    ASSERT_TRUE(result.ok()) << sql << ": " << result.status();
  }
  absl::Status Set(std::string_view text) {
    const auto rules = ParseReplicaIdentities(text, std::make_shared<FilterHealth>());
    if (!rules.ok()) return rules.status();
    auto tables = pg::ListTables(*connection_);
    if (!tables.ok()) return tables.status();
    std::erase_if(*tables, [](const auto& table) { return table.name.schema != "source_setup"; });
    return SetReplicaIdentities(*connection_, *rules, *tables);
  }
  // 'd', 'f', 'n' or 'i', with the index.
  std::string Identity(std::string_view table) {
    const auto result = connection_->Query(
        Cat("SELECT relreplident::text || coalesce((SELECT ' ' || indexrelid::regclass::text FROM "
            "pg_index WHERE indrelid = c.oid AND indisreplident), '') FROM pg_class c WHERE oid = "
            "'source_setup.",
            table, "'::regclass"));
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? std::string(result->text(0, 0)) : "";
  }

  std::optional<pg::Connection> connection_;
};

TEST_F(SourceSetupPgTest, SetsWhatDiffers) {
  ASSERT_TRUE(Set("source_setup.A:FULL, source_setup.b:INDEX b_key").ok());
  EXPECT_EQ(Identity("a"), "f");
  EXPECT_EQ(Identity("b"), "i source_setup.b_key");
  ASSERT_TRUE(Set("source_setup.b:INDEX b_other").ok());
  EXPECT_EQ(Identity("b"), "i source_setup.b_other") << "another index is another identity";
  ASSERT_TRUE(Set(".*:DEFAULT").ok());
  EXPECT_EQ(Identity("a"), "d");
  EXPECT_EQ(Identity("b"), "d");
}

TEST_F(SourceSetupPgTest, LeavesATableThatCannotBeAltered) {
  ASSERT_TRUE(Set("source_setup.b:INDEX missing,source_setup.a:NOTHING").ok());
  EXPECT_EQ(Identity("b"), "d");
  EXPECT_EQ(Identity("a"), "n");
}

TEST_F(SourceSetupPgTest, RefusesTwoRulesForOneTable) {
  EXPECT_TRUE(absl::IsInvalidArgument(Set("source_setup.a:FULL,.*:NOTHING")));
}

}  // namespace
}  // namespace walrelay::app
