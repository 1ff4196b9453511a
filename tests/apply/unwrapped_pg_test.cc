// Topics whose rows ExtractNewRecordState has taken out of their envelopes.
#include "tests/apply/sink_fixture.h"

namespace walrelay::apply::testing {
namespace {

constexpr std::string_view kAddedFields =
    R"(,{"type":"string","optional":true,"field":"__deleted"},{"type":"string","optional":true,"field":"__op"},)"
    R"({"type":"string","optional":true,"field":"__schema"},{"type":"string","optional":true,"field":"__table"},)"
    R"({"type":"int64","optional":true,"field":"__lsn"},{"type":"int64","optional":true,"field":"__source_ts_ms"})";

class UnwrappedTopics : public BothSizes {
 protected:
  // A row of public.t as the transform writes it with what a sink needs.
  ConsumedRecord& Unwrapped(std::string_view op, int id, std::string_view v,
                            std::string_view n = "null") {
    const std::string row = Row(Cat(id), v, n);
    const std::string payload =
        Cat(row.substr(0, row.size() - 1), R"(,"__deleted":")", op == "d" ? "true" : "false", R"(","__op":")", op,
            R"(","__schema":"public","__table":"t","__lsn":)", lsn++,
            R"(,"__source_ts_ms":1700000000123})");
    const std::string value =
        Cat(R"({"schema":{"type":"struct","fields":[)", kFields, kAddedFields,
            R"(],"optional":false,"name":"cdc.public.t.Value"},"payload":)", payload, "}");
    const std::string key = Cat(
        R"({"schema":{"type":"struct","fields":[{"type":"int32","optional":false,"field":"id"}],"optional":false},"payload":{"id":)",
        id, "}}");
    return records.Add("cdc.public.t", 0, offset++, key, value);
  }
  void MaybeMakeLarge() {
    for (int i = 0; GetParam().is_large && i < 1000; ++i) Unwrapped("c", 100'000 + i, R"("filler")");
  }
};
INSTANTIATE_TEST_SUITE_P(Sink, UnwrappedTopics, testing::kWays, testing::WayName);

TEST_P(UnwrappedTopics, AreMirroredAsEnvelopesAre) {
  auto sink = Open(Options());
  Unwrapped("r", 1, R"("read")", R"("MDk=")");
  Unwrapped("c", 2, R"("made")");
  Unwrapped("c", 3, R"("gone")");
  MaybeMakeLarge();
  MustApply(*sink);
  Unwrapped("u", 1, kUnsentText, R"("AA==")");
  Unwrapped("d", 3, R"("gone")");
  records.Add("cdc.public.t", 0, offset++, R"({"id":3})", std::nullopt);
  MaybeMakeLarge();
  EXPECT_EQ(MustApply(*sink).dead_letters, 0);
  EXPECT_EQ(MirrorWithoutFillers("id, v, n, __cdc_operation, __cdc_timestamp"),
            "1|read|0.00|u|2023-11-14 22:13:20.123+00\n2|made|NULL|c|2023-11-14 22:13:20.123+00");
  EXPECT_EQ(target->One("SELECT count(*) FROM information_schema.columns WHERE table_name = 't'"),
            "6")
      << "what was added is no column";
}

TEST_P(UnwrappedTopics, MoveRowsOfAKeyThatChanges) {
  auto sink = Open(Options());
  Unwrapped("c", 1, R"("long value")");
  MustApply(*sink);
  const int64_t same = lsn;
  records.AddHeader(Unwrapped("d", 1, "null"), "__debezium.newkey", "{\"id\":2}");
  lsn = same;
  records.AddHeader(Unwrapped("c", 2, kUnsentText), "__debezium.oldkey", "{\"id\":1}");
  MaybeMakeLarge();
  EXPECT_EQ(MustApply(*sink).incomplete_rows, 0);
  EXPECT_EQ(MirrorWithoutFillers("id, v"), "2|long value");
}

TEST_P(UnwrappedTopics, GiveRawEvents) {
  auto sink = Open(Options(SinkKind::kLake));
  Unwrapped("c", 1, R"("one")");
  Unwrapped("d", 1, R"("one")");
  MaybeMakeLarge();
  MustApply(*sink);
  EXPECT_EQ(lake->All("SELECT source_table, operation, event_key, before_data, after_data, "
                      "source_metadata->>'table', source_metadata->>'ts_ms', event_timestamp FROM "
                      "cdc_raw.cdc_events WHERE kafka_offset < 2 ORDER BY id"),
            "public.t|c|{\"id\": 1}|NULL|{\"n\": null, \"v\": \"one\", \"id\": "
            "1}|t|1700000000123|2023-11-14 22:13:20.123+00\npublic.t|d|{\"id\": 1}|{\"n\": null, "
            "\"v\": \"one\", \"id\": 1}|NULL|t|1700000000123|2023-11-14 22:13:20.123+00");
}

TEST_P(UnwrappedTopics, GoToTheDeadLettersWhereTheyLackWhatIsNeeded) {
  auto sink = Open(Options());
  records.Load(WALRELAY_SOURCE_DIR "/tests/goldens/unwrap-fields/3.6.1.Final.jsonl");
  for (int i = 0; i < 2; ++i)
    records.Add("cdc.public.deleted", 0, i, R"({"id":1})",
                i == 0 ? "null" : R"({"schema":null,"payload":null})");
  ASSERT_GT(MustApply(*sink).dead_letters, 0);
  EXPECT_EQ(target->All("SELECT DISTINCT kafka_topic, substring(reason FROM 'lacks ([^:]*):'), "
                        "reason LIKE '%set add.fields=op,schema,table,lsn,source.ts_ms%' FROM "
                        "walrelay.dead_letters ORDER BY 1"),
            "cdc.public.deleted|__op|t\ncdc.public.plain|__schema|t\ncdc.public.renamed|__op|t\n"
            "connect_offsets|__op|t\neast|__schema|t\nwest|__schema|t");
}

}  // namespace
}  // namespace walrelay::apply::testing
