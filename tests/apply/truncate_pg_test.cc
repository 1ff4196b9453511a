// A truncate of a table whose topic has several partitions, in every order in which they may be
// read.
#include <gtest/gtest.h>

#include "apply/letter_store.h"
#include "apply/rebuild/rebuild.h"
#include "tests/apply/sink_fixture.h"

namespace walrelay::apply {
namespace {

using testing::BothSizes;

// Topic cdc.public.t of three partitions; the truncate stands in partition 0.
class Truncates : public BothSizes {
 protected:
  SinkOptions Several(SinkKind kind = SinkKind::kTarget) {
    SinkOptions options = Options(kind);
    options.partitions_of = [](std::string_view) { return 3; };
    options.read_again = [this](const TopicPartition& partition, int64_t first, int64_t end,
                                absl::FunctionRef<absl::Status(const ConsumedRecord&)> visit)
        -> absl::StatusOr<int64_t> {
      for (size_t i = 0; i < applied; ++i) {
        const ConsumedRecord record = records.all[i];
        if (record.partition != partition.partition || record.offset < std::max(first, oldest) ||
            record.offset >= end)
          continue;
        ++read_again;
        RETURN_IF_ERROR(visit(record));
      }
      return oldest;
    };
    return options;
  }
  // Records get their LSN here, and their place in the topic by In(). Both follow one another.
  void In(int partition, int64_t at_lsn, std::string_view op, int id, std::string_view v = "null") {
    lsn = at_lsn;
    offset = next[partition];
    if (op == "t") {
      Event("t", "null", "null", "-");
    } else if (op == "d") {
      Event("d", Row(Cat(id), "null"), "null", Cat(id));
    } else {
      Event(op, "null", Row(Cat(id), v), Cat(id));
    }
    records.all.back().partition = partition;
    next[partition] = offset;
  }
  void Fillers(int partition, int64_t at_lsn) {
    for (int i = 0; GetParam().is_large && i < 1000; ++i)
      In(partition, at_lsn + i, "c", 100'000 + 1000 * partition + i, R"("filler")");
  }
  static void MakeAnew(const SinkOptions& options) {
    auto rebuild = Rebuild::Open({.sink = options, .table = {"public", "t"}, .progress = {}});
    ASSERT_TRUE(rebuild.ok()) << Message(rebuild.status());
    ASSERT_TRUE((*rebuild)->Lock().ok());
    const auto rebuilt = (*rebuild)->Run();
    ASSERT_TRUE(rebuilt.ok()) << Message(rebuilt.status());
  }

  int64_t next[3] = {0, 0, 0};
  int64_t oldest = 0;
  int64_t read_again = 0;
};
INSTANTIATE_TEST_SUITE_P(Sink, Truncates, testing::kWays, testing::WayName);

TEST_P(Truncates, TakeWhatComesLaterAndWasBefore) {
  auto sink = Open(Several());
  In(0, 100, "c", 1, R"("before")");
  In(0, 5000, "t", 0);
  In(0, 5001, "c", 2, R"("after")");
  Fillers(0, 6000);
  MustApply(*sink);
  EXPECT_EQ(MirrorWithoutFillers("id, v"), "2|after");
  // Partition 1 was silent, or Kafka did not have its records yet.
  In(1, 200, "c", 3, R"("before")");
  In(1, 300, "u", 3, R"("before, changed")");
  In(1, 5002, "c", 4, R"("after")");
  In(2, 300, "c", 5, R"("before")");
  In(2, 400, "d", 5);
  Fillers(1, 7000);
  MustApply(*sink);
  EXPECT_EQ(MirrorWithoutFillers("id, v"), "2|after\n4|after");
  // A later process knows of it too.
  sink.reset();
  sink = Open(Several());
  In(2, 500, "c", 6, R"("before")");
  MustApply(*sink);
  EXPECT_EQ(MirrorWithoutFillers("id, v"), "2|after\n4|after");
}

TEST_P(Truncates, LeaveWhatCameEarlierAndIsBehind) {
  auto sink = Open(Several());
  In(1, 100, "c", 1, R"("before")");
  In(1, 5001, "c", 2, R"("after")");
  In(1, 5002, "u", 2, R"("after, changed")");
  In(1, 5003, "c", 3, R"("gone again")");
  In(1, 5004, "d", 3);
  In(2, 200, "c", 4, R"("before")");
  Fillers(1, 6000);
  MustApply(*sink);
  In(0, 300, "c", 5, R"("before")");
  In(0, 5000, "t", 0);
  In(0, 5005, "c", 6, R"("after")");
  MustApply(*sink);
  EXPECT_EQ(MirrorWithoutFillers("id, v"), "2|after, changed\n6|after");
  EXPECT_EQ(target->One("SELECT count(*) FROM public.t WHERE v = 'filler'"),
            GetParam().is_large ? "1000" : "0");
}

TEST_P(Truncates, PutABatchInOrderByThemselves) {
  auto sink = Open(Several());
  In(1, 100, "c", 1, R"("before")");
  In(1, 5001, "c", 2, R"("after")");
  In(0, 200, "c", 3, R"("before")");
  In(2, 5002, "c", 4, R"("after")");
  In(0, 5000, "t", 0);
  In(2, 5003, "u", 4, R"("changed")");
  In(0, 9000, "t", 0);
  In(1, 9001, "c", 5, R"("last")");
  In(2, 9002, "c", 6, R"("last")");
  Fillers(2, 10'000);
  MustApply(*sink);
  EXPECT_EQ(MirrorWithoutFillers("id, v"), "5|last\n6|last");
  EXPECT_EQ(target->All("SELECT partition, next_offset FROM walrelay.progress ORDER BY 1"),
            GetParam().is_large ? "0|3\n1|3\n2|1003" : "0|3\n1|3\n2|3");
  EXPECT_EQ(read_again, 0) << "nothing of them was applied before";
}

TEST_P(Truncates, KeepEachRawEventOnceAndAreKeptThroughACrash) {
  auto sink = Open(Several(SinkKind::kLake));
  In(1, 100, "c", 1, R"("before")");
  In(1, 5001, "c", 2, R"("after")");
  Fillers(1, 6000);
  MustApply(*sink);
  In(0, 5000, "t", 0);
  const auto state = [] {
    return lake->All("SELECT id, v FROM cdc_processed.t WHERE id < 100000 ORDER BY id") + "\n" +
           lake->All(
               "SELECT kafka_partition, count(*) FROM cdc_raw.cdc_events GROUP BY 1 ORDER BY 1");
  };
  // The server ends the session before the commit: as if the process had been killed.
  lake->All(
      "CREATE FUNCTION public.die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM "
      "pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$; CREATE CONSTRAINT TRIGGER "
      "die AFTER INSERT ON cdc_processed.t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN "
      "(NEW.id = 2) EXECUTE FUNCTION public.die(); ALTER TABLE cdc_processed.t ENABLE ALWAYS "
      "TRIGGER die");
  const std::string before = state();
  const auto result = Apply(*sink);
  EXPECT_FALSE(result.ok());
  EXPECT_EQ(state(), before);
  lake->All("DROP TRIGGER die ON cdc_processed.t");
  sink.reset();
  sink = Open(Several(SinkKind::kLake));
  --applied;
  MustApply(*sink);
  const std::string after = GetParam().is_large ? "2|after\n0|1\n1|1002" : "2|after\n0|1\n1|2";
  EXPECT_EQ(state(), after);
  sink.reset();
  MakeAnew(Options(SinkKind::kLake));
  EXPECT_EQ(state(), after);
}

TEST_P(Truncates, MarkRowsWithSoftDeletesInWhateverOrder) {
  SinkOptions options = Several();
  options.soft_deletes = true;
  auto sink = Open(options);
  In(1, 100, "c", 1, R"("before")");
  In(1, 5001, "c", 2, R"("after")");
  Fillers(1, 6000);
  MustApply(*sink);
  In(0, 5000, "t", 0);
  MustApply(*sink);
  In(2, 200, "c", 3, R"("before")");
  In(2, 5002, "c", 4, R"("after")");
  MustApply(*sink);
  EXPECT_EQ(MirrorWithoutFillers("id, v, __deleted, __cdc_operation"),
            "1|before|t|t\n2|after|f|c\n3|before|t|t\n4|after|f|c");
}

TEST_P(Truncates, MarkTheSameRowsInAMirrorMadeAnew) {
  SinkOptions options = Several(SinkKind::kLake);
  options.soft_deletes = true;
  auto sink = Open(options);
  In(1, 100, "c", 1, R"("before")");
  In(1, 150, "u", 1, testing::kUnsentText);
  In(1, 5001, "c", 2, R"("after")");
  In(2, 200, "c", 3, R"("before")");
  Fillers(1, 6000);
  MustApply(*sink);
  In(0, 5000, "t", 0);
  MustApply(*sink);
  In(2, 300, "c", 4, R"("before, and late")");
  In(2, 5002, "c", 5, R"("after")");
  MustApply(*sink);
  sink.reset();
  const auto rows = [] {
    return lake->All(
        "SELECT id, v, __deleted, cdc_operation FROM cdc_processed.t WHERE id < 100000 ORDER BY "
        "id");
  };
  const std::string live = rows();
  EXPECT_EQ(live, "1|before|t|t\n2|after|f|c\n3|before|t|t\n4|before, and late|t|t\n5|after|f|c");
  options = Options(SinkKind::kLake);
  options.soft_deletes = true;
  MakeAnew(options);
  EXPECT_EQ(rows(), live);
}

TEST_P(Truncates, FreeWhatWaitedAndLeaveWhatWaitsBehind) {
  target->All("CREATE TABLE public.t (id int PRIMARY KEY, v text CHECK (v <> 'bad'), n numeric)");
  auto sink = Open(Several());
  In(1, 100, "c", 1, R"("bad")");
  In(1, 5001, "c", 2, R"("bad")");
  In(2, 200, "c", 3, R"("bad")");
  Fillers(1, 6000);
  EXPECT_EQ(MustApply(*sink).dead_letters, 3);
  In(0, 5000, "t", 0);
  In(1, 8000, "c", 1, R"("good")");
  In(1, 8001, "u", 2, R"("good")");
  MustApply(*sink);
  EXPECT_EQ(MirrorWithoutFillers("id, v"), "1|good");
  EXPECT_EQ(target->All("SELECT kafka_partition, kafka_offset, parked_key FROM "
                        "walrelay.dead_letters WHERE parked_key IS NOT NULL ORDER BY 1, 2"),
            GetParam().is_large ? "1|1|{\"id\":2}\n1|1003|{\"id\":2}" : "1|1|{\"id\":2}\n1|3|{\"id\":2}");
  // What a truncate took along is not brought back by a later try.
  target->All("ALTER TABLE public.t DROP CONSTRAINT t_v_check");
  LetterStore store(target->connection(), "test", "target");
  ASSERT_EQ(*store.Mark(std::nullopt), 4);
  const auto attended = sink->Attend();
  ASSERT_TRUE(attended.ok()) << Message(attended.status());
  EXPECT_EQ(MirrorWithoutFillers("id, v"), "1|good\n2|good");
  EXPECT_EQ(target->One("SELECT count(*) FROM walrelay.dead_letters"), "0");
}

TEST_P(Truncates, ParkATableOfWhichKafkaNoLongerHasWhatIsBehind) {
  auto sink = Open(Several());
  In(1, 100, "c", 1, R"("before")");
  In(1, 5001, "c", 2, R"("after")");
  In(1, 5002, "c", 3, R"("after")");
  Fillers(2, 300);
  MustApply(*sink);
  oldest = 2;
  In(0, 5000, "t", 0);
  MustApply(*sink);
  ASSERT_EQ(sink->ParkedTopics().size(), 1u);
  EXPECT_NE(sink->ParkedTopics().begin()->second.find("its oldest offset is 2"), std::string::npos);
  EXPECT_EQ(MirrorWithoutFillers("id, v"), "1|before\n2|after\n3|after");
  // Somebody has put it right.
  target->All(
      "DELETE FROM public.t WHERE id = 1; UPDATE walrelay.parked_tables SET resume_at = now()");
  sink.reset();
  sink = Open(Several());
  --applied;
  MustApply(*sink);
  EXPECT_EQ(MirrorWithoutFillers("id, v"), "2|after\n3|after");
}

TEST_P(Truncates, DoNotHoldAgainstAServerWhoseLsnsBeganAnew) {
  auto sink = Open(Several());
  In(0, 5000, "t", 0);
  MustApply(*sink);
  Keyed("c", "null", Row("1", R"("new server")"), "{\"id\":1}");
  std::string value(*records.all.back().value);
  const size_t at = value.find("1700000000123");
  value.replace(at, 13, "1700000000999");
  const size_t lsn_at = value.find(R"("lsn":)");
  value.replace(lsn_at, value.find('}', lsn_at) - lsn_at, R"("lsn":7)");
  records.all.back().value = value;
  records.all.back().partition = 1;
  MustApply(*sink);
  EXPECT_EQ(MirrorWithoutFillers("id, v"), "1|new server");
}

}  // namespace
}  // namespace walrelay::apply
