#include "wal/publication.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/status.h"

namespace walrelay::wal {
namespace {

using pg::ListedTable;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

ListedTable Table(const std::string& name, bool usable) {
  ListedTable table;
  table.name = {"public", name};
  table.root = table.name;
  table.identity_usable = usable;
  return table;
}

PublicationRequest Request(AutoCreate mode) {
  PublicationRequest request;
  request.name = "Pub";
  request.mode = mode;
  request.tables = {{"public", "b"}, {"public", "a"}};
  return request;
}

Publication Existing(std::vector<TableName> tables) {
  Publication publication;
  publication.name = "Pub";
  publication.listed_tables = std::move(tables);
  return publication;
}

const std::vector<ListedTable> kUsable = {Table("a", true), Table("b", true)};
const std::vector<ListedTable> kKeyless = {Table("a", true), Table("b", true), Table("log", false)};

TEST(PlanPublication, CreatesWhatTheModeSays) {
  EXPECT_THAT(*PlanPublication(Request(AutoCreate::kAllTables), std::nullopt, kUsable),
              ElementsAre("CREATE PUBLICATION \"Pub\" FOR ALL TABLES"));
  EXPECT_THAT(
      *PlanPublication(Request(AutoCreate::kFiltered), std::nullopt, kUsable),
      ElementsAre("CREATE PUBLICATION \"Pub\" FOR TABLE \"public\".\"a\", \"public\".\"b\""));
  EXPECT_THAT(*PlanPublication(Request(AutoCreate::kNoTables), std::nullopt, kUsable),
              ElementsAre("CREATE PUBLICATION \"Pub\""));
  EXPECT_EQ(PlanPublication(Request(AutoCreate::kDisabled), std::nullopt, kUsable).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(PlanPublication, AddsTheOptions) {
  PublicationRequest request = Request(AutoCreate::kNoTables);
  request.operations.truncate = false;
  request.operations.del = false;
  request.via_partition_root = true;
  EXPECT_THAT(*PlanPublication(request, std::nullopt, kUsable),
              ElementsAre("CREATE PUBLICATION \"Pub\" WITH (publish = 'insert, update', "
                          "publish_via_partition_root = true)"));
}

TEST(PlanPublication, LeavesAnExistingOneAlone) {
  for (const AutoCreate mode :
       {AutoCreate::kDisabled, AutoCreate::kAllTables, AutoCreate::kNoTables}) {
    EXPECT_THAT(*PlanPublication(Request(mode), Existing({}), kKeyless), IsEmpty());
  }
  EXPECT_THAT(*PlanPublication(Request(AutoCreate::kFiltered),
                               Existing({{"public", "a"}, {"public", "b"}}), kUsable),
              IsEmpty());
}

TEST(PlanPublication, FilteredBringsTheTablesIntoLine) {
  EXPECT_THAT(
      *PlanPublication(Request(AutoCreate::kFiltered), Existing({{"public", "c"}}), kUsable),
      ElementsAre("ALTER PUBLICATION \"Pub\" SET TABLE \"public\".\"a\", \"public\".\"b\""));
}

TEST(PlanPublication, FilteredRefusesWhatItWouldDestroy) {
  Publication all = Existing({});
  all.all_tables = true;
  Publication filters = Existing({{"public", "a"}});
  filters.has_row_filters = true;
  Publication schemas = Existing({{"public", "a"}, {"public", "b"}});
  schemas.schemas = {"public"};
  for (const Publication& existing : {all, filters, schemas}) {
    EXPECT_EQ(PlanPublication(Request(AutoCreate::kFiltered), existing, kUsable).status().code(),
              absl::StatusCode::kFailedPrecondition);
  }
  PublicationRequest nothing = Request(AutoCreate::kFiltered);
  nothing.tables.clear();
  EXPECT_FALSE(PlanPublication(nothing, std::nullopt, kUsable).ok());
}

TEST(PlanPublication, RefusesToBreakTheApplicationsUpdates) {
  const absl::Status all =
      PlanPublication(Request(AutoCreate::kAllTables), std::nullopt, kKeyless).status();
  EXPECT_EQ(all.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(Message(all)), HasSubstr("public.log"));
  EXPECT_THAT(std::string(Message(all)), HasSubstr("REPLICA IDENTITY FULL"));

  PublicationRequest filtered = Request(AutoCreate::kFiltered);
  EXPECT_TRUE(PlanPublication(filtered, std::nullopt, kKeyless).ok()) << "log is not among them";
  filtered.tables.push_back({"public", "log"});
  EXPECT_FALSE(PlanPublication(filtered, std::nullopt, kKeyless).ok());
  EXPECT_TRUE(PlanPublication(filtered, Existing({{"public", "log"}}), kKeyless).ok())
      << "it was in it before";

  PublicationRequest inserts = Request(AutoCreate::kAllTables);
  inserts.operations = {.insert = true, .update = false, .del = false, .truncate = true};
  EXPECT_TRUE(PlanPublication(inserts, std::nullopt, kKeyless).ok());
}

TEST(PlanPublication, LooksAtThePartitionsOfARoot) {
  ListedTable root = Table("a", false);
  root.kind = 'p';
  ListedTable leaf = Table("a_1", false);
  leaf.root = root.name;
  ListedTable unlogged = Table("u", false);
  unlogged.unlogged = true;
  PublicationRequest request = Request(AutoCreate::kFiltered);
  request.tables = {root.name};
  const std::vector<ListedTable> tables = {root, leaf, unlogged};
  const absl::Status status = PlanPublication(request, std::nullopt, tables).status();
  EXPECT_THAT(std::string(Message(status)), HasSubstr("public.a_1"));
  leaf.identity_usable = true;
  const std::vector<ListedTable> good = {root, leaf, unlogged};
  EXPECT_TRUE(PlanPublication(request, std::nullopt, good).ok());
  EXPECT_TRUE(PlanPublication(Request(AutoCreate::kAllTables), std::nullopt, good).ok());
}

TEST(ParseAutoCreate, TakesAnyCase) {
  EXPECT_EQ(ParseAutoCreate("ALL_Tables"), AutoCreate::kAllTables);
  EXPECT_EQ(ParseAutoCreate("no_tables"), AutoCreate::kNoTables);
  EXPECT_EQ(ParseAutoCreate("all"), std::nullopt);
}

}  // namespace
}  // namespace walrelay::wal
