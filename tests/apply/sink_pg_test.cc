// Sinks on real databases: what a batch leaves behind.
#include <gtest/gtest.h>

#include "apply/conflict.h"
#include "apply/sink.h"
#include "apply/source_catalog.h"
#include "base/status.h"
#include "pg/error.h"
#include "tests/apply/sink_fixture.h"

namespace walrelay::apply {
namespace {

using testing::BothSizes;
using testing::kUnsentText;
using testing::SinkTest;

INSTANTIATE_TEST_SUITE_P(Sink, BothSizes, testing::kWays, testing::WayName);

TEST_P(BothSizes, InsertsUpdatesAndDeletes) {
  if (IsSkipped()) return;
  auto sink = Open(Options());
  Insert(1, R"("one")");
  Insert(2, R"("two")");
  Insert(3, R"("tab\tquote\"back\\slash\nnewline ü")");
  MaybeMakeLarge();
  BatchResult result = MustApply(*sink);
  EXPECT_EQ(result.events, GetParam().is_large ? 1003 : 3);
  EXPECT_EQ(result.newest_source_ts_us, 1700000000123000);
  Event("u", "null", Row("1", "null", R"("MDk=")"), "1");
  Delete(2);
  MaybeMakeLarge();
  result = MustApply(*sink);
  EXPECT_EQ(result.tombstones, 1);
  EXPECT_EQ(MirrorWithoutFillers(), "1|NULL|123.45\n3|tab\tquote\"back\\slash\nnewline ü|NULL");
  EXPECT_EQ(target->One("SELECT __cdc_operation || ' ' || __cdc_timestamp || ' ' || (__synced_at > "
                        "now() - interval '1 minute') "
                        "FROM public.t WHERE id = 1"),
            "u 2023-11-14 22:13:20.123+00 true");
}

TEST_P(BothSizes, KeepsAToastValueThatWasNotSent) {
  if (IsSkipped()) return;
  auto sink = Open(Options());
  Insert(1, R"("long value")");
  Insert(2, R"("other")");
  MustApply(*sink);
  Event("u", "null", Row("1", kUnsentText, R"("MDk=")"), "1");
  Event("u", "null", Row("2", R"("sent")", R"("MDk=")"), "2");
  MaybeMakeLarge();
  MustApply(*sink);
  EXPECT_EQ(MirrorWithoutFillers(), "1|long value|123.45\n2|sent|123.45");
}

TEST_P(BothSizes, CarriesAnUnsentValueOverAKeyChange) {
  if (IsSkipped()) return;
  auto sink = Open(Options());
  Insert(1, R"("long value")");
  MustApply(*sink);
  const int64_t same = lsn;
  records.AddHeader(Event("d", Row("1", "null"), "null", "1"), "__debezium.newkey", "{\"id\":2}");
  lsn = same;
  records.AddHeader(Event("c", "null", Row("2", kUnsentText, R"("MDk=")"), "2"),
                    "__debezium.oldkey", "{\"id\":1}");
  MaybeMakeLarge();
  EXPECT_EQ(MustApply(*sink).incomplete_rows, 0);
  EXPECT_EQ(MirrorWithoutFillers(), "2|long value|123.45");
}

TEST_P(BothSizes, CarriesAnUnsentValueOverAKeyChangeThatTwoBatchesShare) {
  if (IsSkipped()) return;
  auto sink = Open(Options());
  Event("c", "null", Row("1", R"("long \"value\" \\ ü")"), "1");
  MustApply(*sink);
  Event("u", "null", Row("1", kUnsentText, R"("MDk=")"), "1");
  const int64_t same = lsn;
  records.AddHeader(Event("d", Row("1", "null"), "null", "1"), "__debezium.newkey", "{\"id\":2}");
  MaybeMakeLarge();
  MustApply(*sink);
  EXPECT_EQ(MirrorWithoutFillers(), "");
  sink.reset();
  sink = Open(Options());
  lsn = same;
  records.AddHeader(Event("c", "null", Row("2", kUnsentText, "null"), "2"), "__debezium.oldkey",
                    "{\"id\":1}");
  EXPECT_EQ(MustApply(*sink).incomplete_rows, 0);
  EXPECT_EQ(MirrorWithoutFillers(), "2|long \"value\" \\ ü|NULL");
  EXPECT_EQ(target->One("SELECT count(*) FROM walrelay.moved_rows"), "0");
}

TEST_P(BothSizes, StartsARowAnewThatWasDeletedAndInserted) {
  if (IsSkipped()) return;
  SinkOptions options = Options();
  options.schema.column_dropped = SchemaPolicy::kIgnore;
  auto sink = Open(options);
  Event("c", "null", Row("1", R"("old")", R"("MDk=")"), "1");
  MustApply(*sink);
  Delete(1);
  fields =
      R"({"type":"int32","optional":false,"field":"id"},{"type":"string","optional":true,"field":"v"})";
  Event("c", "null", R"({"id":1,"v":"new"})", "1");  // A table that lost a column meanwhile.
  MaybeMakeLarge();
  MustApply(*sink);
  EXPECT_EQ(MirrorWithoutFillers(), "1|new|NULL") << "nothing of the old row may shine through";
}

TEST_P(BothSizes, TruncatesInOrder) {
  if (IsSkipped()) return;
  auto sink = Open(Options());
  Insert(1, R"("before")");
  MustApply(*sink);
  Insert(2, R"("before")");
  Event("t", "null", "null", "-");
  Insert(3, R"("after")");
  MaybeMakeLarge();
  MustApply(*sink);
  EXPECT_EQ(MirrorWithoutFillers(), "3|after|NULL");
}

// Of a table that is first seen by its truncate nothing is known, and there is no row of it to
// write.
TEST_P(BothSizes, TruncatesATableThatTheBatchHasNoRowOf) {
  if (IsSkipped()) return;
  auto sink = Open(Options());
  table = "k";
  Insert(1, R"("before")");
  MustApply(*sink);
  sink.reset();
  sink = Open(Options());
  Event("t", "null", "null", "-");
  table = "t";
  Insert(1, R"("of another table")");
  MaybeMakeLarge();
  MustApply(*sink);
  EXPECT_EQ(target->One("SELECT count(*) FROM public.k"), "0");
  EXPECT_EQ(MirrorWithoutFillers(), "1|of another table|NULL");
}

TEST_P(BothSizes, ChangesNothingWhenABatchComesAgain) {
  if (IsSkipped()) return;
  auto sink = Open(Options(SinkKind::kLake));
  Insert(1, R"("one")");
  Insert(1, R"("two")");
  Delete(1);
  Insert(1, R"("three")");
  MaybeMakeLarge();
  MustApply(*sink);
  const auto state = [&] {
    return lake->All("SELECT count(*), max(id), max(processed_at) FROM cdc_raw.cdc_events") + "\n" +
           lake->All("SELECT id, v, synced_at FROM cdc_processed.t WHERE id < 100 ORDER BY id");
  };
  const std::string before = state();
  const auto again = sink->Apply(records.all);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->repeated, static_cast<int64_t>(records.all.size()));
  EXPECT_EQ(state(), before);
  // A new process finds the same.
  sink.reset();
  sink = Open(Options(SinkKind::kLake));
  const auto progress = sink->LoadProgress();
  ASSERT_TRUE(progress.ok());
  EXPECT_EQ(progress->at({"cdc.public.t", 0}), offset);
  EXPECT_EQ(sink->LastFingerprint({"cdc.public.t", 0}), RecordFingerprint(records.all.back()));
  ASSERT_TRUE(sink->Apply(records.all).ok());
  EXPECT_EQ(state(), before);
}

TEST_P(BothSizes, LeavesNothingWhenSomebodyElseMovedOn) {
  if (IsSkipped()) return;
  auto sink = Open(Options(SinkKind::kLake));
  Insert(1, R"("one")");
  MustApply(*sink);
  lake->All("UPDATE walrelay.progress SET next_offset = next_offset + 1");
  Insert(2, R"("two")");
  MaybeMakeLarge();
  const auto result = Apply(*sink);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(IsSinkConflict(result.status()));
  EXPECT_NE(Message(result.status()).find("somebody else moved"), std::string_view::npos)
      << Message(result.status());
  sink.reset();
  EXPECT_EQ(lake->One("SELECT count(*) FROM cdc_raw.cdc_events"), "1");
  EXPECT_EQ(lake->One("SELECT count(*) FROM cdc_processed.t"), "1");
}

TEST_P(BothSizes, PutsWhatItCannotReadIntoTheDeadLetters) {
  if (IsSkipped()) return;
  auto sink = Open(Options(SinkKind::kLake));
  Insert(1, R"("one")");
  records.AddHeader(records.Add("cdc.public.t", 0, offset++, "\xff\x00key", "not JSON"), "h", "v");
  Event("c", "null", Row("2", R"("two")", R"("no base64")"), "2");
  Insert(3, R"("three")");
  MaybeMakeLarge();
  EXPECT_EQ(MustApply(*sink).dead_letters, 2);
  EXPECT_EQ(lake->All("SELECT kafka_offset, convert_from(record_value, 'UTF8') = 'not JSON', "
                      "record_headers, reason LIKE '%column n of "
                      "cdc_processed.t%' FROM walrelay.dead_letters ORDER BY kafka_offset"),
            "1|t|[[\"h\",\"v\"]]|f\n2|f|[]|t");
  EXPECT_EQ(lake->All("SELECT id FROM cdc_processed.t WHERE id < 100 ORDER BY id"), "1\n3");
}

TEST_P(BothSizes, AddsColumnsInTheSameTransaction) {
  if (IsSkipped()) return;
  auto sink = Open(Options());
  Insert(1, R"("one")");
  MustApply(*sink);
  Insert(2, R"("two")");
  fields +=
      R"(,{"type":"int64","optional":true,"name":"io.debezium.time.MicroTimestamp","version":1,"field":"Added At"})";
  Event("c", "null", R"({"id":3,"v":"three","n":null,"Added At":1000000})", "3");
  MaybeMakeLarge();
  MustApply(*sink);
  EXPECT_EQ(MirrorWithoutFillers("id, v, \"Added At\""),
            "1|one|NULL\n2|two|NULL\n3|three|1970-01-01 00:00:01");
}

TEST_F(SinkTest, CopiesNewRowsAndFallsBackWhereOneIsThereAlready) {
  auto sink = Open(Options());
  Insert(7, R"("there already")");
  MustApply(*sink);
  for (int id = 0; id < 1000; ++id)
    Event("c", "null", Row(Cat(id), R"("new")", R"("MDk=")"), Cat(id));
  Event("u", "null", Row("3", kUnsentText, "null"), "3");
  Event("d", Row("4", "null"), "null", "4");
  MustApply(*sink);
  EXPECT_EQ(
      target->All(
          "SELECT count(*), count(*) FILTER (WHERE v = 'new'), min(id), max(id) FROM public.t"),
      "999|999|0|999");
  EXPECT_EQ(target->One("SELECT count(*) FROM public.t WHERE n IS NULL"), "1") << "row 3";
  EXPECT_EQ(target->One("SELECT n FROM public.t WHERE id = 7"), "123.45");
  // Copied this time: no row is there already.
  for (int id = 1000; id < 2000; ++id) Insert(id, R"("new")");
  for (int id = 0; id < 500; ++id) Event("u", "null", Row(Cat(id), R"("changed")"), Cat(id));
  MustApply(*sink);
  EXPECT_EQ(target->All("SELECT v, count(*) FROM public.t GROUP BY 1 ORDER BY 1"),
            "changed|500\nnew|1500");
}

TEST_F(SinkTest, StoresRawEventsInTheTypeThatIsAskedFor) {
  SinkOptions options = Options(SinkKind::kLake);
  options.raw_payload = RawPayload::kJson;
  auto sink = Open(options);
  for (int id = 0; id < 1000; ++id) Insert(id, R"("one")");
  MustApply(*sink);
  EXPECT_EQ(lake->All("SELECT count(*), min(pg_typeof(after_data)::text), min(after_data->>'v') "
                      "FROM cdc_raw.cdc_events"),
            "1000|json|one");
}

TEST_F(SinkTest, StoresRawEventsAsTheyCame) {
  auto sink = Open(Options(SinkKind::kLake));
  Insert(1, R"("one\ttab \"quoted\" \\ ü")");
  Event("u", Row("1", R"("one")"), Row("1", R"("two")"), "1");
  Delete(1);
  Event("t", "null", "null", "-");
  MustApply(*sink);
  EXPECT_EQ(
      lake->All(
          "SELECT id, source_table, operation, event_key, before_data->>'v', after_data->>'v', "
          "source_metadata->>'table', kafka_topic, kafka_partition, kafka_offset, event_timestamp "
          "FROM cdc_raw.cdc_events ORDER BY id"),
      "1|public.t|c|{\"id\": 1}|NULL|one\ttab \"quoted\" \\ ü|t|cdc.public.t|0|0|2023-11-14 "
      "22:13:20.123+00\n"
      "2|public.t|u|{\"id\": 1}|one|two|t|cdc.public.t|0|1|2023-11-14 22:13:20.123+00\n"
      "3|public.t|d|{\"id\": 1}|NULL|NULL|t|cdc.public.t|0|2|2023-11-14 22:13:20.123+00\n"
      "4|public.t|t|NULL|NULL|NULL|t|cdc.public.t|0|4|2023-11-14 22:13:20.123+00");
}

TEST_F(SinkTest, AnswersThroughItsViewsAlsoForTablesMadeLater) {
  auto lake_sink = Open(Options(SinkKind::kLake));
  auto target_sink = Open(Options());
  EXPECT_EQ(lake->All("SELECT * FROM cdc_raw.cdc_statistics"), "");
  EXPECT_EQ(lake->All("SELECT * FROM cdc_processed.analytics_summary"), "");
  EXPECT_EQ(target->All("SELECT * FROM sync_summary"), "");
  Insert(1, R"("one")");
  Insert(2, R"("two")");
  Event("u", "null", Row("1", R"("three")"), "1");
  MustApply(*lake_sink);
  ASSERT_TRUE(target_sink->Apply(records.all).ok());
  EXPECT_EQ(lake->All("SELECT source_table, operation, event_count, first_event, replication_lag > "
                      "interval '1 day' FROM "
                      "cdc_raw.cdc_statistics"),
            "public.t|c|2|2023-11-14 22:13:20.123+00|t\npublic.t|u|1|2023-11-14 22:13:20.123+00|t");
  const std::string_view summary = "t|2|2023-11-14 22:13:20.123+00|t|t";
  EXPECT_EQ(lake->All("SELECT table_name, row_count, last_change, last_sync > now() - interval '1 "
                      "minute', replication_lag > "
                      "interval '1 day' FROM cdc_processed.analytics_summary"),
            summary);
  EXPECT_EQ(target->All("SELECT table_name, row_count, last_change, last_sync > now() - interval "
                        "'1 minute', replication_lag > "
                        "interval '1 day' FROM sync_summary"),
            summary);
}

// Neither the table that both would make nor a raw event that is there already may come before that
// answer.
TEST_P(BothSizes, TellsTheSecondOfTwoThatTheFirstMovedOn) {
  if (IsSkipped()) return;
  SinkOptions shared = Options(SinkKind::kLake);
  shared.exclusive = false;
  auto first = Open(shared);
  auto second = Open(shared);
  Insert(1, R"("one")");
  MaybeMakeLarge();
  ASSERT_TRUE(first->Apply(records.all).ok());
  const auto again = second->Apply(records.all);
  EXPECT_NE(Message(again.status()).find("somebody else moved"), std::string_view::npos)
      << Message(again.status());
  EXPECT_EQ(lake->One("SELECT count(*) FROM cdc_raw.cdc_events"), Cat(records.all.size()));
}

TEST_F(SinkTest, LetsOneProcessIn) {
  auto first = Open(Options());
  const auto second = Sink::Open(Options());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(Message(second.status()).find(Cat("session ", first->backend_pid())),
            std::string_view::npos)
      << Message(second.status());
  SinkOptions other = Options();
  other.pipeline = "other";
  EXPECT_NE(Open(other), nullptr) << "another pipeline is none of its business";
  SinkOptions shared = Options();
  shared.exclusive = false;
  EXPECT_EQ(Sink::Open(shared).status().code(), absl::StatusCode::kUnavailable)
      << "a member of a group does not come beside one that is alone";
  first.reset();
  {
    const auto member = Open(shared);
    EXPECT_NE(Open(shared), nullptr);
    EXPECT_EQ(Sink::Open(Options()).status().code(), absl::StatusCode::kUnavailable);
  }
  EXPECT_NE(Open(Options()), nullptr);
}

TEST_P(BothSizes, SaysThatAStatementTookTooLongAndLeavesNothing) {
  target->All(
      "CREATE TABLE public.t (id int PRIMARY KEY, v text, n numeric(10,2)); CREATE FUNCTION "
      "public.slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(3); RETURN NEW; "
      "END'; CREATE TRIGGER slow BEFORE INSERT ON public.t FOR EACH ROW WHEN (NEW.id = 2) EXECUTE "
      "FUNCTION public.slow(); ALTER TABLE public.t ENABLE ALWAYS TRIGGER slow");
  SinkOptions options = Options();
  Open(options);  // Makes its tables, which may take longer than the limit.
  options.statement_limit = std::chrono::seconds(1);
  auto sink = Open(options);
  Insert(1, R"("one")");
  Insert(2, R"("two")");
  MaybeMakeLarge();
  const auto result = Apply(*sink);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(pg::SqlStateOf(result.status()), "57014") << Message(result.status());
  sink.reset();
  EXPECT_EQ(target->One("SELECT count(*) FROM public.t"), "0");
  options.statement_limit = std::chrono::seconds(60);
  sink = Open(options);
  applied = 0;
  EXPECT_EQ(MustApply(*sink).dead_letters, 0);
  EXPECT_EQ(MirrorWithoutFillers("id, v"), "1|one\n2|two");
}

TEST_F(SinkTest, ReportsALostConnection) {
  auto sink = Open(Options());
  Insert(1, R"("one")");
  MustApply(*sink);
  target->One(Cat("SELECT pg_terminate_backend(", sink->backend_pid(), ")"));
  Insert(2, R"("two")");
  const auto result = Apply(*sink);
  EXPECT_TRUE(result.status().code() == absl::StatusCode::kUnavailable ||
              result.status().code() == absl::StatusCode::kUnknown)
      << Message(result.status());
  sink.reset();
  sink = Open(Options());
  const auto again = sink->Apply(records.all);
  ASSERT_TRUE(again.ok()) << Message(again.status());
  EXPECT_EQ(Mirror("id"), "1\n2");
}

TEST_F(SinkTest, SeesThatATopicWasMadeAnew) {
  auto sink = Open(Options());
  Insert(1, R"("one")");
  Insert(2, R"("two")");
  MustApply(*sink);
  sink.reset();
  sink = Open(Options());
  const std::vector<ConsumedRecord> last(1, records.all.back());
  ASSERT_TRUE(sink->Apply(last).ok()) << "the record that was applied last is no error";
  offset = 1;
  Insert(7, R"("of another topic with this name")");
  const auto result = Apply(*sink);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(Message(result.status()).find("made anew"), std::string_view::npos)
      << Message(result.status());
  EXPECT_EQ(Mirror("id"), "1\n2");
}

TEST_F(SinkTest, RefusesTwoTablesInOne) {
  auto sink = Open(Options());
  Insert(1, R"("one")");
  MustApply(*sink);
  schema = "archive";
  Insert(2, R"("two")");
  const auto result = Apply(*sink);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(IsSinkConflict(result.status()));
  EXPECT_NE(Message(result.status()).find("target.table.format"), std::string_view::npos);
}

TEST_F(SinkTest, KeepsTablesWithoutAKeyByWholeRows) {
  auto sink = Open(Options());
  const auto row = [](std::string_view v) { return Row("1", v); };
  for (const std::string_view v : {R"("a")", R"("a")", "null", R"("b")"})
    Event("c", "null", row(v), "-");
  MustApply(*sink);
  Event("u", row(R"("b")"), row(R"("c")"), "-");
  Event("d", row(R"("a")"), "null", "-");
  Event("d", row("null"), "null", "-");
  MustApply(*sink);
  EXPECT_EQ(Mirror("v"), "a\nc");
}

// The old row is sent, and has all values: nothing stands for one that was not sent.
TEST_F(SinkTest, TakesAPlaceholderForTextInATableWithoutAKey) {
  auto sink = Open(Options());
  const std::string before = Row("1", testing::kUnsentText);
  Event("c", "null", before, "-");
  MustApply(*sink);
  Event("u", before, Row("2", testing::kUnsentText), "-");
  MustApply(*sink);
  EXPECT_EQ(Mirror("id, v"), "2|__debezium_unavailable_value");
}

TEST_F(SinkTest, CopiesManyRowsOfATableWithoutAKey) {
  auto sink = Open(Options());
  for (int i = 0; i < 1000; ++i) Event("c", "null", Row("1", R"("same")"), "-");
  MustApply(*sink);
  EXPECT_EQ(target->One("SELECT count(*) FROM public.t WHERE v = 'same' AND __cdc_operation = 'c' "
                        "AND __synced_at IS NOT NULL"),
            "1000");
}

TEST_F(SinkTest, TakesAnExistingTableAsItIs) {
  target->All(
      "CREATE TABLE public.t (n text, id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v "
      "varchar(20), "
      "twice bigint GENERATED ALWAYS AS (id * 2) STORED, own text DEFAULT 'mine')");
  auto sink = Open(Options());
  Event("c", "null", Row("7", R"("one")", R"("MDk=")"), "7");
  MustApply(*sink);
  EXPECT_EQ(Mirror("id, v, n, twice, own, __cdc_operation"), "7|one|123.45|14|mine|c");
}

TEST_F(SinkTest, RefusesAnExistingTableWithoutTheKey) {
  target->All("CREATE TABLE public.t (id int, v text, n numeric)");
  SinkOptions options = Options();
  options.park_tables = false;
  auto sink = Open(options);
  Insert(1, R"("one")");
  const auto result = Apply(*sink);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(Message(result.status()).find("unique index on (id)"), std::string_view::npos)
      << Message(result.status());
}

TEST_F(SinkTest, FindsRowsOfKeysWhoseOperatorsAreOutsideOfTheSearchPath) {
  target->All(
      "CREATE EXTENSION citext; CREATE TABLE public.t (id citext PRIMARY KEY, v text, n numeric)");
  auto sink = Open(Options());
  fields =
      R"({"type":"string","optional":false,"field":"id"},{"type":"string","optional":true,"field":"v"})";
  Keyed("c", "null", R"({"id":"Key","v":"one"})", R"({"id":"Key"})");
  MustApply(*sink);
  Keyed("d", R"({"id":"kEY","v":null})", "null", R"({"id":"kEY"})");
  MustApply(*sink);
  EXPECT_EQ(Mirror("id"), "");
}

TEST_F(SinkTest, FindsWholeRowsOfTypesWhoseOperatorsAreOutsideOfTheSearchPath) {
  target->All(
      "CREATE EXTENSION citext; CREATE EXTENSION hstore; CREATE TABLE public.t (id citext, v "
      "hstore)");
  auto sink = Open(Options());
  fields =
      R"({"type":"string","optional":true,"field":"id"},{"type":"string","name":"io.debezium.data.Json","optional":true,"field":"v"})";
  const std::string upper = R"({"id":"KEY","v":"{\"b\":\"1\",\"a\":null}"})";
  const std::string lower = R"({"id":"key","v":"{\"b\":\"1\",\"a\":null}"})";
  Keyed("c", "null", upper, std::nullopt);
  Keyed("c", "null", lower, std::nullopt);
  Keyed("c", "null", R"({"id":null,"v":null})", std::nullopt);
  MustApply(*sink);
  Keyed("d", lower, "null", std::nullopt);
  MustApply(*sink);
  Keyed("u", R"({"id":null,"v":null})", R"({"id":null,"v":"{}"})", std::nullopt);
  MustApply(*sink);
  EXPECT_EQ(target->All("SELECT id, v->'b', v IS NULL FROM public.t ORDER BY 1"),
            "KEY|1|f\nNULL|NULL|f");
}

TEST_F(SinkTest, ReadsRecordsWithoutSchemasByTheSourcesTypes) {
  SinkOptions options = Options();
  options.source_table = [](const std::string&,
                            const std::string&) -> absl::StatusOr<std::optional<SourceTable>> {
    return SourceTable{.columns = {{"id", "integer"},
                                   {"n", "numeric(10,2)"},
                                   {"at", "timestamp(3) without time zone"}},
                       .identity = {"id"}};
  };
  auto sink = Open(options);
  records.Add(
      "cdc.public.t", 0, 0, R"({"id":1})",
      R"({"before":null,"after":{"id":1,"n":"MDk=","at":1000},"source":{"schema":"public","table":"t","ts_ms":5},"op":"c"})");
  MustApply(*sink);
  EXPECT_EQ(target->All("SELECT id, n, at FROM public.t"), "1|123.45|1970-01-01 00:00:01");
}

TEST_F(SinkTest, KeepsProgressOfSeveralPartitionsAndOverGaps) {
  auto sink = Open(Options());
  Insert(1, R"("one")");
  offset = 10;  // Control records took the offsets between.
  Insert(2, R"("two")");
  records.all.push_back(records.all[0]);
  records.all.back().partition = 3;
  records.all.back().offset = 5;
  MustApply(*sink);
  const auto progress = sink->LoadProgress();
  ASSERT_TRUE(progress.ok());
  EXPECT_EQ(*progress, (std::map<TopicPartition, int64_t>{{{"cdc.public.t", 0}, 11},
                                                          {{"cdc.public.t", 3}, 6}}));
}

TEST_F(SinkTest, RowsThatComeAndGoBehindATruncateLeaveNothingToWrite) {
  const auto sink = Open(Options());
  Insert(1, R"("before")");
  MustApply(*sink);
  Event("t", "null", "null", "-");
  const std::string text = Cat('"', std::string(600, 'x'), '"');
  for (int id = 0; id < 1000; ++id) Insert(id, text);
  for (int id = 0; id < 1000; ++id) Delete(id);
  MustApply(*sink);
  EXPECT_EQ(Mirror("id"), "");
  EXPECT_EQ(target->One("SELECT next_offset FROM walrelay.progress"), Cat(offset));
}

}  // namespace
}  // namespace walrelay::apply
