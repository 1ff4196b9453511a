// Batches that the server is left at work on while the next one is read.
#include <gtest/gtest.h>

#include "apply/sink.h"
#include "tests/apply/sink_fixture.h"

namespace walrelay::apply {
namespace {

using testing::SinkTest;

class Later : public SinkTest {
 protected:
  static constexpr int kRows = 1000;

  void SetUp() override {
    SinkTest::SetUp();
    records.all.reserve(20'000);  // What was left stays where it is.
  }

  void InsertMany(int first) {
    for (int id = first; id < first + kRows; ++id) Insert(id, Cat("\"row ", id, "\""));
  }
  void UpdateMany(int first, std::string_view v) {
    for (int id = first; id < first + kRows; ++id) Event("u", "null", Row(Cat(id), v), Cat(id));
  }
  std::span<const ConsumedRecord> Batch() {
    const auto batch = std::span(records.all).subspan(applied);
    applied = records.all.size();
    return batch;
  }
  void Leave(Sink& sink) {
    const auto result = sink.Apply(Batch(), true);
    ASSERT_TRUE(result.ok()) << Message(result.status());
    EXPECT_FALSE(sink.is_settled());
  }
  int64_t Settle(Sink& sink) {
    const auto result = sink.Settle();
    EXPECT_TRUE(result.ok()) << Message(result.status());
    EXPECT_TRUE(sink.is_settled());
    return result.ok() ? result->events : -1;
  }
  std::string Rows() { return target->One("SELECT count(*) FROM public.t"); }
  std::string Progress() {
    return target->One("SELECT coalesce(max(next_offset), -1) FROM walrelay.progress");
  }
};

TEST_F(Later, IsCommittedByTheNextBatch) {
  const auto sink = Open(Options());
  InsertMany(0);
  MustApply(*sink);  // The table is there.
  for (int batch = 1; batch <= 4; ++batch) {
    InsertMany(batch * kRows);
    const auto result = sink->Apply(Batch(), true);
    ASSERT_TRUE(result.ok()) << Message(result.status());
    EXPECT_FALSE(sink->is_settled());
    EXPECT_EQ(result->events, batch == 1 ? 0 : kRows) << "those of the batch before";
    EXPECT_EQ(Rows(), Cat(batch * kRows));
    EXPECT_EQ(Progress(), Cat(batch * kRows)) << "moves together with the rows";
  }
  EXPECT_EQ(Settle(*sink), kRows);
  EXPECT_EQ(Settle(*sink), 0);
  EXPECT_EQ(Rows(), Cat(5 * kRows));
  EXPECT_EQ(Progress(), Cat(5 * kRows));
}

TEST_F(Later, HoldsForStagedRowsAndRawEvents) {
  const auto lake_sink = Open(Options(SinkKind::kLake));
  const auto sink = Open(Options());
  InsertMany(0);
  ASSERT_TRUE(lake_sink->Apply(records.all).ok());
  MustApply(*sink);
  UpdateMany(0, R"("new")");
  ASSERT_TRUE(lake_sink->Apply(std::span(records.all).subspan(kRows), true).ok());
  EXPECT_FALSE(lake_sink->is_settled());
  Leave(*sink);
  EXPECT_EQ(target->One("SELECT count(*) FROM public.t WHERE v = 'new'"), "0");
  EXPECT_EQ(Settle(*sink), kRows);
  EXPECT_EQ(Settle(*lake_sink), kRows);
  EXPECT_EQ(target->One("SELECT count(*) FROM public.t WHERE v = 'new'"), Cat(kRows));
  EXPECT_EQ(lake->One("SELECT count(*) FROM cdc_processed.t WHERE v = 'new'"), Cat(kRows));
  EXPECT_EQ(lake->One("SELECT count(DISTINCT kafka_offset) || '|' || count(*) FROM cdc_raw.cdc_events"),
            Cat(2 * kRows, "|", 2 * kRows));
}

TEST_F(Later, RowsThatAreThereAreOverwritten) {
  const auto sink = Open(Options());
  InsertMany(0);
  MustApply(*sink);
  target->All("INSERT INTO public.t (id, v) VALUES (1500, 'not ours')");
  InsertMany(kRows);
  Leave(*sink);
  InsertMany(2 * kRows);
  const auto result = sink->Apply(Batch(), true);
  ASSERT_TRUE(result.ok()) << Message(result.status());
  EXPECT_EQ(result->events, kRows);
  EXPECT_EQ(Settle(*sink), kRows);
  EXPECT_EQ(Rows(), Cat(3 * kRows));
  EXPECT_EQ(target->One("SELECT v FROM public.t WHERE id = 1500"), "row 1500");
  EXPECT_EQ(Progress(), Cat(3 * kRows));
}

TEST_F(Later, RefusedRowsGoToTheDeadLetters) {
  const auto sink = Open(Options());
  InsertMany(0);
  MustApply(*sink);
  target->All("ALTER TABLE public.t ADD CHECK (v <> 'row 1300'), ADD CHECK (v <> 'row 2300')");
  InsertMany(kRows);
  Leave(*sink);
  InsertMany(2 * kRows);
  const auto result = sink->Apply(Batch(), true);
  ASSERT_TRUE(result.ok()) << Message(result.status());
  EXPECT_EQ(result->dead_letters, 1);
  const auto settled = sink->Settle();
  ASSERT_TRUE(settled.ok()) << Message(settled.status());
  EXPECT_EQ(settled->dead_letters, 1);
  EXPECT_EQ(target->All("SELECT kafka_offset, parked_key FROM walrelay.dead_letters ORDER BY id"),
            "1300|{\"id\":1300}\n2300|{\"id\":2300}");
  EXPECT_EQ(Rows(), Cat(3 * kRows - 2));
  EXPECT_EQ(Progress(), Cat(3 * kRows));
}

TEST_F(Later, ComesBeforeWhatTheNextBatchDoesToTheDatabase) {
  const auto sink = Open(Options());
  InsertMany(0);
  MustApply(*sink);
  InsertMany(kRows);
  Leave(*sink);
  // A table to be made.
  table = "u";
  offset = 0;
  Insert(1, R"("one")");
  ASSERT_TRUE(sink->Apply(Batch(), true).ok());
  EXPECT_TRUE(sink->is_settled()) << "it is small";
  EXPECT_EQ(Rows(), Cat(2 * kRows));
  EXPECT_EQ(target->One("SELECT v FROM public.u"), "one");
  EXPECT_EQ(target->One("SELECT u.xmin = c.xmin FROM public.u, pg_class c WHERE c.oid = 'public.u'::regclass"),
            "t")
      << "the table and its row are one transaction";
  // A truncate.
  table = "t";
  offset = 2 * kRows;
  InsertMany(2 * kRows);
  Leave(*sink);
  Event("t", "null", "null", "-");
  Insert(1, R"("after")");
  ASSERT_TRUE(sink->Apply(Batch(), true).ok());
  EXPECT_EQ(Mirror("id, v"), "1|after");
  // Nothing new.
  InsertMany(3 * kRows);
  const auto last = Batch();
  ASSERT_TRUE(sink->Apply(last, true).ok());
  EXPECT_FALSE(sink->is_settled());
  const auto repeated = sink->Apply(last, true);
  ASSERT_TRUE(repeated.ok()) << Message(repeated.status());
  EXPECT_TRUE(sink->is_settled());
  EXPECT_EQ(repeated->repeated, kRows);
  EXPECT_EQ(repeated->events, kRows) << "of the time before";
}

// The connection is lost while the server is at work on a batch, held up by a row, or after it has
// answered, when the COMMIT finds nobody: then only the progress can say whether it came through.
class LaterIsLost : public Later, public ::testing::WithParamInterface<bool> {};

TEST_P(LaterIsLost, AndLeavesNothing) {
  const bool is_answered = GetParam();
  auto sink = Open(Options());
  InsertMany(0);
  MustApply(*sink);
  auto holder = pg::Connection::Connect(target->options());
  ASSERT_TRUE(holder.ok());
  if (!is_answered) {
    ASSERT_TRUE(holder->Query(Cat("BEGIN; INSERT INTO public.t VALUES (", kRows, ")")).ok());
  }
  InsertMany(kRows);
  const auto first = Batch();
  const auto left = sink->Apply(first, true);
  ASSERT_TRUE(left.ok()) << Message(left.status());
  const std::string of_sink = Cat(" FROM pg_stat_activity WHERE pid = ", sink->backend_pid());
  ASSERT_TRUE(target->Await(Cat("SELECT state, coalesce(wait_event_type, '')", of_sink),
                            is_answered ? "idle in transaction|Client" : "active|Lock"));
  target->One(Cat("SELECT pg_terminate_backend(pid, 10000)", of_sink));
  ASSERT_TRUE(holder->Query("ROLLBACK").ok());
  InsertMany(2 * kRows);
  const auto second = Batch();
  const absl::Status lost = sink->Apply(second, true).status();
  EXPECT_EQ(lost.code(), is_answered ? absl::StatusCode::kUnknown : absl::StatusCode::kUnavailable)
      << Message(lost);
  EXPECT_EQ(Rows(), Cat(kRows));
  EXPECT_EQ(Progress(), Cat(kRows));
  sink = Open(Options());
  ASSERT_TRUE(sink->Apply(first, true).ok());
  ASSERT_TRUE(sink->Apply(second, true).ok());
  EXPECT_EQ(Settle(*sink), kRows);
  EXPECT_EQ(Rows(), Cat(3 * kRows));
  EXPECT_EQ(Progress(), Cat(3 * kRows));
}

INSTANTIATE_TEST_SUITE_P(When, LaterIsLost, ::testing::Bool(),
                         [](const auto& when) { return when.param ? "Answered" : "AtWork"; });

TEST_F(Later, SomebodyElsesProgressIsAConflict) {
  const auto sink = Open(Options());
  InsertMany(0);
  MustApply(*sink);
  InsertMany(kRows);
  Leave(*sink);
  EXPECT_EQ(Settle(*sink), kRows);
  target->All("UPDATE walrelay.progress SET next_offset = next_offset + 1");
  InsertMany(2 * kRows);
  EXPECT_FALSE(sink->Apply(Batch(), true).ok());
  EXPECT_EQ(Rows(), Cat(2 * kRows));
}

}  // namespace
}  // namespace walrelay::apply
