// deletes = "soft": rows that go at the source stay in the mirror as they were last, and are marked.
#include "tests/apply/sink_fixture.h"

namespace walrelay::apply::testing {
namespace {

constexpr std::string_view kMarked = "id, v, __deleted, __cdc_operation";

class SoftDeletes : public BothSizes {
 protected:
  SinkOptions Soft(SinkKind kind = SinkKind::kTarget) {
    SinkOptions options = Options(kind);
    options.soft_deletes = true;
    return options;
  }
  // The large batch's other rows are inserted with it, or before.
  std::string Marked() { return MirrorWithoutFillers(kMarked); }
};
INSTANTIATE_TEST_SUITE_P(Sink, SoftDeletes, testing::kWays, testing::WayName);

TEST_P(SoftDeletes, MarkARowThatWasThere) {
  if (IsSkipped()) return;
  auto sink = Open(Soft());
  Insert(1, R"("one")");
  Insert(2, R"("two")");
  MaybeMakeLarge();
  MustApply(*sink);
  EXPECT_EQ(Marked(), "1|one|f|c\n2|two|f|c");
  Delete(1);
  for (int i = 0; GetParam().is_large && i < 600; ++i) Delete(100'000 + i);
  MustApply(*sink);
  EXPECT_EQ(Marked(), "1|one|t|d\n2|two|f|c");
  EXPECT_EQ(target->One("SELECT count(*) FROM public.t WHERE __deleted"),
            GetParam().is_large ? "601" : "1");
  EXPECT_EQ(target->One("SELECT __cdc_timestamp FROM public.t WHERE id = 1"),
            "2023-11-14 22:13:20.123+00");
}

TEST_P(SoftDeletes, KeepTheLastStateOfARowThatCameAndWentInOneBatch) {
  if (IsSkipped()) return;
  auto sink = Open(Soft());
  Insert(1, R"("old")");
  MustApply(*sink);
  Event("u", "null", Row("1", R"("last")"), "1");
  Delete(1);
  Insert(2, R"("short")");
  Delete(2);
  Delete(3);  // Never seen: nothing is known of it.
  MaybeMakeLarge();
  MustApply(*sink);
  EXPECT_EQ(Marked(), "1|last|t|d\n2|short|t|d");
}

TEST_P(SoftDeletes, ReviveARowWithoutWhatTheOldOneHad) {
  if (IsSkipped()) return;
  SinkOptions options = Soft();
  options.schema.column_dropped = SchemaPolicy::kIgnore;
  auto sink = Open(options);
  Event("c", "null", Row("1", R"("old")", R"("MDk=")"), "1");
  Event("c", "null", Row("2", R"("old")", R"("MDk=")"), "2");
  MustApply(*sink);
  Delete(1);
  MustApply(*sink);
  Delete(2);
  fields =
      R"({"type":"int32","optional":false,"field":"id"},{"type":"string","optional":true,"field":"v"})";
  Event("c", "null", R"({"id":1,"v":"new"})", "1");
  Event("c", "null", R"({"id":2,"v":"new"})", "2");
  MaybeMakeLarge();
  MustApply(*sink);
  EXPECT_EQ(MirrorWithoutFillers("id, v, n, __deleted"), "1|new|NULL|f\n2|new|NULL|f");
}

TEST_P(SoftDeletes, ReviveARowWithTheDefaultsOfANewOne) {
  if (IsSkipped()) return;
  target->All(
      "CREATE TABLE public.t (id int PRIMARY KEY, v text, n numeric, x text DEFAULT 'mine')");
  auto sink = Open(Soft());
  Insert(1, R"("old")");
  Insert(2, R"("old")");
  MustApply(*sink);
  target->All("UPDATE public.t SET x = 'of the old row'");
  Delete(1);
  MustApply(*sink);
  Delete(2);
  Insert(1, R"("new")");
  Insert(2, R"("new")");
  MaybeMakeLarge();
  MustApply(*sink);
  EXPECT_EQ(MirrorWithoutFillers("id, v, x, __deleted"), "1|new|mine|f\n2|new|mine|f");
}

TEST_P(SoftDeletes, LetAnUpdateKeepWhatWasNotSent) {
  if (IsSkipped()) return;
  auto sink = Open(Soft());
  Event("c", "null", Row("1", R"("long")", R"("MDk=")"), "1");
  MustApply(*sink);
  Event("u", "null", Row("1", kUnsentText, "null"), "1");
  Delete(1);
  MaybeMakeLarge();
  MustApply(*sink);
  EXPECT_EQ(MirrorWithoutFillers("id, v, n, __deleted"), "1|long|NULL|t");
}

TEST_P(SoftDeletes, MarkAllRowsAtATruncateAlsoThoseOfTheSameBatch) {
  if (IsSkipped()) return;
  auto sink = Open(Soft());
  Insert(1, R"("before")");
  Insert(4, R"("before")");
  MustApply(*sink);
  Insert(2, R"("before")");
  Event("t", "null", "null", "-");
  Insert(3, R"("after")");
  Insert(4, R"("after")");
  MaybeMakeLarge();
  MustApply(*sink);
  EXPECT_EQ(Marked(), "1|before|t|t\n2|before|t|t\n3|after|f|c\n4|after|f|c");
}

// What came before it is written first, in the same transaction.
TEST_P(SoftDeletes, MarkRowsBehindATruncateOfAnotherTable) {
  if (IsSkipped()) return;
  auto sink = Open(Soft());
  for (int i = 1; i <= 300; ++i) Insert(i, R"("one")");
  table = "k";
  Insert(1, R"("one")");
  MustApply(*sink);
  table = "t";
  for (int i = 1; i <= 300; ++i) Event("u", "null", Row(Cat(i), R"("two")"), Cat(i));
  table = "k";
  Event("t", "null", "null", "-");
  table = "t";
  Event("u", "null", Row("300", R"("three")"), "300");
  for (int i = 1; i < 300; ++i) Delete(i);
  MustApply(*sink);
  EXPECT_EQ(
      target->All("SELECT v, __deleted, count(*) FROM public.t GROUP BY v, __deleted ORDER BY v"),
      "three|f|1\ntwo|t|299");
}

TEST_P(SoftDeletes, LeaveTheRowOfAKeyThatChanged) {
  if (IsSkipped()) return;
  auto sink = Open(Soft());
  Insert(1, R"("long value")");
  Insert(2, R"("of another row")");
  Delete(2);
  MustApply(*sink);
  const int64_t same = lsn;
  records.AddHeader(Event("d", Row("1", "null"), "null", "1"), "__debezium.newkey", "{\"id\":2}");
  lsn = same;
  records.AddHeader(Event("c", "null", Row("2", kUnsentText), "2"), "__debezium.oldkey",
                    "{\"id\":1}");
  MaybeMakeLarge();
  EXPECT_EQ(MustApply(*sink).incomplete_rows, 0);
  EXPECT_EQ(Marked(), "1|long value|t|d\n2|long value|f|c");
}

TEST_P(SoftDeletes, OfARowWithoutAKeyMarkOne) {
  if (IsSkipped()) return;
  auto sink = Open(Soft());
  for (int i = 0; i < 2; ++i) Event("c", "null", Row("1", R"("twin")"), "-");
  Event("c", "null", Row("2", R"("old")"), "-");
  MustApply(*sink);
  Event("d", Row("1", R"("twin")"), "null", "-");
  Event("u", Row("2", R"("old")"), Row("2", R"("new")"), "-");
  MustApply(*sink);
  EXPECT_EQ(target->All("SELECT id, v, __deleted FROM public.t ORDER BY id, v, __deleted"),
            "1|twin|f\n1|twin|t\n2|new|f");
  Event("d", Row("1", R"("twin")"), "null", "-");
  MustApply(*sink);
  EXPECT_EQ(target->One("SELECT count(*) FROM public.t WHERE __deleted"), "2");
}

TEST_P(SoftDeletes, AddTheMarkToATableThatIsThere) {
  if (IsSkipped()) return;
  lake->All("CREATE SCHEMA cdc_processed");
  lake->All("CREATE TABLE cdc_processed.t (id int PRIMARY KEY, v text, n numeric(10,2))");
  lake->All("INSERT INTO cdc_processed.t VALUES (7, 'mine')");
  auto sink = Open(Soft(SinkKind::kLake));
  Delete(7);
  MaybeMakeLarge();
  MustApply(*sink);
  EXPECT_EQ(lake->All("SELECT id, v, __deleted FROM cdc_processed.t WHERE id = 7"), "7|mine|t");
}

}  // namespace
}  // namespace walrelay::apply::testing
