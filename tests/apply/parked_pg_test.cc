// Tables that no longer fit their mirror: they wait, the others go on.
#include <gtest/gtest.h>

#include "apply/parked_tables.h"
#include "apply/sink.h"
#include "tests/apply/sink_fixture.h"

namespace walrelay::apply {
namespace {

using testing::BothSizes;

class Parked : public BothSizes {
 protected:
  // A record of the same row for another table; each topic has offsets of its own.
  void InsertInto(std::string_view name, int id) {
    std::swap(other_offset, offset);
    const std::string before = std::exchange(table, std::string(name));
    Insert(id, R"("other")");
    table = before;
    std::swap(other_offset, offset);
  }
  std::string Tables() {
    return target->All("SELECT topic, source_table FROM walrelay.parked_tables");
  }
  std::string Progress(std::string_view topic) {
    return target->One(
        Cat("SELECT max(next_offset) FROM walrelay.progress WHERE topic = '", topic, "'"));
  }
  int64_t other_offset = 0;
};
INSTANTIATE_TEST_SUITE_P(Sink, Parked, testing::kWays, testing::WayName);

TEST_P(Parked, WaitWhileTheOthersGoOnUntilSomebodyResumesThem) {
  if (IsSkipped()) return;
  auto sink = Open(Options());
  Insert(1, R"("one")");
  InsertInto("u", 1);
  MustApply(*sink);
  EXPECT_TRUE(sink->ParkedTopics().empty());
  // Somebody takes the key away that the sink writes by.
  target->All("ALTER TABLE public.t DROP CONSTRAINT t_pkey");
  const size_t first_waiting = records.all.size();
  Insert(2, R"("two")");
  Event("u", "null", Row("1", R"("1b")"), "1");
  InsertInto("u", 2);
  MaybeMakeLarge();
  MustApply(*sink);
  EXPECT_EQ(Tables(), "cdc.public.t|public.t");
  ASSERT_EQ(sink->ParkedTopics().count("cdc.public.t"), 1u);
  EXPECT_EQ(Progress("cdc.public.t"), "1") << "it stands where it was";
  EXPECT_EQ(target->All("SELECT id FROM public.u ORDER BY id"), "1\n2");
  EXPECT_EQ(MirrorWithoutFillers("id, v"), "1|one");
  // What was read ahead of it is dropped, and a new process knows.
  Insert(3, R"("three")");
  InsertInto("u", 3);
  MustApply(*sink);
  sink.reset();
  sink = Open(Options());
  EXPECT_EQ(sink->ParkedTopics().size(), 1u);
  EXPECT_EQ(target->All("SELECT id FROM public.u ORDER BY id"), "1\n2\n3");
  EXPECT_EQ(MirrorWithoutFillers("id, v"), "1|one");

  target->All("ALTER TABLE public.t ADD PRIMARY KEY (id)");
  ParkedTables tables(target->connection(), "test", "target");
  EXPECT_EQ(*tables.AskToResume("public.other"), 0);
  EXPECT_EQ(*tables.AskToResume("public.t"), 1);
  const auto attended = sink->Attend();
  ASSERT_TRUE(attended.ok()) << Message(attended.status());
  EXPECT_EQ(attended->resumed, 1);
  EXPECT_TRUE(sink->ParkedTopics().empty());
  const auto applied_again = sink->Apply(std::span(records.all).subspan(first_waiting));
  ASSERT_TRUE(applied_again.ok()) << Message(applied_again.status());
  EXPECT_EQ(MirrorWithoutFillers("id, v"), "1|1b\n2|two\n3|three");
  EXPECT_EQ(target->All("SELECT id FROM public.u ORDER BY id"), "1\n2\n3");
}

TEST_P(Parked, AreThoseWhoseKeyChanges) {
  if (IsSkipped()) return;
  auto sink = Open(Options());
  Insert(1, R"("one")");
  MustApply(*sink);
  Keyed("c", "null", Row("2", R"("two")"), R"({"v":"two"})");
  InsertInto("u", 1);
  MaybeMakeLarge();
  MustApply(*sink);
  EXPECT_EQ(Tables(), "cdc.public.t|public.t");
  EXPECT_NE(sink->ParkedTopics().at("cdc.public.t").find("key of its records has changed"),
            std::string::npos);
  EXPECT_EQ(target->All("SELECT id FROM public.u"), "1");
}

TEST_P(Parked, AreThoseThatWereDroppedHere) {
  if (IsSkipped()) return;
  auto sink = Open(Options());
  Insert(1, R"("one")");
  MustApply(*sink);
  target->All("DROP TABLE public.t");
  Insert(2, R"("two")");
  InsertInto("u", 1);
  MaybeMakeLarge();
  MustApply(*sink);
  EXPECT_EQ(Tables(), "cdc.public.t|public.t") << "a mirror with half of its rows is none";
  EXPECT_EQ(target->All("SELECT id FROM public.u"), "1");
}

TEST_P(Parked, StopTheSinkWhereThatIsAskedFor) {
  if (IsSkipped()) return;
  SinkOptions options = Options();
  options.park_tables = false;
  auto sink = Open(options);
  Insert(1, R"("one")");
  MustApply(*sink);
  target->All("DROP TABLE public.t");
  Insert(2, R"("two")");
  MaybeMakeLarge();
  EXPECT_EQ(Apply(*sink).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Tables(), "");
}

TEST_P(Parked, AreNoneWhereTheRoleLacksAPrivilege) {
  if (IsSkipped()) return;
  auto sink = Open(Options());
  Insert(1, R"("one")");
  MustApply(*sink);
  target->All("ALTER DEFAULT PRIVILEGES REVOKE ALL ON TABLES FROM PUBLIC");
  sink.reset();
  target->All(
      "DROP ROLE IF EXISTS walrelay_test_reader; CREATE ROLE walrelay_test_reader; GRANT USAGE ON "
      "SCHEMA walrelay, public TO walrelay_test_reader; GRANT ALL ON ALL TABLES IN SCHEMA walrelay "
      "TO walrelay_test_reader; GRANT SELECT ON public.t TO walrelay_test_reader");
  SinkOptions options = Options();
  options.connection.AddSetting("role", "walrelay_test_reader");
  sink = Open(options);
  ASSERT_NE(sink, nullptr);
  Insert(2, R"("two")");
  MaybeMakeLarge();
  const auto result = Apply(*sink);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kFailedPrecondition)
      << Message(result.status());
  EXPECT_EQ(Tables(), "") << "all tables would be parked, one by one";
  sink.reset();
  target->All("DROP OWNED BY walrelay_test_reader; DROP ROLE walrelay_test_reader");
}

}  // namespace
}  // namespace walrelay::apply
