#include "app/replay_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "app/exit_code.h"

namespace walrelay::app {
namespace {

using testing::HasSubstr;

// The value of an envelope: row `row` at `lsn`, made at `time`.
struct Event {
  std::string key;
  std::string row;
  int lsn = 0;
  std::string schema{};  // Not empty: with a schema block that says this.
  char op = 'c';
};

class ReplayFilterTest : public testing::Test {
 protected:
  static std::string ValueOf(const Event& event, int time) {
    std::string payload = Cat(
        event.op == 'd' ? R"({"before":{"x":")" : R"({"before":null,"after":{"x":")", event.row,
        event.op == 'd' ? R"("},"after":null)" : R"("})", R"(,"source":{"schema":"s","table":"t","txId":5,"lsn":)",
        event.lsn, R"(},"op":")", std::string_view(&event.op, 1), R"(","ts_ms":)", time, "}");
    if (event.schema.empty()) return payload;
    return Cat(R"({"schema":")", event.schema, R"(","payload":)", payload, "}");
  }

  void Hold(int32_t partition, const Event& event) {
    Put(partition, {.offset = 0, .key = event.key, .value = ValueOf(event, 1000), .headers = {}});
  }
  void Hold(int32_t partition, std::string key, std::optional<std::string> value) {
    Put(partition, {.offset = 0, .key = std::move(key), .value = std::move(value), .headers = {}});
  }
  void Put(int32_t partition, kafka::TailRecord record) {
    auto& log = logs_[partition];
    record.offset = log.empty() ? 0 : log.back().offset + 1;
    log.push_back(std::move(record));
  }
  // All that the partitions hold is behind the position.
  void Begin(bool accept = false) {
    filter_.emplace([this](const TopicPartition& partition,
                           kafka::Tail& tail) { return Fetch(partition, tail); },
                    accept, [](std::string_view topic, const kafka::TailRecord& record) {
                      return topic == "t" && record.key == "beat";
                    });
    for (const auto& [partition, log] : logs_)
      filter_->Add({.topic = "t", .partition = partition}, 0, log.back().offset + 1);
  }
  absl::Status Fetch(const TopicPartition& partition, kafka::Tail& tail) {
    ++fetches_;
    const auto range = tail.unfetched();
    int taken = 0;
    for (const auto& record : logs_[partition.partition]) {
      if (record.offset < range.first || record.offset >= range.end) continue;
      if (taken++ == 2) return absl::OkStatus();
      tail.Add(record);
    }
    tail.Fetched(range.end);
    return absl::OkStatus();
  }

  absl::StatusOr<std::optional<ReplayFilter::Place>> Offer(int32_t partition, const Event& event) {
    const std::string value = ValueOf(event, 2000);
    Record record;
    record.topic = "t";
    record.key = event.key;
    record.value = value;
    record.volatile_spans.Add(value.rfind(":2000") + 1, 4);
    return filter_->Offer(record, partition);
  }
  absl::StatusOr<std::optional<ReplayFilter::Place>> OfferRaw(int32_t partition,
                                                              std::string_view key,
                                                              std::optional<std::string_view> value) {
    Record record;
    record.topic = "t";
    record.key = key;
    record.value = value;
    return filter_->Offer(record, partition);
  }
  static ReplayFilter::Place At(int32_t partition, int64_t offset) {
    return {.partition = partition, .offset = offset};
  }

  std::map<int32_t, std::deque<kafka::TailRecord>> logs_;
  std::optional<ReplayFilter> filter_;
  int fetches_ = 0;
};

const Event kA{.key = "a", .row = "A", .lsn = 10};
const Event kB{.key = "b", .row = "B", .lsn = 20};
const Event kC{.key = "c", .row = "C", .lsn = 20};
const Event kD{.key = "d", .row = "D", .lsn = 30};

#define EXPECT_PLACE(offer, place)                         \
  do {                                                     \
    const auto got = (offer);                              \
    ASSERT_TRUE(got.ok()) << got.status();                 \
    EXPECT_EQ(*got, std::optional<ReplayFilter::Place>(place)); \
  } while (false)
#define EXPECT_NEW(offer) EXPECT_PLACE(offer, std::nullopt)

TEST_F(ReplayFilterTest, PassesOverWhatComesByTheClock) {
  Hold(0, "beat", R"({"ts_ms":1})");
  Hold(0, kA);
  Hold(0, "beat", R"({"ts_ms":2})");
  Hold(0, "beat", R"({"ts_ms":3})");
  Hold(0, kB);
  Hold(0, "beat", R"({"ts_ms":4})");
  Hold(1, "beat", R"({"ts_ms":5})");
  Begin();
  EXPECT_PLACE(Offer(0, kA), At(0, 1));
  EXPECT_PLACE(Offer(0, kB), At(0, 4));
  EXPECT_NEW(Offer(0, kD));
  EXPECT_TRUE(filter_->CheckUsedUp(Lsn{40}).ok());
  EXPECT_TRUE(filter_->done());
  EXPECT_EQ(filter_->counts().skipped, 2u);
  EXPECT_EQ(filter_->counts().unexpected, 0u);
}

TEST_F(ReplayFilterTest, FindsThePrefixOfEachPartition) {
  Hold(0, kA);
  Hold(0, kC);
  Hold(1, kB);
  Begin();
  EXPECT_EQ(filter_->left(), 3);
  EXPECT_PLACE(Offer(0, kA), At(0, 0));
  EXPECT_PLACE(Offer(1, kB), At(1, 0));
  EXPECT_PLACE(Offer(0, kC), At(0, 1));
  EXPECT_TRUE(filter_->done());
  EXPECT_NEW(Offer(0, kD));
  EXPECT_EQ(filter_->counts().skipped, 3u);
  EXPECT_TRUE(filter_->CheckUsedUp(Lsn{99}).ok());
}

TEST_F(ReplayFilterTest, TakesNewRecordsForAPartitionWhoseTailIsUsedUp) {
  Hold(0, kA);
  Hold(0, kD);
  Begin();
  EXPECT_PLACE(Offer(0, kA), At(0, 0));
  EXPECT_NEW(Offer(1, kB));  // In flight when the last run ended.
  EXPECT_PLACE(Offer(0, kD), At(0, 1));
}

TEST_F(ReplayFilterTest, AsksAgainWithTheSameAnswer) {
  Hold(0, kA);
  Begin();
  EXPECT_NEW(Offer(1, kB));
  EXPECT_NEW(Offer(1, kB));
  EXPECT_PLACE(Offer(0, kA), At(0, 0));
}

TEST_F(ReplayFilterTest, KnowsNothingOfOtherTopics) {
  Hold(0, kA);
  Begin();
  Record record;
  record.topic = "u";
  const auto got = filter_->Offer(record, 0);
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(*got, std::nullopt);
}

TEST_F(ReplayFilterTest, AForeignRecordStopsItWithBothSides) {
  Hold(0, kA);
  Hold(0, "x", "somebody else's secret");
  Begin();
  EXPECT_PLACE(Offer(0, kA), At(0, 0));
  const auto got = Offer(0, kC);
  EXPECT_EQ(ExitCodeOf(got.status()), ExitCode::kRecordsDiffer);
  EXPECT_THAT(Message(got.status()), HasSubstr("offset 1 of partition 0 of topic t"));
  EXPECT_THAT(Message(got.status()), HasSubstr("LSN 0/14"));
  EXPECT_THAT(Message(got.status()), HasSubstr("pipeline.topic.mismatch=accept"));
  EXPECT_THAT(Message(got.status()), testing::Not(HasSubstr("secret")));
}

TEST_F(ReplayFilterTest, ARecordThatStandsThereTwiceStopsIt) {
  Hold(0, kA);
  Hold(0, kA);
  Begin();
  EXPECT_PLACE(Offer(0, kA), At(0, 0));
  EXPECT_EQ(ExitCodeOf(Offer(0, kC).status()), ExitCode::kRecordsDiffer);
}

TEST_F(ReplayFilterTest, RecordsInAnotherOrderStopIt) {
  Hold(0, kB);
  Hold(0, kA);
  Begin();
  EXPECT_EQ(ExitCodeOf(Offer(0, kA).status()), ExitCode::kRecordsDiffer);
}

TEST_F(ReplayFilterTest, ATailThatIsNotUsedUpStopsIt) {
  Hold(0, kA);
  Hold(0, kD);
  Begin();
  EXPECT_PLACE(Offer(0, kA), At(0, 0));
  const absl::Status status = filter_->CheckUsedUp(Lsn{0x25});
  EXPECT_EQ(ExitCodeOf(status), ExitCode::kRecordsDiffer);
  EXPECT_THAT(Message(status), HasSubstr("op c of s.t, LSN 0/1E"));
  EXPECT_THAT(Message(status), HasSubstr("up to 0/25"));
}

TEST_F(ReplayFilterTest, AcceptGoesOnBehindForeignRecords) {
  Hold(0, kA);
  Hold(0, "x", "y");
  Hold(0, kA);
  Hold(0, kC);
  Hold(1, "x", "y");
  Begin(/*accept=*/true);
  EXPECT_PLACE(Offer(0, kA), At(0, 0));
  EXPECT_PLACE(Offer(0, kC), At(0, 3));
  EXPECT_NEW(Offer(0, kD));
  EXPECT_NEW(Offer(1, kB));
  EXPECT_EQ(filter_->counts().unexpected, 3u);
  EXPECT_TRUE(filter_->done());
}

TEST_F(ReplayFilterTest, AcceptLeavesATailThatNobodyExplains) {
  Hold(0, kA);
  Begin(/*accept=*/true);
  EXPECT_TRUE(filter_->CheckUsedUp(Lsn{99}).ok());
  EXPECT_TRUE(filter_->done());
  EXPECT_EQ(filter_->counts().unexpected, 1u);
}

TEST_F(ReplayFilterTest, ComparesTombstonesAndRecordsWithoutAnLsn) {
  Hold(0, "k", std::nullopt);
  Hold(0, "k", R"({"after":1})");
  Hold(0, "k", R"({"after":1})");
  Begin();
  EXPECT_PLACE(OfferRaw(0, "k", std::nullopt), At(0, 0));
  EXPECT_PLACE(OfferRaw(0, "k", R"({"after":1})"), At(0, 1));
  EXPECT_EQ(ExitCodeOf(OfferRaw(0, "k", R"({"after":2})").status()), ExitCode::kRecordsDiffer);
}

TEST_F(ReplayFilterTest, RecognisesAnEventThatIsRenderedOtherwise) {
  Event old_a = kA;
  old_a.schema = "old";
  Event old_b = kB;
  old_b.schema = "old";
  Hold(0, old_a);
  Hold(0, old_b);
  Begin();
  Event new_a = kA;
  new_a.schema = "new";
  EXPECT_PLACE(Offer(0, new_a), At(0, 0));
  // Its new key puts it into another partition.
  Event new_b = kB;
  new_b.schema = "new";
  new_b.key = "other";
  EXPECT_PLACE(Offer(2, new_b), At(0, 1));
  EXPECT_EQ(filter_->counts().altered, 2u);
  EXPECT_TRUE(filter_->done());
}

TEST_F(ReplayFilterTest, AnAlteredDeleteTakesItsTombstoneAlong) {
  Event old_delete{.key = "old", .row = "A", .lsn = 10, .schema = "old", .op = 'd'};
  Hold(0, old_delete);
  Hold(0, "old", std::nullopt);
  Hold(1, kB);
  Begin();
  Event new_delete = old_delete;
  new_delete.key = "new";
  new_delete.schema = "new";
  EXPECT_PLACE(Offer(1, new_delete), At(0, 0));
  EXPECT_PLACE(OfferRaw(1, "new", std::nullopt), At(0, 1));
  EXPECT_PLACE(Offer(1, kB), At(1, 0));
}

TEST_F(ReplayFilterTest, WithoutAKeyADeletionHasNoTombstone) {
  const Event old_delete{.key = "old", .row = "A", .lsn = 10, .schema = "old", .op = 'd'};
  Hold(1, old_delete);
  Hold(1, "old", std::nullopt);
  Hold(1, kB);
  Begin();
  Event new_delete = old_delete;
  new_delete.schema = "new";
  EXPECT_PLACE(Offer(0, new_delete), At(1, 0));
  EXPECT_PLACE(Offer(0, kB), At(1, 2));
  EXPECT_TRUE(filter_->done());
}

TEST_F(ReplayFilterTest, AChangeThatIsThereInAnotherFormStopsIt) {
  Hold(1, kA);
  Begin();
  Event changed = kA;
  changed.op = 'u';
  const auto got = Offer(0, changed);  // Its own partition holds nothing.
  EXPECT_EQ(ExitCodeOf(got.status()), ExitCode::kRecordsDiffer);
  EXPECT_THAT(Message(got.status()), HasSubstr("offset 0 of partition 1 of topic t holds op c"));
  EXPECT_THAT(Message(got.status()), HasSubstr("goes on with op u"));
  EXPECT_THAT(Message(got.status()), HasSubstr("its table was altered since"));
}

TEST_F(ReplayFilterTest, AcceptWritesAChangeThatIsThereInAnotherForm) {
  Hold(1, kA);
  Hold(1, kB);
  Begin(/*accept=*/true);
  Event changed = kA;
  changed.op = 'u';
  EXPECT_NEW(Offer(0, changed));
  EXPECT_EQ(filter_->counts().unexpected, 1u);
  EXPECT_PLACE(Offer(1, kB), At(1, 1));
}

TEST_F(ReplayFilterTest, TheDeletionOfAChangedKeyMayBeMissing) {
  Hold(1, kA);
  Begin();
  Event deleted = kA;
  deleted.op = 'd';
  EXPECT_NEW(Offer(0, deleted));
  EXPECT_PLACE(Offer(1, kA), At(1, 0));
}

TEST_F(ReplayFilterTest, ARowWithoutAnLsnUnderAnotherKindOfKeyStopsIt) {
  Hold(0, R"({"a":1})", R"({"a":1,"b":2})");
  Begin();
  EXPECT_NEW(OfferRaw(1, R"({"a":2})", R"({"a":2,"b":2})"));
  EXPECT_NEW(OfferRaw(1, R"({"b":3})", R"({"a":1,"b":3})"));
  EXPECT_NEW(OfferRaw(1, "2", R"({"a":1,"b":2})"));  // No row's.
  const auto got = OfferRaw(1, R"({"b":2})", R"({"a":1,"b":2})");
  EXPECT_EQ(ExitCodeOf(got.status()), ExitCode::kRecordsDiffer);
  EXPECT_THAT(Message(got.status()), HasSubstr("its table was altered since"));
}

TEST_F(ReplayFilterTest, AnotherEventAtTheSameLsnIsNotTheSame) {
  Hold(0, kB);
  Begin();
  EXPECT_NEW(Offer(1, kC));  // Of the same LSN and transaction, and another row.
  EXPECT_PLACE(Offer(0, kB), At(0, 0));
}

TEST_F(ReplayFilterTest, PassesOverTransactionMarkers) {
  Hold(0, kA);
  logs_[0].push_back({.offset = 3, .key = "c", .value = ValueOf(kC, 1), .headers = {}});
  Begin();
  filter_->Add({.topic = "t", .partition = 0}, 0, 9);  // Ends with more of them.
  EXPECT_PLACE(Offer(0, kA), At(0, 0));
  EXPECT_PLACE(Offer(0, kC), At(0, 3));
  EXPECT_NEW(Offer(0, kD));
  EXPECT_TRUE(filter_->done());
}

TEST_F(ReplayFilterTest, ARecordThatWasCompactedAwayStopsIt) {
  logs_[0].push_back({.offset = 1, .key = "c", .value = ValueOf(kC, 1), .headers = {}});
  Begin();
  const auto got = Offer(0, kA);
  EXPECT_EQ(ExitCodeOf(got.status()), ExitCode::kRecordsDiffer);
  EXPECT_THAT(Message(got.status()), HasSubstr("compaction"));
}

TEST_F(ReplayFilterTest, BehindAHoleEqualBytesAreNotEnough) {
  logs_[0].push_back({.offset = 1, .key = "k", .value = "v", .headers = {}});
  Begin();
  EXPECT_EQ(ExitCodeOf(OfferRaw(0, "k", "v").status()), ExitCode::kRecordsDiffer);
}

TEST_F(ReplayFilterTest, AFailedFetchIsPassedOn) {
  filter_.emplace([](const TopicPartition&, kafka::Tail&) { return absl::UnavailableError("gone"); },
                  false);
  filter_->Add({.topic = "t", .partition = 0}, 0, 1);
  EXPECT_TRUE(absl::IsUnavailable(Offer(0, kA).status()));
}

TEST_F(ReplayFilterTest, FetchesAWindowAtATime) {
  for (int i = 0; i < 10; ++i) Hold(0, kA);
  Begin();
  for (int i = 0; i < 10; ++i) EXPECT_PLACE(Offer(0, kA), At(0, i));
  EXPECT_EQ(fetches_, 5);
}

}  // namespace
}  // namespace walrelay::app
