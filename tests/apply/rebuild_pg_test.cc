// A mirror made anew while something of it is half done: key changes of which one half has come,
// dead letters, values that nobody has sent.
#include <algorithm>
#include <sstream>

#include "apply/rebuild/rebuild.h"
#include "tests/apply/sink_fixture.h"

namespace walrelay::apply {
namespace {

using namespace testing;

class RebuildTest : public SinkTest {
 protected:
  void Leave(int from, int64_t at) {
    lsn = at;
    records.AddHeader(Event("d", Row(Cat(from), "null"), "null", Cat(from)), "__debezium.newkey", "{}");
  }
  void Arrive(int to, int64_t at, std::string_view v) {
    lsn = at;
    records.AddHeader(Event("c", "null", Row(Cat(to), v), Cat(to)), "__debezium.oldkey", "{}");
  }
  void Run(bool expect_letters = false) { Run(Options(SinkKind::kLake), expect_letters); }
  void Run(const SinkOptions& sink, bool expect_letters = false) {
    auto rebuild = Rebuild::Open({.sink = sink, .table = {"public", "t"}, .progress = {}});
    ASSERT_TRUE(rebuild.ok()) << Message(rebuild.status());
    ASSERT_TRUE((*rebuild)->Lock().ok());
    const auto result = (*rebuild)->Run();
    ASSERT_TRUE(result.ok()) << Message(result.status());
    EXPECT_EQ(result->dead_letters != 0, expect_letters);
  }
  std::string Holes() {
    auto rebuild =
        Rebuild::Open({.sink = Options(SinkKind::kLake), .table = {"public", "t"}, .progress = {}});
    EXPECT_TRUE(rebuild.ok()) << Message(rebuild.status());
    const auto plan = (*rebuild)->Plan();
    EXPECT_TRUE(plan.ok()) << Message(plan.status());
    std::string all;
    for (const std::string& hole : plan->history.holes) all += hole;
    return all;
  }
  std::string Lake(std::string_view columns = "id, v") {
    return lake->All(Cat("SELECT ", columns, " FROM cdc_processed.t ORDER BY id"));
  }
  std::string Letters() {
    return lake->All(
        "SELECT pipeline, kafka_offset, parked_key, convert_from(record_value, 'UTF8') LIKE "
        "'%\"transaction\":null%' FROM walrelay.dead_letters ORDER BY kafka_offset");
  }
  std::string Incomplete() {
    return lake->All(
        "SELECT pipeline, table_name, row_key ->> 'id', column_name, awaits_lsn FROM "
        "walrelay.incomplete_rows");
  }
};

TEST_F(RebuildTest, AKeyChangeWhoseNewRowIsStillToCome) {
  auto sink = Open(Options(SinkKind::kLake));
  Insert(1, R"("long")");
  Leave(1, 77);
  MustApply(*sink);
  sink.reset();
  Run();
  sink = Open(Options(SinkKind::kLake));
  Arrive(2, 77, kUnsentText);
  MustApply(*sink);
  EXPECT_EQ(Lake(), "2|long");
  EXPECT_EQ(lake->One("SELECT count(*) FROM walrelay.moved_rows"), "0");
}

TEST_F(RebuildTest, AKeyChangeWhoseOldRowIsStillToLeave) {
  auto sink = Open(Options(SinkKind::kLake));
  Insert(1, R"("long")");
  Arrive(2, 77, kUnsentText);
  MustApply(*sink);
  sink.reset();
  Run();
  EXPECT_EQ(Incomplete(), "test|t|2|v|77");
  sink = Open(Options(SinkKind::kLake));
  Leave(1, 77);
  MustApply(*sink);
  EXPECT_EQ(Lake(), "2|long");
  EXPECT_EQ(Incomplete(), "");
}

TEST_F(RebuildTest, ADeleteIsNoKeyChange) {
  auto sink = Open(Options(SinkKind::kLake));
  Insert(1, R"("a")");
  Insert(2, R"("b")");
  Delete(1);
  MustApply(*sink);
  sink.reset();
  Run();
  EXPECT_EQ(Lake(), "2|b");
  EXPECT_EQ(lake->One("SELECT count(*) FROM walrelay.moved_rows"), "0");
}

// The snapshot has read the table behind a truncate that the stream is still to give.
TEST_F(RebuildTest, ATopicThatBeginsWithTheLastChangesBeforeATruncate) {
  constexpr std::string_view kBefore = "is a change of a row that came before";
  auto sink = Open(Options(SinkKind::kLake));
  Event("u", "null", Row("1", kUnsentText), "1");
  Delete(2);
  MustApply(*sink);
  EXPECT_NE(Holes().find(kBefore), std::string::npos);
  Event("t", "null", "null", "-");
  Insert(3, R"("a")");
  MustApply(*sink);
  EXPECT_EQ(Holes(), "");
  sink.reset();
  Run();
  EXPECT_EQ(Lake(), "3|a");
  lake->All("DELETE FROM cdc_raw.cdc_events WHERE kafka_offset = 0");
  EXPECT_NE(Holes().find(kBefore), std::string::npos) << "others may have been there";
}

TEST_F(RebuildTest, LettersStayAsLongAsTheyAreRefused) {
  auto sink = Open(Options(SinkKind::kLake));
  Insert(1, R"("a")");
  MustApply(*sink);
  lake->All("ALTER TABLE cdc_processed.t ADD CONSTRAINT small CHECK (v NOT LIKE 'refused%')");
  Event("u", "null", Row("1", R"("refused")"), "1");
  MustApply(*sink);
  Event("u", "null", Row("1", R"("refused too")"), "1");
  MustApply(*sink);
  sink.reset();
  const std::string letters = Letters();
  EXPECT_EQ(letters, "test|1|{\"id\":1}|t\ntest|2|{\"id\":1}|t");
  Run(true);
  EXPECT_EQ(Lake(), "1|a");
  EXPECT_EQ(Letters(), letters);

  lake->All("ALTER TABLE cdc_processed.t DROP CONSTRAINT small");
  Run();
  EXPECT_EQ(Lake(), "1|refused too");
  EXPECT_EQ(Letters(), "");
}

TEST_F(RebuildTest, LettersThatAreNoEventMustBeDecidedFirst) {
  auto sink = Open(Options(SinkKind::kLake));
  Insert(1, R"("a")");
  MustApply(*sink);
  lake->All("ALTER TABLE cdc_processed.t ADD CONSTRAINT small CHECK (v <> 'refused')");
  Event("u", "null", Row("1", R"("refused")"), "1");
  MustApply(*sink);
  sink.reset();
  lake->All("DELETE FROM cdc_raw.cdc_events WHERE operation = 'u'");
  const auto rebuild = Rebuild::Open({.sink = Options(SinkKind::kLake), .table = {"public", "t"}, .progress = {}});
  EXPECT_EQ(rebuild.status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(RebuildTest, EventsOlderThanTheirSchemasAreReadByTheColumns) {
  auto sink = Open(Options(SinkKind::kLake));
  Event("c", "null", Row("1", R"("a")", R"("AN4=")"), "1");
  MustApply(*sink);
  sink.reset();
  EXPECT_EQ(Lake("id, v, n"), "1|a|2.22");
  lake->All("DELETE FROM walrelay.schemas");
  Run();
  EXPECT_EQ(Lake("id, v, n"), "1|a|2.22");
}

TEST_F(RebuildTest, ADatabaseThatOnlyAnOlderVersionHasOpened) {
  auto sink = Open(Options(SinkKind::kLake));
  Insert(1, R"("a")");
  MustApply(*sink);
  sink.reset();
  lake->All("DROP TABLE walrelay.last_truncates, walrelay.known_schemas");
  Run();
  EXPECT_EQ(Lake(), "1|a");
}

// The mirror has kept it, as somebody has decided when the table waited: a rebuild does not ask again.
TEST_F(RebuildTest, AColumnThatTheSourceHasDropped) {
  SinkOptions options = Options(SinkKind::kLake);
  options.schema.column_dropped = SchemaPolicy::kIgnore;
  auto sink = Open(options);
  Insert(1, R"("a")");
  fields = R"({"type":"int32","optional":false,"field":"id"})";
  Event("c", "null", R"({"id":2})", "2");
  MustApply(*sink);
  sink.reset();
  for (int i = 0; i < 2; ++i) {
    Run();
    EXPECT_EQ(Lake(), "1|a\n2|NULL");
    EXPECT_EQ(lake->All("SELECT pipeline FROM walrelay.known_schemas"), "test");
  }
  lake->All("ALTER TABLE cdc_processed.t DROP COLUMN v");
  const auto columns = [&] {
    return lake->All(
        "SELECT attname FROM pg_attribute WHERE attrelid = 'cdc_processed.t'::regclass AND attnum > 0 "
        "AND NOT attisdropped ORDER BY attnum");
  };
  const std::string live = columns();
  EXPECT_NE(live.find("n\n"), std::string::npos) << "this one stays";
  Run();
  EXPECT_EQ(columns(), live) << "its older events have it still";
  EXPECT_EQ(Lake("id"), "1\n2");
}

// Somebody has dropped it here: the source has it still, and its values are among the events.
TEST_F(RebuildTest, AColumnThatTheMirrorAloneHasLost) {
  auto sink = Open(Options(SinkKind::kLake));
  Insert(1, R"("a")");
  MustApply(*sink);
  sink.reset();
  lake->All("ALTER TABLE cdc_processed.t DROP COLUMN v");
  Run();
  EXPECT_EQ(Lake(), "1|a");
}

TEST_F(RebuildTest, ALiveSinkGoesOnWithTheNewTable) {
  auto sink = Open(Options(SinkKind::kLake));
  Insert(1, R"("a")");
  MustApply(*sink);
  Run();
  Insert(2, R"("b")");
  const auto batch = std::span(records.all).subspan(1);
  EXPECT_FALSE(sink->Apply(batch).ok()) << "what it remembers is of the old table";
  sink = Open(Options(SinkKind::kLake));
  EXPECT_TRUE(sink->Apply(batch).ok());
  EXPECT_EQ(Lake(), "1|a\n2|b");
}

class RebuildSoftDeletes : public RebuildTest {
 protected:
  void SetUp() override {
    RebuildTest::SetUp();
    if (IsSkipped()) return;
    options = Options(SinkKind::kLake);
    options.soft_deletes = true;
  }
  std::string Everything() {
    return lake->All(
        "SELECT id, v, n, __deleted, cdc_operation FROM cdc_processed.t ORDER BY 1, 2, 3, 4, 5");
  }
  SinkOptions options;
};

// The row that came again was there when the column came, as others were.
TEST_F(RebuildSoftDeletes, AColumnThatCameBehindARowThatHadComeAgain) {
  auto sink = Open(options);
  for (const int id : {1, 2}) Insert(id, R"("a")");
  Event("t", "null", "null", "-");
  for (const int id : {1, 2}) Insert(id, R"("b")");
  Delete(2);
  MustApply(*sink);
  sink.reset();
  lake->All("ALTER TABLE cdc_processed.t ADD COLUMN x text DEFAULT 'mine'");
  const std::string live = Lake("id, v, x, __deleted");
  EXPECT_EQ(live, "1|b|mine|f\n2|b|mine|t");
  Run(options);
  EXPECT_EQ(Lake("id, v, x, __deleted"), live);
}

// A truncate marks rows as they were then: what came before it has found them not marked.
TEST_F(RebuildSoftDeletes, RowsWithoutAKeyThatChangedBeforeATruncate) {
  auto sink = Open(options);
  for (const std::string_view v : {R"("stays")", R"("changes")", R"("goes")"})
    Event("c", "null", Row("1", v), "-");
  Event("u", Row("1", R"("changes")"), Row("1", R"("changed")"), "-");
  Event("d", Row("1", R"("goes")"), "null", "-");
  Event("t", "null", "null", "-");
  Event("c", "null", Row("2", R"("new")"), "-");
  MustApply(*sink);
  sink.reset();
  const std::string live = Everything();
  EXPECT_EQ(live, "1|changed|NULL|t|t\n1|goes|NULL|t|d\n1|stays|NULL|t|t\n2|new|NULL|f|c");
  Run(options);
  EXPECT_EQ(Everything(), live);
}

TEST_F(RebuildSoftDeletes, AValueThatWasNotSentBeforeATruncate) {
  auto sink = Open(options);
  Insert(1, R"("long")");
  MustApply(*sink);
  Event("u", "null", Row("1", kUnsentText, R"("MDk=")"), "1");
  Event("t", "null", "null", "-");
  MustApply(*sink);
  sink.reset();
  const std::string live = Everything();
  EXPECT_EQ(live, "1|long|123.45|t|t");
  Run(options);
  EXPECT_EQ(Everything(), live);
}

// A mirror is made anew whatever its lake is like.
struct Variant {
  const char* name;
  void (*set)(SinkOptions& options) = [](SinkOptions&) {};
  const char* before = "SELECT 1";  // In the lake, before the first record.
  bool schemas = true;
};

class RebuildVariants : public RebuildTest, public ::testing::WithParamInterface<Variant> {
 protected:
  void Make(std::string_view op, std::string_view before, std::string_view after, int id) {
    if (GetParam().schemas) {
      Event(op, before, after, Cat(id));
      return;
    }
    const std::string source =
        Cat(R"({"version":"x","ts_ms":1700000000123,"schema":"public","table":"t","lsn":)", lsn++, "}");
    records.Add("cdc.public.t", 0, offset++, Cat(R"({"id":)", id, "}"),
                Cat(R"({"before":)", before, R"(,"after":)", after, R"(,"source":)", source,
                    R"(,"op":")", op, R"(","ts_ms":1})"));
  }
  std::string Everything() {
    return lake->All("SELECT to_jsonb(t) - 'synced_at' FROM cdc_processed.t ORDER BY id");
  }
};

TEST_P(RebuildVariants, EqualsTheLiveOne) {
  SinkOptions options = Options(SinkKind::kLake);
  GetParam().set(options);
  lake->All(GetParam().before);
  auto sink = Open(options);
  ASSERT_NE(sink, nullptr);
  for (int id = 1; id <= 6; ++id)
    Make(id < 3 ? "r" : "c", "null", Row(Cat(id), R"("{\"a\": [1,  2]}")", R"("AN4=")"), id);
  Make("u", "null", Row("1", kUnsentText, R"("MDk=")"), 1);
  Make("u", "null", Row("2", R"("ä\"\\\n")"), 2);
  Make("d", Row("3", "null"), "null", 3);
  Make("d", Row("4", "null"), "null", 4);
  Make("c", "null", Row("4", "null"), 4);
  MustApply(*sink);
  Make("u", "null", Row("5", R"("later")", R"("AN4=")"), 5);
  MustApply(*sink);
  sink.reset();
  const std::string live = Everything();
  EXPECT_NE(live.find("later"), std::string::npos);
  for (int i = 0; i < 2; ++i) {
    Run(options);
    EXPECT_EQ(Everything(), live);
  }
  sink = Open(options);
  Make("u", "null", Row("6", kUnsentText, R"("MDk=")"), 6);
  MustApply(*sink);
  EXPECT_EQ(lake->One("SELECT v || ' ' || n FROM cdc_processed.t WHERE id = 6"),
            "{\"a\": [1,  2]} 123.45");
}

constexpr const char* kMirror =
    "CREATE SCHEMA cdc_processed; CREATE TABLE cdc_processed.t (id int PRIMARY KEY, v text, n numeric(10,2))";
// As the Python consumer's set-up made them.
constexpr const char* kConsumersTables =
    "CREATE SCHEMA cdc_raw; CREATE TABLE cdc_raw.cdc_events (id serial PRIMARY KEY, source_table "
    "varchar(255) NOT NULL, operation varchar(10) NOT NULL, event_key jsonb, before_data jsonb, after_data "
    "jsonb, source_metadata jsonb, kafka_topic varchar(255), kafka_partition int, kafka_offset bigint, "
    "event_timestamp timestamp, processed_at timestamp DEFAULT now()); "
    "CREATE SCHEMA cdc_processed; CREATE TABLE cdc_processed.t (id int PRIMARY KEY, v varchar(255), n "
    "decimal(10, 2), cdc_operation varchar(10), cdc_timestamp timestamp, synced_at timestamp DEFAULT now())";

INSTANTIATE_TEST_SUITE_P(
    Lakes, RebuildVariants,
    ::testing::Values(
        Variant{.name = "soft_deletes", .set = [](SinkOptions& options) { options.soft_deletes = true; }},
        Variant{.name = "days", .set = [](SinkOptions& options) { options.raw_days = true; }},
        Variant{.name = "json", .set = [](SinkOptions& options) { options.raw_payload = RawPayload::kJson; }},
        Variant{.name = "text", .set = [](SinkOptions& options) { options.raw_payload = RawPayload::kText; }},
        Variant{.name = "schemas_off", .before = kMirror, .schemas = false},
        Variant{.name = "schemas_off_soft_text",
                .set =
                    [](SinkOptions& options) {
                      options.soft_deletes = true;
                      options.raw_payload = RawPayload::kText;
                    },
                .before = kMirror,
                .schemas = false},
        Variant{.name = "consumers_tables", .before = kConsumersTables}),
    [](const auto& given) { return given.param.name; });

// Values of every type, as Debezium writes them.
class RebuildGoldens : public RebuildTest, public ::testing::WithParamInterface<const char*> {
 protected:
  std::string Columns() {
    return lake->All(
        Cat("SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE "
            "attrelid = 'cdc_processed.",
            table, "'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attname"));
  }
  // jsonb, in which raw events lie by default, has no -0.
  std::string Everything(RawPayload payload) {
    return lake->All(Cat(
        "SELECT (SELECT string_agg(key || '=' || ",
        payload == RawPayload::kJsonb ? "regexp_replace(value, '-0\\M', '0')" : "value",
        ", ', ') FROM json_each_text(to_json(whole)) WHERE key <> 'synced_at') FROM cdc_processed.",
        table, " AS whole ORDER BY 1"));
  }
  void RebuildAll(RawPayload payload);
};

void RebuildGoldens::RebuildAll(RawPayload payload) {
  lake->Empty();
  SinkOptions options = Options(SinkKind::kLake);
  options.raw_payload = payload;
  auto sink = Open(options);
  applied = 0;
  MustApply(*sink);
  sink.reset();
  std::istringstream names(lake->All("SELECT source_table FROM walrelay.known_schemas ORDER BY 1"));
  bool has_rows = false;
  for (std::string name; std::getline(names, name);) {
    SCOPED_TRACE(name);
    table = name.substr(name.find('.') + 1);
    const std::string live = Everything(payload), columns = Columns();
    has_rows |= !live.empty();
    for (const bool is_gone : {false, true}) {
      if (is_gone) lake->All(Cat("DROP TABLE cdc_processed.", table));
      ASSERT_TRUE(lake->AwaitSessionLocks());
      auto rebuild = Rebuild::Open({.sink = options, .table = {"public", table}, .progress = {}});
      ASSERT_TRUE(rebuild.ok()) << Message(rebuild.status());
      ASSERT_TRUE((*rebuild)->Lock().ok());
      const auto result = (*rebuild)->Run();
      ASSERT_TRUE(result.ok()) << Message(result.status());
      EXPECT_EQ(Everything(payload), live);
      EXPECT_EQ(Columns(), columns);
    }
  }
  EXPECT_TRUE(has_rows);
}

TEST_P(RebuildGoldens, EqualTheLiveOnes) {
  records.Load(Cat(WALRELAY_SOURCE_DIR "/tests/goldens/", GetParam(), "/3.6.1.Final.jsonl"));
  std::erase_if(records.all, [](const ConsumedRecord& record) {
    return !record.topic.starts_with("cdc.public.") || record.topic.ends_with(".golden_end");
  });
  for (const RawPayload payload : {RawPayload::kJsonb, RawPayload::kJson}) {
    SCOPED_TRACE(RawPayloadName(payload));
    RebuildAll(payload);
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, RebuildGoldens,
                         ::testing::Values("types", "times", "arrays", "domains", "user-types",
                                           "keys", "toast-default", "primary-key-change",
                                           "schema-change", "replica-identity", "truncate"),
                         [](const auto& given) {
                           std::string name = given.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace walrelay::apply
