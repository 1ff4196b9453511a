// walrelay.schemas: what the raw events of a lake are read by.
#include <gtest/gtest.h>

#include "tests/apply/sink_fixture.h"

namespace walrelay::apply {
namespace {

class SchemaVersionsTest : public testing::BothSizes {
 protected:
  std::string Versions() {
    return lake->All(
        "SELECT topic, partition, source_table, from_offset, json_array_length(value_schema::json "
        "-> 'fields' -> 0 -> 'fields'), key_schema::json -> 'fields' -> 0 ->> 'field' FROM "
        "walrelay.schemas ORDER BY 1, 2, 3, 4");
  }
  // Inserts of one table; large batches of them where it is asked for.
  void InsertSome(int first) {
    for (int i = 0; i < (GetParam().is_large ? 1000 : 3); ++i) Insert(first + i, R"("x")");
  }
  static constexpr std::string_view kMore =
      R"(,{"type":"int32","optional":true,"field":"extra"})";
};

TEST_P(SchemaVersionsTest, KeepsEachVersionOnceFromItsFirstOffset) {
  auto sink = Open(Options(SinkKind::kLake));
  InsertSome(0);
  MustApply(*sink);
  InsertSome(10'000);
  const int64_t changed_at = offset;
  fields += kMore;
  InsertSome(20'000);
  MustApply(*sink);
  InsertSome(30'000);
  MustApply(*sink);
  EXPECT_EQ(Versions(),
            Cat("cdc.public.t|0|public.t|0|3|id\ncdc.public.t|0|public.t|", changed_at, "|4|id"));
  EXPECT_EQ(lake->One("SELECT value_schema FROM walrelay.schemas ORDER BY from_offset"),
            Schema(kFields));

  // Another process finds them, and adds nothing.
  sink.reset();
  sink = Open(Options(SinkKind::kLake));
  InsertSome(40'000);
  MustApply(*sink);
  EXPECT_EQ(lake->One("SELECT count(*) FROM walrelay.schemas"), "2");
}

TEST_P(SchemaVersionsTest, TellsTablesAndPartitionsOfATopicApart) {
  auto sink = Open(Options(SinkKind::kLake));
  for (int i = 0; i < (GetParam().is_large ? 500 : 4); ++i) {
    table = i % 2 == 0 ? "t" : "u";
    Insert(i, R"("x")");
    records.all.back().topic = "cdc.all";
    records.all.back().partition = i / 2 % 2;
  }
  MustApply(*sink);
  EXPECT_EQ(Versions(),
            "cdc.all|0|public.t|0|3|id\ncdc.all|0|public.u|1|3|id\n"
            "cdc.all|1|public.t|2|3|id\ncdc.all|1|public.u|3|3|id");
}

TEST_P(SchemaVersionsTest, SaysWhereRecordsHaveNone) {
  auto sink = Open(Options(SinkKind::kLake));
  InsertSome(0);
  MustApply(*sink);
  records.Add("cdc.public.t", 0, offset++, R"({"id":7})",
              R"({"before":null,"after":{"id":7,"v":"x","n":null},"source":{"ts_ms":1,"schema":)"
              R"("public","table":"t","lsn":9},"op":"c","ts_ms":1})");
  MustApply(*sink);
  EXPECT_EQ(lake->All("SELECT value_schema IS NULL, key_schema IS NULL FROM walrelay.schemas "
                      "ORDER BY from_offset"),
            "f|f\nt|t");
}

// The version goes with the batch that is rolled back, and comes again with the one that is not.
TEST_P(SchemaVersionsTest, IsRolledBackWithItsBatch) {
  auto sink = Open(Options(SinkKind::kLake));
  lake->All(
      "CREATE FUNCTION walrelay.refuse() RETURNS trigger LANGUAGE plpgsql AS "
      "$$BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '40001'; END$$; "
      "CREATE TRIGGER refuse BEFORE INSERT ON cdc_raw.cdc_events FOR EACH STATEMENT EXECUTE "
      "FUNCTION walrelay.refuse(); ALTER TABLE cdc_raw.cdc_events ENABLE ALWAYS TRIGGER refuse");
  InsertSome(0);
  applied = 0;
  EXPECT_EQ(Apply(*sink).status().code(), absl::StatusCode::kAborted);
  lake->All("DROP TRIGGER refuse ON cdc_raw.cdc_events");
  EXPECT_EQ(lake->One("SELECT count(*) FROM walrelay.schemas"), "0");
  sink.reset();
  sink = Open(Options(SinkKind::kLake));
  applied = 0;
  MustApply(*sink);
  EXPECT_EQ(Versions(), "cdc.public.t|0|public.t|0|3|id");
}

TEST_P(SchemaVersionsTest, ATargetHasNone) {
  auto sink = Open(Options());
  InsertSome(0);
  MustApply(*sink);
  EXPECT_EQ(target->One("SELECT to_regclass('walrelay.schemas')"), "NULL");
}

INSTANTIATE_TEST_SUITE_P(Sink, SchemaVersionsTest, testing::kWays, testing::WayName);

}  // namespace
}  // namespace walrelay::apply
