// Tables whose schema changes at the source: what becomes of their mirrors.
#include <gtest/gtest.h>

#include <functional>

#include "apply/sink.h"
#include "apply/source_catalog.h"
#include "tests/apply/sink_fixture.h"

namespace walrelay::apply {
namespace {

using testing::BothSizes;

std::string Field(std::string_view type, std::string_view name, bool optional = true) {
  return Cat(R"({"type":")", type, R"(","optional":)", optional ? "true" : "false", R"(,"field":")",
             name, R"("})");
}
const std::string kId = Field("int32", "id", false);

class SchemaChanges : public BothSizes {
 protected:
  void SetSchema(std::initializer_list<std::string> others) {
    fields = kId;
    for (const std::string& field : others) fields += Cat(",", field);
  }
  // `rest`: the members behind the key.
  void Put(int id, std::string_view rest = "") {
    Event("c", "null", Cat(R"({"id":)", id, rest, "}"), Cat(id));
  }
  void Filler(std::string_view rest) {
    for (int i = 0; GetParam().is_large && i < 1000; ++i) Put(100'000 + i, rest);
  }
  std::string Rows(std::string_view columns) {
    return target->All(Cat("SELECT ", columns, " FROM public.t WHERE id < 100000 ORDER BY id"));
  }
  std::string TypeOf(std::string_view column) {
    return target->One(
        Cat("SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid "
            "= 'public.t'::regclass AND NOT attisdropped AND attname = '",
            column, "'"));
  }
  std::string Why(const Sink& sink) {
    const auto parked = sink.ParkedTopics();
    return parked.empty() ? "" : parked.begin()->second;
  }
  std::string Next() { return target->One("SELECT max(next_offset) FROM walrelay.progress"); }
  // The source's catalog says what `says` returns, each time anew.
  SinkOptions WithSource(std::function<SourceTable()> says) {
    SinkOptions options = Options();
    options.source_table = [says = std::move(says)](const std::string&, const std::string&) {
      return absl::StatusOr<std::optional<SourceTable>>(says());
    };
    return options;
  }
  SinkOptions WithPolicy(SchemaPolicy SchemaPolicies::*kind, SchemaPolicy policy) {
    SinkOptions options = Options();
    options.schema.*kind = policy;
    return options;
  }
};
INSTANTIATE_TEST_SUITE_P(Sink, SchemaChanges, testing::kWays, testing::WayName);

TEST_P(SchemaChanges, AddColumnsInTheBatchThatShowsThem) {
  auto sink = Open(Options());
  SetSchema({});
  Put(1);
  Filler("");
  SetSchema({Field("string", "v")});
  Put(2, R"(,"v":"two")");
  MustApply(*sink);
  EXPECT_EQ(Rows("id, v"), "1|NULL\n2|two");
}

TEST_P(SchemaChanges, GiveRowsOfBeforeWhatTheSourceGaveThem) {
  bool is_added = false;
  auto sink = Open(WithSource([&] {
    SourceTable source{.columns = {{"id", "integer"}}, .identity = {"id"}};
    if (is_added)
      source.columns.push_back({.name = "v", .type = "character varying(9)", .old_rows = "it's"});
    return source;
  }));
  SetSchema({});
  Put(1);
  MustApply(*sink);
  is_added = true;
  SetSchema({Field("string", "v")});
  Put(2, R"(,"v":null)");
  Filler(R"(,"v":"x")");
  MustApply(*sink);
  EXPECT_EQ(Rows("id, v"), "1|it's\n2|NULL");
  // A record of before, from another partition.
  SetSchema({});
  lsn = 1;
  Put(3);
  records.all.back().partition = 1;
  MustApply(*sink);
  EXPECT_EQ(Rows("id, v"), "1|it's\n2|NULL\n3|it's");
}

TEST_P(SchemaChanges, LeaveAColumnOutWhereThatIsAskedFor) {
  auto sink = Open(WithPolicy(&SchemaPolicies::column_added, SchemaPolicy::kIgnore));
  SetSchema({});
  Put(1);
  MustApply(*sink);
  SetSchema({Field("string", "v")});
  Put(2, R"(,"v":"two")");
  Filler(R"(,"v":"x")");
  MustApply(*sink);
  EXPECT_EQ(Rows("t.*::text ~ 'two', id"), "f|1\nf|2");
}

TEST_P(SchemaChanges, WidenColumnsAndGoOnWithLargerValues) {
  auto sink = Open(Options());
  SetSchema({Field("int32", "n"), Field("float", "f")});
  Put(1, R"(,"n":1,"f":1.5)");
  Filler(R"(,"n":1,"f":1.5)");
  MustApply(*sink);
  EXPECT_EQ(TypeOf("n") + ", " + TypeOf("f"), "integer, real");
  Put(2, R"(,"n":2,"f":2.5)");
  SetSchema({Field("int64", "n"), Field("double", "f")});
  Put(3, R"(,"n":3000000000,"f":1e300)");
  Filler(R"(,"n":3000000000,"f":1.5)");
  MustApply(*sink);
  EXPECT_EQ(TypeOf("n") + ", " + TypeOf("f"), "bigint, double precision");
  EXPECT_EQ(Rows("id, n, f"), "1|1|1.5\n2|2|2.5\n3|3000000000|1e+300");
}

TEST_P(SchemaChanges, LookForMoreRoomAtTheSourceWhenATextIsTooLong) {
  int length = 3;
  auto sink = Open(WithSource([&] {
    return SourceTable{
        .columns = {{"id", "integer"}, {"v", Cat("character varying(", length, ")")}},
        .identity = {"id"}};
  }));
  SetSchema({Field("string", "v")});
  Put(1, R"(,"v":"one")");
  MustApply(*sink);
  EXPECT_EQ(TypeOf("v"), "character varying(3)");
  length = 9;
  Put(2, R"(,"v":"one more")");
  Filler(R"(,"v":"x")");
  EXPECT_EQ(MustApply(*sink).dead_letters, 0);
  EXPECT_EQ(TypeOf("v"), "character varying(9)");
  Put(3, R"(,"v":"longer than the source takes")");
  EXPECT_EQ(MustApply(*sink).dead_letters, 1);
  EXPECT_EQ(Rows("id, v"), "1|one\n2|one more");
}

TEST_P(SchemaChanges, SeeThatAnotherWorkerHasWidenedAColumn) {
  auto sink = Open(Options());
  SetSchema({Field("int32", "n")});
  Put(1, R"(,"n":1)");
  MustApply(*sink);
  Put(2, R"(,"n":2)");
  MustApply(*sink);
  target->All("ALTER TABLE public.t ALTER COLUMN n TYPE bigint");
  SetSchema({Field("int64", "n")});
  Put(3, R"(,"n":3000000000)");
  EXPECT_EQ(MustApply(*sink).dead_letters, 0);
  EXPECT_EQ(Rows("id, n"), "1|1\n2|2\n3|3000000000");
}

TEST_P(SchemaChanges, AllowNullWhereTheSourceDoes) {
  target->All("CREATE TABLE public.t (id int PRIMARY KEY, v text NOT NULL)");
  auto sink = Open(Options());
  SetSchema({Field("string", "v", false)});
  Put(1, R"(,"v":"one")");
  MustApply(*sink);
  SetSchema({Field("string", "v")});
  Put(2, R"(,"v":null)");
  Filler(R"(,"v":null)");
  MustApply(*sink);
  EXPECT_EQ(Rows("id, v"), "1|one\n2|NULL");
}

TEST_P(SchemaChanges, ParkATableExactlyWhereItLosesAColumn) {
  auto sink = Open(Options());
  SetSchema({Field("string", "v"), Field("string", "w")});
  Put(1, R"(,"v":"one","w":"o")");
  SetSchema({Field("string", "w")});
  Put(2, R"(,"w":"t")");
  Filler(R"(,"w":"x")");
  MustApply(*sink);
  EXPECT_EQ(Rows("id, v, w"), "1|one|o");
  EXPECT_EQ(Next(), "1");
  EXPECT_EQ(
      Why(*sink),
      "table public.t: column v was dropped or renamed in the source. Alter the table here as "
      "it should be, and go on; or set target.schema.column.dropped");
  Resume(*sink);  // Somebody has read that, and keeps the column.
  EXPECT_EQ(Why(*sink), "");
  EXPECT_EQ(Rows("id, v, w"), "1|one|o\n2|NULL|t");
  sink.reset();
  sink = Open(Options());
  Put(3, R"(,"w":"e")");
  MustApply(*sink);
  EXPECT_EQ(Rows("id, v, w"), "1|one|o\n2|NULL|t\n3|NULL|e");
}

TEST_P(SchemaChanges, KeepTheValuesOfAColumnThatWasRenamedPerhaps) {
  auto sink = Open(WithPolicy(&SchemaPolicies::column_dropped, SchemaPolicy::kApply));
  SetSchema({Field("string", "v")});
  Put(1, R"(,"v":"one")");
  SetSchema({Field("string", "w")});
  Put(2, R"(,"w":"two")");
  Filler(R"(,"w":"x")");
  MustApply(*sink);
  EXPECT_EQ(Rows("id, v"), "1|one");
  EXPECT_EQ(
      Why(*sink),
      "table public.t: column v is gone in the source and column w, of its type, is new: if it "
      "was renamed, rename it here too, else its values do not come to w. Alter the table here "
      "as it should be, and go on");
  target->All("ALTER TABLE public.t RENAME COLUMN v TO w");
  Resume(*sink);
  EXPECT_EQ(Rows("id, w"), "1|one\n2|two");
}

TEST_P(SchemaChanges, OfAColumnThatWasNotRenamedAreFollowedWhenSomebodyHasSaidSo) {
  auto sink = Open(Options());
  SetSchema({Field("string", "v")});
  Event("r", "null", R"({"id":1,"v":"one"})", "1");
  SetSchema({Field("string", "w")});
  Put(2, R"(,"w":"two")");
  Filler(R"(,"w":"x")");
  MustApply(*sink);
  EXPECT_NE(Why(*sink), "");
  Resume(*sink);
  EXPECT_EQ(Rows("id, v, w"), "1|one|NULL\n2|NULL|two");
}

TEST_P(SchemaChanges, OfATypeAreSeenInTheFirstRecordBehindTheSnapshot) {
  auto sink = Open(Options());
  SetSchema({Field("int32", "v")});
  Event("r", "null", R"({"id":1,"v":1})", "1");
  MustApply(*sink);
  SetSchema({Field("string", "v")});
  Put(2, R"(,"v":"two")");
  Filler(R"(,"v":"x")");
  EXPECT_EQ(MustApply(*sink).dead_letters, 0);
  EXPECT_NE(Why(*sink).find("column v is integer here and text in the source"), std::string::npos)
      << Why(*sink);
}

TEST_P(SchemaChanges, AreSeenAlsoWhereTheyComeWhileNothingRuns) {
  auto sink = Open(Options());
  SetSchema({Field("string", "v")});
  Put(1, R"(,"v":"one")");
  MustApply(*sink);
  sink.reset();
  sink = Open(Options());
  SetSchema({});
  Put(2);
  Filler("");
  MustApply(*sink);
  EXPECT_NE(Why(*sink).find("column v was dropped"), std::string::npos) << Why(*sink);
  target->All("ALTER TABLE public.t DROP COLUMN v");
  Resume(*sink);
  EXPECT_EQ(Rows("id"), "1\n2");
}

TEST_P(SchemaChanges, DropAColumnBehindTheRowsThatHoldIt) {
  auto sink = Open(WithPolicy(&SchemaPolicies::column_dropped, SchemaPolicy::kApply));
  SetSchema({Field("string", "v")});
  Put(1, R"(,"v":"one")");
  Filler(R"(,"v":"x")");
  SetSchema({});
  Put(2);
  MustApply(*sink);
  EXPECT_EQ(TypeOf("v"), "");
  EXPECT_EQ(Rows("id"), "1\n2");
  // Another partition has rows of before.
  SetSchema({Field("string", "v")});
  lsn = 1;
  Put(3, R"(,"v":"three")");
  records.all.back().partition = 1;
  MustApply(*sink);
  EXPECT_EQ(TypeOf("v"), "");
  EXPECT_EQ(Rows("id"), "1\n2\n3");
}

TEST_P(SchemaChanges, KeepADroppedColumnThatWasNotNull) {
  target->All("CREATE TABLE public.t (id int PRIMARY KEY, v text NOT NULL)");
  auto sink = Open(WithPolicy(&SchemaPolicies::column_dropped, SchemaPolicy::kIgnore));
  SetSchema({Field("string", "v", false)});
  Put(1, R"(,"v":"one")");
  SetSchema({});
  Put(2);
  Filler("");
  EXPECT_EQ(MustApply(*sink).dead_letters, 0);
  EXPECT_EQ(Rows("id, v"), "1|one\n2|NULL");
}

TEST_P(SchemaChanges, CastValuesWhereAnotherTypeIsToBeApplied) {
  auto sink = Open(WithPolicy(&SchemaPolicies::column_retyped, SchemaPolicy::kApply));
  SetSchema({Field("int32", "v")});
  Put(1, R"(,"v":1)");
  SetSchema({Field("string", "v")});
  Put(2, R"(,"v":"two")");
  Filler(R"(,"v":"x")");
  MustApply(*sink);
  EXPECT_EQ(TypeOf("v"), "text");
  EXPECT_EQ(Rows("id, v"), "1|1\n2|two");
  // Not all values can be cast: that is no record's fault.
  SetSchema({Field("int32", "v")});
  Put(3, R"(,"v":3)");
  MustApply(*sink);
  EXPECT_NE(Why(*sink).find("cannot alter table public.t"), std::string::npos) << Why(*sink);
  EXPECT_EQ(target->One("SELECT count(*) FROM walrelay.dead_letters"), "0");
  target->All(
      "ALTER TABLE public.t ALTER COLUMN v TYPE int USING nullif(translate(v, 'twox', ''), "
      "'')::int");
  Resume(*sink);
  EXPECT_EQ(Rows("id, v"), "1|1\n2|NULL\n3|3");
}

TEST_P(SchemaChanges, ParkATableWhoseColumnsChangeTheirType) {
  auto sink = Open(Options());
  SetSchema({Field("int32", "v")});
  Put(1, R"(,"v":1)");
  SetSchema({Field("string", "v")});
  Put(2, R"(,"v":"two")");
  Filler(R"(,"v":"x")");
  MustApply(*sink);
  EXPECT_NE(Why(*sink).find("column v is integer here and text in the source"), std::string::npos)
      << Why(*sink);
  target->All("ALTER TABLE public.t ALTER COLUMN v TYPE text");
  Resume(*sink);
  EXPECT_EQ(Rows("id, v"), "1|1\n2|two");
}

TEST_P(SchemaChanges, ParkAgainWhereNothingWasDoneAboutAMissingColumn) {
  auto sink = Open(WithPolicy(&SchemaPolicies::column_added, SchemaPolicy::kPark));
  SetSchema({});
  Put(1);
  MustApply(*sink);
  SetSchema({Field("string", "v")});
  Put(2, R"(,"v":"two")");
  MustApply(*sink);
  EXPECT_NE(Why(*sink).find("column v is new in the source (text)"), std::string::npos);
  Resume(*sink);
  EXPECT_NE(Why(*sink), "") << "its values would be lost";
  target->All("ALTER TABLE public.t ADD COLUMN v text");
  Resume(*sink);
  EXPECT_EQ(Rows("id, v"), "1|NULL\n2|two");
}

TEST_P(SchemaChanges, StopTheSinkWhereThatIsAskedFor) {
  auto sink = Open(WithPolicy(&SchemaPolicies::column_dropped, SchemaPolicy::kStop));
  SetSchema({Field("string", "v")});
  Put(1, R"(,"v":"one")");
  MustApply(*sink);
  SetSchema({});
  Put(2);
  const auto result = Apply(*sink);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(target->One("SELECT count(*) FROM walrelay.parked_tables"), "0");
  EXPECT_EQ(Rows("id, v"), "1|one");
}

TEST_P(SchemaChanges, MakeTablesOnlyWhereThatIsAskedFor) {
  auto sink = Open(WithPolicy(&SchemaPolicies::table_created, SchemaPolicy::kIgnore));
  Insert(1, R"("one")");
  MaybeMakeLarge();
  MustApply(*sink);
  EXPECT_EQ(target->One("SELECT to_regclass('public.t')"), "NULL");
  sink.reset();
  sink = Open(WithPolicy(&SchemaPolicies::table_created, SchemaPolicy::kPark));
  Insert(2, R"("two")");
  MustApply(*sink);
  EXPECT_NE(Why(*sink).find("there is no table public.t for public.t: create it"),
            std::string::npos)
      << Why(*sink);
}

TEST_P(SchemaChanges, SeeANewKeyAlsoWhereTheSourcesIdentityIsKnown) {
  std::string identity = "id";
  auto sink = Open(WithSource([&] {
    return SourceTable{.columns = {{"id", "integer"}, {"v", "text"}}, .identity = {identity}};
  }));
  SetSchema({Field("string", "v", false)});
  Put(1, R"(,"v":"one")");
  MustApply(*sink);
  identity = "v";
  Keyed("u", "null", R"({"id":2,"v":"one"})", R"({"v":"one"})");
  MaybeMakeLarge();
  MustApply(*sink);
  EXPECT_EQ(Rows("id, v"), "1|one");
  EXPECT_NE(Why(*sink).find("the key of its records has changed from (id)"), std::string::npos)
      << Why(*sink);
  target->All("ALTER TABLE public.t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY (v)");
  records.all.resize(2);
  Resume(*sink);
  EXPECT_EQ(Rows("id, v"), "2|one");
}

TEST_P(SchemaChanges, AppendRowsWhenTheKeyIsGoneAndSomebodyHasSaidSo) {
  auto sink = Open(Options());
  SetSchema({});
  Put(1);
  Keyed("c", "null", R"({"id":1})", std::nullopt);
  MustApply(*sink);
  EXPECT_NE(Why(*sink).find("has changed from (id) to none"), std::string::npos) << Why(*sink);
  EXPECT_EQ(Rows("id"), "1");
  target->All("ALTER TABLE public.t DROP CONSTRAINT t_pkey");
  Resume(*sink);
  EXPECT_EQ(Rows("id"), "1\n1");
}

}  // namespace
}  // namespace walrelay::apply
