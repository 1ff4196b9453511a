#include "apply/schema_change.h"

#include <gtest/gtest.h>

namespace walrelay::apply {
namespace {

using Kind = SchemaChange::Kind;

MirrorColumn Here(std::string name, std::string type, bool not_null = false) {
  MirrorColumn column{
      .name = name, .quoted = "\"" + name + "\"", .type = {}, .not_null = not_null, .equality = {}};
  column.type.sql = std::move(type);
  return column;
}

MirrorTable Mirror(std::vector<MirrorColumn> columns) {
  MirrorTable table{.schema = "public",
                    .name = "t",
                    .quoted = "\"public\".\"t\"",
                    .columns = {Here("id", "integer", true)},
                    .key = {0},
                    .metadata = MetadataColumnsOf(SinkKind::kTarget, false)};
  for (MirrorColumn& column : columns) table.columns.push_back(std::move(column));
  return table;
}

// Beside the key.
SchemaNow Now(std::vector<SchemaNow::Column> columns) {
  SchemaNow now;
  now.columns = {{.name = "id", .type = "integer", .wanted = "integer"}};
  for (SchemaNow::Column& column : columns) now.columns.push_back(std::move(column));
  return now;
}
SchemaNow::Column Column(std::string name, std::string type) {
  return {.name = std::move(name), .type = type, .wanted = type};
}
SchemaNow::Column Exact(std::string name, std::string type, std::string wanted) {
  return {.name = std::move(name),
          .type = std::move(type),
          .wanted = std::move(wanted),
          .is_exact = true};
}

KnownSchema Before(std::vector<KnownSchema::Column> columns) {
  KnownSchema before;
  before.columns = {{"id", "integer"}};
  for (KnownSchema::Column& column : columns) before.columns.push_back(std::move(column));
  return before;
}

TEST(FindChanges, NoneWhereTheMirrorFits) {
  EXPECT_TRUE(
      FindChanges(nullptr, Now({Column("v", "text")}), Mirror({Here("v", "text")})).empty());
  const KnownSchema before = Before({{"v", "text"}});
  EXPECT_TRUE(
      FindChanges(&before, Now({Column("v", "text")}), Mirror({Here("v", "text")})).empty());
}

TEST(FindChanges, AColumnThatTheMirrorLacks) {
  SchemaNow::Column added = Column("v", "text");
  added.old_rows = "none";
  EXPECT_EQ(FindChanges(nullptr, Now({added}), Mirror({})),
            (std::vector<SchemaChange>{
                {.kind = Kind::kAdded, .column = "v", .wanted = "text", .old_rows = "none"}}));
}

TEST(FindChanges, AColumnThatWasThereBeforeOnly) {
  const MirrorTable mirror = Mirror({Here("v", "text"), Here("own", "text")});
  EXPECT_TRUE(FindChanges(nullptr, Now({}), mirror).empty()) << "the source may never have had it";
  KnownSchema before = Before({{"v", "text"}});
  EXPECT_EQ(FindChanges(&before, Now({}), mirror),
            (std::vector<SchemaChange>{{.kind = Kind::kDropped, .column = "v"}}));
  EXPECT_TRUE(FindChanges(&before, Now({}), Mirror({})).empty()) << "dropped here by hand";
  SchemaNow generated = Now({});
  generated.only_in_source = {"v"};
  EXPECT_TRUE(FindChanges(&before, generated, mirror).empty());
  before.is_snapshot = true;
  EXPECT_TRUE(FindChanges(&before, Now({}), mirror).empty()) << "a generated column, perhaps";
  SchemaNow known = Now({});
  known.knows_source = true;
  EXPECT_EQ(FindChanges(&before, known, mirror).size(), 1u) << "the catalog has no such column";
}

TEST(FindChanges, AColumnThatWasRenamedPerhaps) {
  const MirrorTable mirror = Mirror({Here("v", "text"), Here("n", "integer")});
  KnownSchema before = Before({{"v", "text"}, {"n", "integer"}});
  const SchemaNow now = Now({Column("n", "integer"), Column("m", "integer"), Column("w", "text")});
  std::vector<SchemaChange> changes = FindChanges(&before, now, mirror);
  ASSERT_EQ(changes.size(), 3u);
  EXPECT_EQ(changes[2].column + " → " + changes[2].renamed_to, "v → w");
  SchemaPolicies policies;
  policies.column_dropped = SchemaPolicy::kApply;
  EXPECT_EQ(Decide(changes, policies).policy, SchemaPolicy::kPark) << "its values would be gone";
  policies.column_dropped = SchemaPolicy::kIgnore;
  EXPECT_EQ(Decide(changes, policies).policy, SchemaPolicy::kApply) << "they stay";
  // Also where it may have been a generated column that only the snapshot has.
  before.is_snapshot = true;
  EXPECT_EQ(FindChanges(&before, now, mirror).size(), 3u);
}

TEST(FindChanges, AnotherTypeBehindTheSnapshot) {
  KnownSchema before = Before({{"v", "integer"}});
  before.is_snapshot = true;
  const std::vector<SchemaChange> changes =
      FindChanges(&before, Now({Column("v", "text")}), Mirror({Here("v", "integer")}));
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].kind, Kind::kRetyped);
}

TEST(FindChanges, ADroppedColumnThatRowsCannotDoWithout) {
  const KnownSchema before = Before({{"v", "text"}});
  EXPECT_EQ(FindChanges(&before, Now({}), Mirror({Here("v", "text", true)})),
            (std::vector<SchemaChange>{{.kind = Kind::kNullable, .column = "v"},
                                       {.kind = Kind::kDropped, .column = "v"}}));
}

TEST(FindChanges, RoomForMore) {
  EXPECT_EQ(FindChanges(nullptr, Now({Column("n", "bigint")}), Mirror({Here("n", "integer")})),
            (std::vector<SchemaChange>{
                {.kind = Kind::kWidened, .column = "n", .here = "integer", .wanted = "bigint"}}));
  EXPECT_EQ(FindChanges(nullptr, Now({Exact("v", "text", "character varying(20)")}),
                        Mirror({Here("v", "character varying(10)")}))
                .size(),
            1u);
}

TEST(FindChanges, NoRoomForWhatASchemaBlockDoesNotTell) {
  // varchar(10) and text are the same there.
  EXPECT_TRUE(
      FindChanges(nullptr, Now({Column("v", "text")}), Mirror({Here("v", "character varying(10)")}))
          .empty());
  EXPECT_TRUE(FindChanges(nullptr, Now({Column("v", "timestamp without time zone")}),
                          Mirror({Here("v", "timestamp(3) without time zone")}))
                  .empty());
}

TEST(FindChanges, AnotherTypeOnlyBesideTheOneBefore) {
  const SchemaNow now = Now({Column("v", "text")});
  const MirrorTable mirror = Mirror({Here("v", "integer")});
  EXPECT_TRUE(FindChanges(nullptr, now, mirror).empty());
  KnownSchema before = Before({{"v", "integer"}});
  EXPECT_EQ(FindChanges(&before, now, mirror),
            (std::vector<SchemaChange>{
                {.kind = Kind::kRetyped, .column = "v", .here = "integer", .wanted = "text"}}));
  EXPECT_TRUE(FindChanges(&before, now, Mirror({Here("v", "text")})).empty()) << "altered by hand";
  before = Before({{"v", ""}});
  EXPECT_TRUE(FindChanges(&before, now, mirror).empty()) << "its records had no schema";
}

TEST(FindChanges, NoneWhereATypeBecomesNarrower) {
  const KnownSchema before = Before({{"n", "bigint"}});
  EXPECT_TRUE(
      FindChanges(&before, Now({Column("n", "integer")}), Mirror({Here("n", "bigint")})).empty());
}

TEST(FindChanges, NullWhereItWasNotAllowed) {
  SchemaNow::Column column = Column("v", "text");
  column.optional = true;
  EXPECT_EQ(FindChanges(nullptr, Now({column}), Mirror({Here("v", "text", true)})),
            (std::vector<SchemaChange>{{.kind = Kind::kNullable, .column = "v"}}));
  SchemaNow now = Now({});
  now.columns[0].optional = true;
  EXPECT_TRUE(FindChanges(nullptr, now, Mirror({})).empty()) << "a key never is";
}

TEST(Successor, RemembersWhatWasDropped) {
  const KnownSchema first = Before({{"a", "text"}, {"b", "text"}});
  const KnownSchema second = Successor(&first, Before({{"c", "text"}}));
  EXPECT_EQ(second.dropped, (std::vector<std::string>{"a", "b"}));
  const KnownSchema third = Successor(&second, Before({{"a", "text"}}));
  EXPECT_EQ(third.dropped, (std::vector<std::string>{"b", "c"})) << "a came back";
}

TEST(Decide, AppliesNothingWhereOneChangeWaits) {
  const std::vector<SchemaChange> changes = {{.kind = Kind::kAdded, .column = "a"},
                                             {.kind = Kind::kDropped, .column = "b"},
                                             {.kind = Kind::kNullable, .column = "c"}};
  SchemaPolicies policies;
  SchemaDecision decision = Decide(changes, policies);
  EXPECT_EQ(decision.policy, SchemaPolicy::kPark);
  EXPECT_EQ(decision.waits, (std::vector<SchemaChange>{changes[1]}));
  policies.column_nullable = SchemaPolicy::kStop;
  decision = Decide(changes, policies);
  EXPECT_EQ(decision.policy, SchemaPolicy::kStop);
  EXPECT_EQ(decision.waits.size(), 2u);
  policies.column_dropped = policies.column_nullable = SchemaPolicy::kIgnore;
  decision = Decide(changes, policies);
  EXPECT_EQ(decision.policy, SchemaPolicy::kApply);
  EXPECT_TRUE(decision.waits.empty());
  EXPECT_EQ(decision.apply, (std::vector<SchemaChange>{changes[0]}));
  EXPECT_EQ(decision.ignore.size(), 2u);
}

TEST(AlterSql, IsOneStatement) {
  const auto sql = AlterSql(
      Mirror({}), {{.kind = Kind::kAdded, .column = "a b", .wanted = "text", .old_rows = "it's"},
                   {.kind = Kind::kWidened, .column = "n", .here = "integer", .wanted = "bigint"},
                   {.kind = Kind::kNullable, .column = "v"},
                   {.kind = Kind::kDropped, .column = "v"}});
  ASSERT_TRUE(sql.ok());
  EXPECT_EQ(*sql,
            "ALTER TABLE \"public\".\"t\" ADD COLUMN \"a b\" text DEFAULT 'it''s', ALTER COLUMN "
            "\"n\" TYPE bigint USING \"n\"::bigint, ALTER COLUMN \"v\" DROP NOT NULL, DROP COLUMN "
            "\"v\"");
}

}  // namespace
}  // namespace walrelay::apply
