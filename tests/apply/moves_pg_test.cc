// Rows that change their key, in topics of several partitions: `d` and `c` come in either order, and
// what was not sent comes along. Rows whose values nobody has sent are marked until somebody does.
#include <deque>
#include <map>
#include <random>

#include "tests/apply/sink_fixture.h"

namespace walrelay::apply {
namespace {

using namespace testing;

constexpr int kPartitions = 3;

class Moves : public BothSizes {
 protected:
  // In the partition of their key, whose records keep their order.
  ConsumedRecord& At(int id, ConsumedRecord& record) {
    record.partition = id % kPartitions;
    return record;
  }
  void Insert(int id, std::string_view v) { At(id, Event("c", "null", Row(Cat(id), v), Cat(id))); }
  void Update(int id, std::string_view v, std::string_view n = "null") {
    At(id, Event("u", "null", Row(Cat(id), v, n), Cat(id)));
  }
  void Delete(int id) { At(id, Event("d", Row(Cat(id), "null"), "null", Cat(id))); }
  void Leave(int from, int64_t at) {
    lsn = at;
    records.AddHeader(At(from, Event("d", Row(Cat(from), "null"), "null", Cat(from))),
                      "__debezium.newkey", "{}");
  }
  void Arrive(int to, int64_t at, std::string_view v, std::string_view n = "null") {
    lsn = at;
    records.AddHeader(At(to, Event("c", "null", Row(Cat(to), v, n), Cat(to))), "__debezium.oldkey",
                      "{}");
  }
  std::string Incomplete() {
    return target->All(
        "SELECT row_key ->> 'id', column_name, awaits_lsn FROM walrelay.incomplete_rows ORDER BY 1, "
        "2");
  }
  // Rows of other keys and another partition, which make the batch large: new ones that are copied,
  // then, with all that is in the batch, changes that are staged.
  void MaybeFill() {
    constexpr int kRows = 300;
    if (!GetParam().is_large) return;
    const bool is_new = fills_++ % 2 == 0;
    for (int i = 0; i < kRows; ++i) {
      const int id = 100'000 + fills_ / 2 * kRows + i - (is_new ? 0 : kRows);
      Event(is_new ? "c" : "u", "null", Row(Cat(id), R"("filler")"), Cat(id)).partition =
          kPartitions;
    }
  }
  BatchResult MustApply(Sink& sink) {
    MaybeFill();
    return BothSizes::MustApply(sink);
  }
  std::string Kept() { return target->One("SELECT count(*) FROM walrelay.moved_rows"); }
  void PlayInAnyOrder(uint32_t seed);

 private:
  int fills_ = 0;
};
INSTANTIATE_TEST_SUITE_P(Sink, Moves, kWays, WayName);

TEST_P(Moves, TheNewRowComesBeforeTheOldOneLeaves) {
  auto sink = Open(Options());
  Insert(1, R"("long")");
  MustApply(*sink);
  Arrive(2, 77, kUnsentText);
  EXPECT_EQ(MustApply(*sink).incomplete_rows, 1);
  EXPECT_EQ(MirrorWithoutFillers("id, v"), "1|long\n2|NULL");
  EXPECT_EQ(Incomplete(), "2|v|77");
  sink.reset();
  sink = Open(Options());
  Leave(1, 77);
  MustApply(*sink);
  EXPECT_EQ(MirrorWithoutFillers("id, v"), "2|long");
  EXPECT_EQ(Incomplete(), "");
  EXPECT_EQ(Kept(), "0");
}

TEST_P(Moves, TheNewRowComesFirstInTheSameBatch) {
  auto sink = Open(Options());
  Insert(1, R"("long")");
  MustApply(*sink);
  Arrive(2, 77, kUnsentText);
  Update(1, R"("longer")");
  Leave(1, 77);
  EXPECT_EQ(MustApply(*sink).incomplete_rows, 0);
  EXPECT_EQ(MirrorWithoutFillers("id, v"), "2|longer");
  EXPECT_EQ(Kept(), "0");
}

TEST_P(Moves, AKeyIsTakenAgainBeforeTheBatchEnds) {
  auto sink = Open(Options());
  Insert(1, R"("a")");
  MustApply(*sink);
  Update(1, R"("b")");
  Leave(1, 77);
  Insert(1, R"("another row")");
  MustApply(*sink);
  Arrive(2, 77, kUnsentText);
  MustApply(*sink);
  EXPECT_EQ(MirrorWithoutFillers("id, v"), "1|another row\n2|b");
}

TEST_P(Moves, AValueFollowsARowThatMovesOn) {
  auto sink = Open(Options());
  Insert(1, R"("long")");
  MustApply(*sink);
  Arrive(2, 77, kUnsentText);
  MustApply(*sink);
  Arrive(6, 88, kUnsentText);
  MustApply(*sink);
  Leave(2, 88);
  MustApply(*sink);
  EXPECT_EQ(Incomplete(), "6|v|77");
  Leave(1, 77);
  MustApply(*sink);
  EXPECT_EQ(MirrorWithoutFillers("id, v"), "6|long");
  EXPECT_EQ(Incomplete(), "");
  EXPECT_EQ(Kept(), "0");
}

TEST_P(Moves, AValueFollowsARowThatIsKeptAside) {
  auto sink = Open(Options());
  Insert(1, R"("long")");
  MustApply(*sink);
  Arrive(2, 77, kUnsentText);
  Leave(2, 88);
  MustApply(*sink);
  EXPECT_EQ(MirrorWithoutFillers("id, v"), "1|long");
  EXPECT_EQ(Kept(), "2") << "row 2, and the word that 77 has been waited for";
  Leave(1, 77);
  MustApply(*sink);
  Arrive(3, 88, kUnsentText);
  MustApply(*sink);
  EXPECT_EQ(MirrorWithoutFillers("id, v"), "3|long");
  EXPECT_EQ(Incomplete(), "");
  EXPECT_EQ(Kept(), "0");
}

TEST_P(Moves, WhatWasWrittenSinceStays) {
  auto sink = Open(Options());
  Insert(1, R"("old")");
  MustApply(*sink);
  Arrive(2, 77, kUnsentText);
  MustApply(*sink);
  Update(2, R"("new")");
  MustApply(*sink);
  EXPECT_EQ(Incomplete(), "");
  Leave(1, 77);
  MustApply(*sink);
  EXPECT_EQ(MirrorWithoutFillers("id, v"), "2|new");
  EXPECT_EQ(Kept(), "0");
}

TEST_P(Moves, ARowThatIsNotThereIsMarkedUntilItIsSent) {
  auto sink = Open(Options());
  Insert(9, R"("x")");
  MustApply(*sink);
  Update(1, kUnsentText, R"("MDk=")");
  Update(9, kUnsentText);
  EXPECT_EQ(MustApply(*sink).incomplete_rows, 1);
  EXPECT_EQ(MirrorWithoutFillers("id, v, n"), "1|NULL|123.45\n9|x|NULL");
  EXPECT_EQ(Incomplete(), "1|v|");
  Update(1, kUnsentText, R"("MDk=")");
  EXPECT_EQ(MustApply(*sink).incomplete_rows, 0);
  EXPECT_EQ(Incomplete(), "1|v|");
  Update(1, R"("sent")");
  MustApply(*sink);
  EXPECT_EQ(MirrorWithoutFillers("id, v"), "1|sent\n9|x");
  EXPECT_EQ(Incomplete(), "");
}

TEST_P(Moves, DeleteAndTruncateEndTheMark) {
  auto sink = Open(Options());
  Update(1, kUnsentText);
  Update(2, kUnsentText);
  MustApply(*sink);
  EXPECT_EQ(Incomplete(), "1|v|\n2|v|");
  Delete(1);
  MustApply(*sink);
  EXPECT_EQ(Incomplete(), "2|v|");
  Leave(2, 99);
  MustApply(*sink);
  EXPECT_EQ(Kept(), "1");
  Update(3, kUnsentText);
  MustApply(*sink);
  Event("t", "null", "null", "-");
  MustApply(*sink);
  EXPECT_EQ(Incomplete(), "");
  EXPECT_EQ(Kept(), "0");
}

// A source with one history, whose partitions are read in any order that Kafka may give them in.
class History {
 public:
  History(uint32_t seed, std::deque<ConsumedRecord> (&queues)[kPartitions])
      : random(seed), queues_(queues) {}
  std::mt19937 random;
  std::map<int, std::string> rows;  // By key: v.

  int Pick(int count) { return static_cast<int>(random() % static_cast<uint32_t>(count)); }
  void Put(const ConsumedRecord& record) { queues_[record.partition].push_back(record); }

 private:
  std::deque<ConsumedRecord> (&queues_)[kPartitions];
};

void Moves::PlayInAnyOrder(uint32_t seed) {
  auto sink = Open(Options());
  std::deque<ConsumedRecord> queues[kPartitions];
  History source(seed, queues);
  const auto last = [&]() -> const ConsumedRecord& { return records.all.back(); };
  int64_t next_lsn = 5000;
  for (int step = 0; step < 120; ++step) {
    const int key = source.Pick(7);
    const std::string v = Cat("\"value ", step, "\"");
    const bool there = source.rows.contains(key);
    lsn = ++next_lsn;
    if (!there) {
      Insert(key, v);
      source.Put(last());
      source.rows[key] = v;
      continue;
    }
    switch (source.Pick(6)) {
      case 0:
        Update(key, v);
        source.rows[key] = v;
        source.Put(last());
        break;
      case 1:
        Update(key, kUnsentText);
        source.Put(last());
        break;
      case 2:
        Delete(key);
        source.Put(last());
        source.rows.erase(key);
        break;
      default: {
        const int to = source.Pick(7);
        if (source.rows.contains(to)) break;
        const bool sends = source.Pick(4) == 0;
        Leave(key, next_lsn);
        source.Put(last());
        Arrive(to, next_lsn, sends ? v : kUnsentText);
        source.Put(last());
        source.rows[to] = sends ? v : source.rows[key];
        source.rows.erase(key);
      }
    }
  }
  std::deque<std::vector<ConsumedRecord>> batches(1);  // They stay while the server is at work.
  bool was_left = false;
  const auto apply = [&] {
    const size_t first_filler = records.all.size();
    MaybeFill();
    const auto fillers = std::span(records.all).subspan(first_filler);
    batches.back().insert(batches.back().end(), fillers.begin(), fillers.end());
    const auto result = sink->Apply(batches.back(), leaves);
    ASSERT_TRUE(result.ok()) << Message(result.status());
    was_left |= !sink->is_settled();
    batches.emplace_back();
  };
  const auto left = [&] {
    return !queues[0].empty() || !queues[1].empty() || !queues[2].empty();
  };
  while (left()) {
    const int partition = source.Pick(kPartitions);
    for (int n = source.Pick(12); n > 0 && !queues[partition].empty(); --n) {
      batches.back().push_back(queues[partition].front());
      queues[partition].pop_front();
    }
    if (source.Pick(2) == 0) continue;
    apply();
  }
  apply();
  ASSERT_TRUE(sink->Settle().ok());
  EXPECT_EQ(was_left, leaves);
  std::string want;
  for (const auto& [id, v] : source.rows)
    want += Cat(want.empty() ? "" : "\n", id, "|", v.substr(1, v.size() - 2));
  EXPECT_EQ(MirrorWithoutFillers("id, v"), want);
  EXPECT_EQ(Incomplete(), "");
  EXPECT_EQ(Kept(), "0");
}

TEST_P(Moves, EndInTheSourcesStateInAnyOrder) {
  for (uint32_t seed = 1; seed <= (GetParam().is_large ? 8 : 20); ++seed) {
    SCOPED_TRACE(Cat("seed ", seed));
    target->Empty();
    records = {};
    offset = 0;
    PlayInAnyOrder(seed);
  }
}

}  // namespace
}  // namespace walrelay::apply
