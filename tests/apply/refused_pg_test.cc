// Records that the server refuses for what they hold, and what becomes of them.
#include <gtest/gtest.h>

#include "apply/envelope_reader.h"
#include "apply/letter_store.h"
#include "apply/sink.h"
#include "tests/apply/sink_fixture.h"

namespace walrelay::apply {
namespace {

using testing::BothSizes;
using testing::SinkTest;

// A table whose v takes three characters.
class Refused : public BothSizes {
 protected:
  void SetUp() override {
    BothSizes::SetUp();
    if (IsSkipped()) return;
    target->All("CREATE TABLE public.t (id int PRIMARY KEY, v varchar(6), n numeric(10,2))");
    sink = Open(Options());
    ASSERT_NE(sink, nullptr);
  }
  std::string Letters() {
    return target->All(
        "SELECT kafka_offset, sqlstate, source_table, parked_key FROM walrelay.dead_letters ORDER "
        "BY id");
  }
  LetterStore Store() { return {target->connection(), "test", "target"}; }
  int64_t Retry() {
    const auto retried = sink->Attend();
    EXPECT_TRUE(retried.ok()) << Message(retried.status());
    return retried.ok() ? retried->letters : -1;
  }
  std::unique_ptr<Sink> sink;
};
INSTANTIATE_TEST_SUITE_P(Sink, Refused, testing::kWays, testing::WayName);

TEST_P(Refused, GoToTheDeadLettersAndTheRestIsApplied) {
  Insert(1, R"("one")");
  Insert(2, R"("hunter2 is too long")");
  Insert(3, R"("three")");
  MaybeMakeLarge();
  Insert(4, R"("hunter2 too")");
  Insert(5, R"("five")");
  const BatchResult result = MustApply(*sink);
  EXPECT_EQ(result.dead_letters, 2);
  EXPECT_EQ(MirrorWithoutFillers("id, v"), "1|one\n3|three\n5|five");
  EXPECT_EQ(Letters(),
            Cat("1|22001|public.t|{\"id\":2}\n", offset - 2, "|22001|public.t|{\"id\":4}"));
  EXPECT_EQ(target->One("SELECT count(*) FROM walrelay.dead_letters WHERE reason LIKE '%hunter2%'"),
            "0")
      << "values are not shown";
  EXPECT_EQ(target->One("SELECT next_offset FROM walrelay.progress"), Cat(offset));
  const auto again = sink->Apply(records.all);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->repeated, offset);
}

// The halves of the batch are staged one after the other in one transaction.
TEST_P(Refused, BringNoRowBackThatTheOtherHalfDeletes) {
  for (int i = 1; i <= 2000; ++i) Insert(i, R"("one")");
  MustApply(*sink);
  Insert(3000, R"("much too long")");
  for (int i = 1; i <= 1000; ++i) Event("u", "null", Row(Cat(i), R"("two")"), Cat(i));
  Event("u", "null", Row("2000", R"("two")"), "2000");
  for (int i = 1; i < 1000; ++i) Delete(i);
  EXPECT_EQ(MustApply(*sink).dead_letters, 1);
  EXPECT_EQ(target->All("SELECT v, count(*), min(id) FROM public.t GROUP BY v ORDER BY v"),
            "one|999|1001\ntwo|2|1000");
}

TEST_P(Refused, HoldBackTheLaterChangesOfTheirRow) {
  Insert(1, R"("one")");
  Insert(2, R"("two")");
  MustApply(*sink);
  Event("u", "null", Row("1", R"("much too long")"), "1");
  Event("u", "null", Row("2", R"("2a")"), "2");
  MaybeMakeLarge();
  MustApply(*sink);
  Event("u", "null", Row("1", R"("1b")"), "1");
  Event("u", "null", Row("2", R"("2b")"), "2");
  MaybeMakeLarge();
  MustApply(*sink);
  EXPECT_EQ(MirrorWithoutFillers("id, v"), "1|one\n2|2b");
  // Another process knows it too.
  sink.reset();
  sink = Open(Options());
  Delete(1);
  MaybeMakeLarge();
  EXPECT_EQ(MustApply(*sink).refused, 0) << "it only waits";
  EXPECT_EQ(MirrorWithoutFillers("id, v"), "1|one\n2|2b");
  EXPECT_EQ(
      target->One("SELECT count(*) FROM walrelay.dead_letters WHERE parked_key = '{\"id\":1}'"),
      "3");
}

TEST_P(Refused, AreAppliedInTheirOrderWhenTheyAreTriedAgain) {
  Insert(1, R"("one")");
  MustApply(*sink);
  Event("u", "null", Row("1", R"("much too long")", R"("MDk=")"), "1");
  Insert(7, R"("also too long")");
  Event("u", "null", Row("1", testing::kUnsentText, R"("AA==")"), "1");
  MaybeMakeLarge();
  MustApply(*sink);
  ASSERT_EQ(*Store().Mark(std::nullopt), 3);
  EXPECT_EQ(Retry(), 0) << "it is still too long";
  EXPECT_EQ(MirrorWithoutFillers("id, v"), "1|one");
  EXPECT_EQ(Retry(), 0) << "nothing is marked any more";
  target->All("ALTER TABLE public.t ALTER COLUMN v TYPE text");
  const std::string first = target->One("SELECT min(id) FROM walrelay.dead_letters");
  ASSERT_EQ(*Store().Mark(std::stoll(first)), 2) << "with the other one of its row";
  EXPECT_EQ(Retry(), 2);
  EXPECT_EQ(MirrorWithoutFillers(), "1|much too long|0.00");
  Event("u", "null", Row("1", R"("now free")", R"("AA==")"), "1");
  Event("u", "null", Row("7", R"("waits")"), "7");
  MaybeMakeLarge();
  EXPECT_EQ(MustApply(*sink).dead_letters, 1);
  EXPECT_EQ(MirrorWithoutFillers(), "1|now free|0.00");
  ASSERT_EQ(*Store().Mark(std::nullopt), 2);
  EXPECT_EQ(Retry(), 2);
  EXPECT_EQ(MirrorWithoutFillers("id, v"), "1|now free\n7|waits");
  EXPECT_EQ(Letters(), "");
}

TEST_P(Refused, AreForgottenWhenTheyAreDropped) {
  Insert(1, R"("much too long")");
  MaybeMakeLarge();
  MustApply(*sink);
  Event("u", "null", Row("1", R"("1b")"), "1");
  MustApply(*sink);
  ASSERT_EQ(*Store().Drop(std::stoll(target->One("SELECT max(id) FROM walrelay.dead_letters"))), 2);
  EXPECT_EQ(Retry(), 0);
  Event("u", "null", Row("1", R"("1c")"), "1");
  MaybeMakeLarge();
  EXPECT_EQ(MustApply(*sink).dead_letters, 0);
  EXPECT_EQ(MirrorWithoutFillers("id, v"), "1|1c");
}

// The row goes on under another key, whose record may come first: it lies in another partition.
TEST_P(Refused, HoldBackTheirRowUnderANewKey) {
  for (const bool arrives_first : {false, true}) {
    const std::string from = arrives_first ? "3" : "1";
    const std::string to = arrives_first ? "4" : "2";
    Event("c", "null", Row(from, R"("one")"), from);
    Event("u", "null", Row(from, R"("much too long")"), from);
    MustApply(*sink);
    const auto leave = [&] {
      records.AddHeader(Event("d", Row(from, "null"), "null", from), kNewKeyHeader,
                        Cat("{\"id\":", to, "}"));
    };
    if (!arrives_first) leave();
    records.AddHeader(Event("c", "null", Row(to, R"("moved")"), to), kOldKeyHeader,
                      Cat("{\"id\": ", from, "}"));
    if (arrives_first) leave();
    Event("u", "null", Row(to, R"("later")"), to);
    MaybeMakeLarge();
    EXPECT_EQ(MustApply(*sink).dead_letters, 3);
    EXPECT_EQ(MirrorWithoutFillers("id, v"), arrives_first ? "1|one\n3|one" : "1|one");
    // Another process knows it too.
    sink.reset();
    sink = Open(Options());
  }
  Event("u", "null", Row("4", R"("last")"), "4");
  EXPECT_EQ(MustApply(*sink).dead_letters, 1);
  // What a row has become is not tried while what it was waits.
  const std::string moved =
      target->One("SELECT min(id) FROM walrelay.dead_letters WHERE parked_key = '{\"id\":2}'");
  ASSERT_EQ(*Store().Mark(std::stoll(moved)), 2);
  EXPECT_EQ(Retry(), 0);
  EXPECT_EQ(MirrorWithoutFillers("id, v"), "1|one\n3|one");
  target->All("ALTER TABLE public.t ALTER COLUMN v TYPE text");
  ASSERT_EQ(*Store().Mark(std::nullopt), 9);
  EXPECT_EQ(Retry(), 9);
  EXPECT_EQ(MirrorWithoutFillers("id, v"), "2|later\n4|last");
}

// Whose rows are known by all that they hold.
TEST_P(Refused, HoldBackTheLaterChangesOfARowWithoutKey) {
  target->All("CREATE TABLE public.k (id int, v varchar(6), n numeric(10,2))");
  table = "k";
  const auto row = [](std::string_view v) { return Row("1", v); };
  Event("c", "null", row(R"("much too long")"), "-");
  Event("c", "null", row(R"("good")"), "-");
  MustApply(*sink);
  Event("u", row(R"("much too long")"), row(R"("short")"), "-");
  Event("d", row(R"("short")"), "null", "-");
  Event("d", row(R"("good")"), "null", "-");
  MustApply(*sink);
  EXPECT_EQ(target->One("SELECT count(*) FROM public.k"), "0");
  EXPECT_EQ(target->One("SELECT count(*) FROM walrelay.dead_letters"), "3");
  target->All("ALTER TABLE public.k ALTER COLUMN v TYPE text");
  ASSERT_EQ(*Store().Mark(std::nullopt), 3);
  EXPECT_EQ(Retry(), 3);
  EXPECT_EQ(target->All("SELECT v FROM public.k"), "") << "inserted, changed, deleted";
}

// Letters of either key wait for some of the other.
TEST_P(Refused, ComeBackOfARowThatComesBackToItsFormerKey) {
  Event("c", "null", Row("1", R"("one")"), "1");
  MustApply(*sink);
  Event("u", "null", Row("1", R"("much too long")"), "1");
  EXPECT_EQ(MustApply(*sink).dead_letters, 1);
  const auto move = [&](std::string_view from, std::string_view to) {
    records.AddHeader(Event("d", Row(from, "null"), "null", from), kNewKeyHeader,
                      Cat("{\"id\":", to, "}"));
    --lsn;  // Both have one.
    records.AddHeader(Event("c", "null", Row(to, testing::kUnsentText, R"("AA==")"), to),
                      kOldKeyHeader, Cat("{\"id\":", from, "}"));
  };
  move("1", "2");
  Event("u", "null", Row("2", testing::kUnsentText, R"("MDk=")"), "2");
  move("2", "1");
  MaybeMakeLarge();
  EXPECT_EQ(MustApply(*sink).dead_letters, 5);
  const auto mark = [&](std::string_view key) {
    return *Store().Mark(std::stoll(target->One(
        Cat("SELECT min(id) FROM walrelay.dead_letters WHERE parked_key = '{\"id\":", key, "}'"))));
  };
  ASSERT_EQ(mark("1"), 3) << "without what it was meanwhile";
  EXPECT_EQ(Retry(), 0);
  target->All("ALTER TABLE public.t ALTER COLUMN v TYPE text");
  ASSERT_EQ(mark("1"), 3);
  EXPECT_EQ(Retry(), 0);
  EXPECT_EQ(MirrorWithoutFillers("id, v"), "1|one");
  ASSERT_EQ(*Store().Mark(std::nullopt), 6);
  EXPECT_EQ(Retry(), 6);
  EXPECT_EQ(MirrorWithoutFillers(), "1|much too long|0.00");
  EXPECT_EQ(Letters(), "");
}

TEST_P(Refused, ComeBackOfARowWithoutKeyThatBecomesWhatItWas) {
  target->All("CREATE TABLE public.k (id int, v varchar(6), n numeric(10,2))");
  table = "k";
  const auto row = [](std::string_view v) { return Row("1", v); };
  Event("c", "null", row(R"("much too long")"), "-");
  Event("u", row(R"("much too long")"), row(R"("short")"), "-");
  Event("u", row(R"("short")"), row(R"("much too long")"), "-");
  EXPECT_EQ(MustApply(*sink).dead_letters, 3);
  target->All("ALTER TABLE public.k ALTER COLUMN v TYPE text");
  ASSERT_EQ(*Store().Mark(std::nullopt), 3);
  EXPECT_EQ(Retry(), 3);
  EXPECT_EQ(target->All("SELECT v FROM public.k"), "much too long");
}

// The source checked each change when it was made; a batch knows each row's last state only.
TEST_P(Refused, NoneWhereUniqueValuesGoFromRowToRow) {
  target->All("ALTER TABLE public.t ADD UNIQUE (n)");
  constexpr std::string_view kA = R"("AQ==")", kB = R"("Ag==")", kC = R"("Aw==")";
  const auto update = [&](std::string_view id, std::string_view n) {
    Event("u", "null", Row(id, R"("v")", n), id);
  };
  for (const auto& [id, n] : {std::pair("1", kA), std::pair("2", kB), std::pair("5", kC)})
    Event("c", "null", Row(id, R"("v")", n), id);
  MaybeMakeLarge();
  MustApply(*sink);
  update("1", "null");  // 1 and 2 change theirs.
  update("2", kA);
  update("1", kB);
  Delete(5);  // 4 has that of 5.
  Event("c", "null", Row("4", R"("v")", kC), "4");
  MaybeMakeLarge();
  EXPECT_EQ(MustApply(*sink).dead_letters, 0);
  EXPECT_EQ(MirrorWithoutFillers("id, n"), "1|0.02\n2|0.01\n4|0.03");
  Event("c", "null", Row("3", R"("v")"), "3");  // A new one gets it last.
  update("1", "null");
  update("3", kB);
  MaybeMakeLarge();
  EXPECT_EQ(MustApply(*sink).dead_letters, 0);
  EXPECT_EQ(MirrorWithoutFillers("id, n"), "1|NULL\n2|0.01\n3|0.02\n4|0.03");
}

TEST_P(Refused, WhereAUniqueValueComesFromAnotherPartitionFirst) {
  target->All("ALTER TABLE public.t ADD UNIQUE (n)");
  Event("c", "null", Row("1", R"("v")", R"("AQ==")"), "1");
  MustApply(*sink);
  Event("u", "null", Row("1", R"("v")"), "1");
  const auto later = records.all.back();
  records.all.pop_back();
  Event("c", "null", Row("2", R"("v")", R"("AQ==")"), "2").partition = 1;
  MaybeMakeLarge();
  EXPECT_EQ(MustApply(*sink).dead_letters, 1);
  records.all.push_back(later);
  records.all.back().offset = offset++;
  MustApply(*sink);
  ASSERT_EQ(*Store().Mark(std::nullopt), 1);
  EXPECT_EQ(Retry(), 1);
  EXPECT_EQ(MirrorWithoutFillers("id, n"), "1|NULL\n2|0.01");
}

// More letters of one row than are tried at once: those behind a refused one are not tried.
TEST_P(Refused, AreTriedAllOrNone) {
  target->All("ALTER TABLE public.t ADD CHECK (n < 5)");
  Insert(1, R"("one")");
  MustApply(*sink);
  Event("u", "null", Row("1", R"("b")", R"("MDk=")"), "1");
  EXPECT_EQ(MustApply(*sink).dead_letters, 1);
  for (int i = 0; i < 1500; ++i) {
    Event("u", "null", Row("1", Cat("\"v", i, "\""), i < 1200 ? R"("MDk=")" : R"("AA==")"), "1");
  }
  EXPECT_EQ(MustApply(*sink).dead_letters, 1500);
  ASSERT_EQ(*Store().Mark(std::nullopt), 1501);
  for (int attempt = 0; attempt < 2; ++attempt) {
    EXPECT_EQ(Retry(), 0);
    EXPECT_EQ(MirrorWithoutFillers(), "1|one|NULL");
  }
  target->All("ALTER TABLE public.t DROP CONSTRAINT t_n_check");
  ASSERT_EQ(*Store().Mark(std::nullopt), 1501);
  EXPECT_EQ(Retry(), 1000);
  EXPECT_EQ(Retry(), 501);
  EXPECT_EQ(MirrorWithoutFillers(), "1|v1499|0.00");
}

TEST_P(Refused, HoldNothingBackAfterATruncate) {
  Insert(1, R"("much too long")");
  MaybeMakeLarge();
  MustApply(*sink);
  Event("t", "null", "null", "-");
  Insert(1, R"("anew")");
  MaybeMakeLarge();
  MustApply(*sink);
  EXPECT_EQ(MirrorWithoutFillers("id, v"), "1|anew");
  EXPECT_EQ(
      target->All("SELECT parked_key, reason LIKE '%truncated since' FROM walrelay.dead_letters"),
      "NULL|t");
}

// One that cannot be read goes aside before anything of its batch is written.
TEST_P(Refused, HoldNothingBackAfterATruncateOfTheSameBatch) {
  Event("c", "null", Row("1", R"("old")", R"("!!")"), "1");
  Event("t", "null", "null", "-");
  Insert(1, R"("anew")");
  MaybeMakeLarge();
  EXPECT_EQ(MustApply(*sink).dead_letters, 1);
  EXPECT_EQ(MirrorWithoutFillers("id, v"), "1|anew");
  EXPECT_EQ(
      target->All("SELECT parked_key, reason LIKE '%truncated since' FROM walrelay.dead_letters"),
      "NULL|t");
  Event("u", "null", Row("1", R"("later")"), "1");
  MustApply(*sink);
  EXPECT_EQ(MirrorWithoutFillers("id, v"), "1|later");
  ASSERT_EQ(*Store().Mark(std::nullopt), 1);
  EXPECT_EQ(Retry(), 1);
  EXPECT_EQ(MirrorWithoutFillers("id, v"), "1|later") << "what is gone does not come back";
  EXPECT_EQ(Letters(), "");
}

TEST_P(Refused, ByATriggerAndByConstraints) {
  target->All(
      "ALTER TABLE public.t ADD CHECK (id <> 2), ADD UNIQUE (v); CREATE FUNCTION public.refuse() "
      "RETURNS "
      "trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.id = 4 THEN RAISE 'not this one'; END IF; "
      "RETURN "
      "NEW; END $$; CREATE TRIGGER refuse BEFORE INSERT ON public.t FOR EACH ROW EXECUTE FUNCTION "
      "public.refuse(); ALTER TABLE public.t ENABLE ALWAYS TRIGGER refuse");
  for (int id = 1; id <= 5; ++id) Insert(id, Cat("\"", id, "\""));
  Insert(6, R"("5")");
  for (int id = 100; GetParam().is_large && id < 1000; ++id) Insert(id, Cat("\"", id, "\""));
  MustApply(*sink);
  EXPECT_EQ(target->All("SELECT id FROM public.t WHERE id < 100 ORDER BY id"), "1\n3\n5");
  EXPECT_EQ(target->All("SELECT sqlstate, parked_key FROM walrelay.dead_letters ORDER BY id"),
            "23514|{\"id\":2}\nP0001|{\"id\":4}\n23505|{\"id\":6}");
}

TEST_P(Refused, StopTheSinkWhenTheyAreTooMany) {
  sink.reset();
  SinkOptions options = Options();
  options.dead_letters_per_minute = 3;
  sink = Open(options);
  for (int id = 1; id <= 3; ++id) Insert(id, R"("much too long")");
  MaybeMakeLarge();
  EXPECT_EQ(MustApply(*sink).dead_letters, 3);
  for (int i = 0; i < 10; ++i) Event("u", "null", Row("1", R"("x")"), "1");
  EXPECT_EQ(MustApply(*sink).dead_letters, 10) << "what waits behind them does not count";
  Insert(4, R"("much too long")");
  MaybeMakeLarge();
  const int64_t applied_to = offset - static_cast<int64_t>(records.all.size() - applied);
  const auto result = Apply(*sink);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(Message(result.status()).find("dead.letters.per.minute"), std::string_view::npos);
  sink.reset();
  EXPECT_EQ(target->One("SELECT next_offset FROM walrelay.progress"), Cat(applied_to));
}

TEST_P(Refused, DoNotTakeATableWithThemThatTheBatchMade) {
  table = "made";
  Event("c", "null", Row("1", R"("one")"), "1");
  Event("c", "null", Row("2", R"("two")", R"("f/////////8=")"), "2");  // Beyond numeric(10,2).
  MaybeMakeLarge();
  EXPECT_EQ(MustApply(*sink).dead_letters, 1);
  EXPECT_EQ(target->All("SELECT id, v FROM public.made WHERE v <> 'filler' ORDER BY id"), "1|one");
}

TEST_P(Refused, KeepTheirRawEvents) {
  lake->All(
      "CREATE SCHEMA cdc_processed; CREATE TABLE cdc_processed.t (id int PRIMARY KEY, v "
      "varchar(6), n numeric)");
  auto lake_sink = Open(Options(SinkKind::kLake));
  Insert(1, R"("much too long")");
  Insert(2, R"("nul \u0000")");  // jsonb cannot hold it either.
  Insert(3, R"("three")");
  MaybeMakeLarge();
  const auto result = lake_sink->Apply(records.all);
  ASSERT_TRUE(result.ok()) << Message(result.status());
  EXPECT_EQ(
      lake->All("SELECT kafka_offset FROM cdc_raw.cdc_events WHERE kafka_offset < 3 ORDER BY 1"),
      "0\n2");
  EXPECT_EQ(lake->All("SELECT kafka_offset, reason LIKE '%not among the raw events%' FROM "
                      "walrelay.dead_letters ORDER BY 1"),
            "0|f\n1|t");
  EXPECT_EQ(lake->All("SELECT id FROM cdc_processed.t WHERE v <> 'filler'"), "3");
  // What is applied later is not a second event.
  lake->All("ALTER TABLE cdc_processed.t ALTER COLUMN v TYPE text");
  LetterStore store(lake->connection(), "test", "lake");
  ASSERT_EQ(*store.Mark(std::nullopt), 2);
  const auto attended = lake_sink->Attend();
  ASSERT_TRUE(attended.ok()) << Message(attended.status());
  EXPECT_EQ(attended->letters, 1);
  EXPECT_EQ(lake->All("SELECT count(*) FROM cdc_raw.cdc_events WHERE kafka_offset < 3"), "2");
  EXPECT_EQ(lake->All("SELECT id, v FROM cdc_processed.t WHERE id < 3"), "1|much too long");
}

}  // namespace
}  // namespace walrelay::apply
