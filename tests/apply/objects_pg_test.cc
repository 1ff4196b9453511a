// The files of sql/ and the program make the same objects.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "apply/objects.h"
#include "base/status.h"
#include "tests/apply/database.h"

namespace walrelay::apply {
namespace {

using testing::Database;

SinkOptions OptionsOf(SinkKind kind) {
  SinkOptions options;
  options.kind = kind;
  return options;
}

std::string ReadFile(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// Everything that defines the objects of our schemas.
std::string Definitions(Database& database) {
  return database.All(R"(
    SELECT c.oid::regclass, c.relkind, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
           pg_get_expr(d.adbin, d.adrelid)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE n.nspname IN ('walrelay', 'cdc_raw', 'cdc_processed', 'public') ORDER BY 1, a.attnum)") +
         database.All(
             "SELECT conrelid::regclass, conname, pg_get_constraintdef(oid) FROM pg_constraint "
             "WHERE conrelid <> 0 ORDER BY "
             "1, 2") +
         database.All(
             "SELECT oid::regprocedure, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace IN "
             "(SELECT oid FROM "
             "pg_namespace WHERE nspname = 'walrelay')") +
         database.All(
             "SELECT viewname, definition FROM pg_views WHERE schemaname IN ('cdc_raw', "
             "'cdc_processed', 'public') ORDER BY 1");
}

class Objects : public ::testing::TestWithParam<SinkKind> {};
INSTANTIATE_TEST_SUITE_P(Sinks, Objects, ::testing::Values(SinkKind::kLake, SinkKind::kTarget),
                         [](const auto& given) {
                           return given.param == SinkKind::kLake ? "lake" : "target";
                         });

TEST_P(Objects, AreTheSameFromTheFileAndFromTheProgram) {
  auto by_file = Database::Create("WALRELAY_TEST_TARGET", "by_file");
  auto by_program = Database::Create("WALRELAY_TEST_TARGET", "by_program");
  if (by_file == nullptr || by_program == nullptr) GTEST_SKIP() << "set WALRELAY_TEST_TARGET";
  const std::string sql =
      ReadFile(GetParam() == SinkKind::kLake ? WALRELAY_SOURCE_DIR "/sql/lake.sql"
                                             : WALRELAY_SOURCE_DIR "/sql/target.sql");
  for (int run = 0; run < 2; ++run)
    ASSERT_TRUE(by_file->connection().Query(sql).ok()) << "run " << run;
  for (int run = 0; run < 2; ++run) {
    const absl::Status made =
        PrepareObjects(by_program->connection(), OptionsOf(GetParam()));
    ASSERT_TRUE(made.ok()) << Message(made);
  }
  const std::string definitions = Definitions(*by_program);
  EXPECT_NE(definitions.find("progress"), std::string::npos);
  EXPECT_EQ(Definitions(*by_file), definitions);
}

TEST(ObjectsOfAnEarlierVersion, AreBroughtUpToDate) {
  auto database = Database::Create("WALRELAY_TEST_TARGET", "earlier");
  if (database == nullptr) GTEST_SKIP() << "set WALRELAY_TEST_TARGET";
  const auto prepare = [&] {
    return PrepareObjects(database->connection(), OptionsOf(SinkKind::kTarget));
  };
  ASSERT_TRUE(prepare().ok());
  database->All(
      "ALTER TABLE walrelay.dead_letters DROP COLUMN source_table, DROP COLUMN parked_key, DROP "
      "COLUMN retry_at");
  ASSERT_TRUE(prepare().ok());
  database->All("SELECT source_table, parked_key, retry_at FROM walrelay.dead_letters");
}

TEST(ObjectsOfALesserRole, NeedNoRightToCreateWhereTheyExist) {
  auto database = Database::Create("WALRELAY_TEST_TARGET", "rights");
  if (database == nullptr) GTEST_SKIP() << "set WALRELAY_TEST_TARGET";
  ASSERT_TRUE(database->connection().Query(ReadFile(WALRELAY_SOURCE_DIR "/sql/target.sql")).ok());
  database->All(
      "BEGIN; CREATE ROLE walrelay_test_no_rights; GRANT USAGE ON SCHEMA walrelay TO "
      "walrelay_test_no_rights; SET LOCAL ROLE walrelay_test_no_rights");
  const absl::Status prepared =
      PrepareObjects(database->connection(), OptionsOf(SinkKind::kTarget));
  EXPECT_TRUE(prepared.ok()) << Message(prepared);
  database->All("ROLLBACK");
}

}  // namespace
}  // namespace walrelay::apply
