// A mirror made anew while something of it is half done: key changes of which one half has come,
// dead letters, values that nobody has sent.
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
  void Run(bool expect_letters = false) {
    auto rebuild = Rebuild::Open({.sink = Options(SinkKind::kLake), .table = {"public", "t"}, .progress = {}});
    ASSERT_TRUE(rebuild.ok()) << Message(rebuild.status());
    ASSERT_TRUE((*rebuild)->Lock().ok());
    const auto result = (*rebuild)->Run();
    ASSERT_TRUE(result.ok()) << Message(result.status());
    EXPECT_EQ(result->dead_letters != 0, expect_letters);
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

}  // namespace
}  // namespace walrelay::apply
