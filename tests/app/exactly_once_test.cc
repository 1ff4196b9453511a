#include "app/exactly_once.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/exit_code.h"
#include "kafka/ack_watermark.h"

namespace walrelay::app {
namespace {

using testing::HasSubstr;

// One topic whose partitions hold plain texts.
class FakeTopic : public TopicDoor {
 public:
  absl::StatusOr<int64_t> EndOffset(const TopicPartition& partition) override {
    ++asked;
    return static_cast<int64_t>(logs[partition.partition].size());
  }
  absl::Status Read(const std::map<TopicPartition, kafka::OffsetRange>& ranges,
                    kafka::LogReader::OnRecord on_record) override {
    ++reads;
    for (const auto& [partition, range] : ranges) {
      const auto& log = logs[partition.partition];
      for (int64_t offset = range.first; offset < range.end; ++offset) {
        const absl::Status status = on_record({.topic = "t",
                                               .partition = partition.partition,
                                               .offset = offset,
                                               .timestamp_ms = 0,
                                               .key = "k",
                                               .value = log[static_cast<size_t>(offset)],
                                               .headers = {}});
        if (!status.ok()) return status;
      }
    }
    return absl::OkStatus();
  }

  std::map<int32_t, std::vector<std::string>> logs;
  int asked = 0;
  int reads = 0;
};

class ExactlyOnceTest : public testing::Test {
 protected:
  void Begin(bool accept = false) {
    table_.Intern("t", 0);
    table_.Intern("t", 1);
    once_.emplace(topic_, table_, accept);
  }
  absl::StatusOr<std::optional<ReplayFilter::Place>> Find(std::string_view value,
                                                          kafka::PartitionId id = 0) {
    Record record;
    record.topic = "t";
    record.key = "k";
    record.value = value;
    return once_->Find(record, id);
  }
  // Whether the record is to be sent; its fate otherwise.
  bool IsNew(std::string_view value) {
    const auto place = Find(value);
    EXPECT_TRUE(place.ok()) << place.status();
    return place.ok() && !*place;
  }
  void Send(std::string_view value, int64_t offset) {
    EXPECT_TRUE(IsNew(value));
    once_->Sent(0);
    once_->Acknowledged(0, offset);
  }

  FakeTopic topic_;
  kafka::PartitionTable table_;
  std::optional<ExactlyOnce> once_;
};

TEST_F(ExactlyOnceTest, PassesOverTheTailAndThenOpensThePartition) {
  topic_.logs[0] = {"old", "a", "b"};
  Begin();
  once_->Start(0, 1, 3);
  EXPECT_FALSE(once_->IsClear(0));
  EXPECT_FALSE(IsNew("a"));
  EXPECT_FALSE(IsNew("b"));
  Send("c", 3);
  EXPECT_TRUE(once_->IsClear(0));
  EXPECT_EQ(topic_.asked, 1);
  EXPECT_TRUE(once_->Check().ok());
}

TEST_F(ExactlyOnceTest, TailsThatWereReadAheadAreNotReadAgain) {
  topic_.logs[0] = {"a", "b"};
  topic_.logs[1] = {"c"};
  Begin();
  once_->Start(0, 0, 2);
  once_->Start(1, 0, 1);
  EXPECT_THAT(once_->topics_with_tails(), testing::ElementsAre("t"));
  ASSERT_TRUE(once_->ReadAhead().ok());
  EXPECT_EQ(Find("a").value()->offset, 0);
  EXPECT_EQ(Find("c", 1).value()->partition, 1);
  EXPECT_EQ(Find("b").value()->offset, 1);
  EXPECT_EQ(topic_.reads, 1);
  EXPECT_TRUE(once_->done());
  ASSERT_TRUE(once_->ReadAhead().ok());
  EXPECT_EQ(topic_.reads, 1);
}

// What is read ahead ends where there is no more room; the rest is read when it is needed.
TEST_F(ExactlyOnceTest, TailsThatHaveNoRoomAreReadInParts) {
  const std::string large(size_t{24} << 20, 'x');
  topic_.logs[0] = {large, large, large, "a"};
  topic_.logs[1] = {"c"};
  Begin();
  once_->Start(0, 0, 4);
  once_->Start(1, 0, 1);
  ASSERT_TRUE(once_->ReadAhead().ok());
  EXPECT_EQ(topic_.reads, 1);
  EXPECT_EQ(Find("c", 1).value()->offset, 0);
  EXPECT_EQ(topic_.reads, 2);
  for (int64_t offset = 0; offset < 3; ++offset) EXPECT_EQ(Find(large).value()->offset, offset);
  EXPECT_EQ(Find("a").value()->offset, 3);
  EXPECT_TRUE(once_->done());
}

TEST_F(ExactlyOnceTest, ATailThatHasGrownIsComparedToo) {
  topic_.logs[0] = {"a"};
  Begin();
  once_->Start(0, 0, 1);
  topic_.logs[0].push_back("b");  // A request of the killed process arrives.
  EXPECT_FALSE(IsNew("a"));
  EXPECT_FALSE(IsNew("b"));
  topic_.logs[0].push_back("c");
  EXPECT_FALSE(IsNew("c"));
  EXPECT_TRUE(IsNew("d"));
}

TEST_F(ExactlyOnceTest, AForeignRecordBeforeTheFirstOfOursStopsIt) {
  Begin();
  once_->Start(0, 0, 0);
  topic_.logs[0].push_back("x");
  EXPECT_EQ(ExitCodeOf(Find("a").status()), ExitCode::kRecordsDiffer);
}

TEST_F(ExactlyOnceTest, APartitionThatHasShrunkStopsIt) {
  Begin();
  once_->Start(0, 5, 5);
  EXPECT_EQ(ExitCodeOf(Find("a").status()), ExitCode::kRecordsMissing);
}

TEST_F(ExactlyOnceTest, AGapBetweenOursStopsItForGood) {
  Begin();
  once_->Start(0, 0, 0);
  Send("a", 0);
  EXPECT_TRUE(once_->Check().ok());
  topic_.logs[0] = {"a", "secret", "b"};
  Send("b", 2);
  const absl::Status status = once_->Check();
  EXPECT_EQ(ExitCodeOf(status), ExitCode::kRecordsDiffer);
  EXPECT_THAT(Message(status), HasSubstr("1 records of somebody else"));
  EXPECT_THAT(Message(status), HasSubstr("offsets 1 to 1"));
  EXPECT_EQ(once_->unexpected(), 1u);
  EXPECT_FALSE(once_->Check().ok()) << "no position may be written past it";
  EXPECT_FALSE(Find("c").ok());
}

TEST_F(ExactlyOnceTest, AReportWithoutAnOffsetIsSettledByTheEnd) {
  Begin();
  once_->Start(0, 0, 0);
  Send("a", kafka::kNoOffset);
  topic_.logs[0] = {"a"};
  EXPECT_TRUE(once_->Check().ok());
  Send("b", kafka::kNoOffset);
  topic_.logs[0] = {"a", "x", "b"};
  EXPECT_EQ(ExitCodeOf(once_->Check()), ExitCode::kRecordsDiffer);
}

// Where the position counted from is not where the partition ended: what is void takes offsets too.
TEST_F(ExactlyOnceTest, AReportWithoutAnOffsetGetsTheOneThatItMustHave) {
  topic_.logs[0] = {"void", "void"};
  Begin();
  once_->Start(0, 2, 2);
  EXPECT_TRUE(IsNew("a"));
  EXPECT_TRUE(IsNew("b"));
  once_->Sent(0);
  once_->Sent(0);
  EXPECT_EQ(once_->Acknowledged(0, kafka::kNoOffset), 2);
  EXPECT_EQ(once_->Acknowledged(0, 3), 3);
}

TEST_F(ExactlyOnceTest, RecordsThatAreLostStopIt) {
  Begin();
  once_->Start(0, 0, 0);
  Send("a", 0);
  Send("b", 0);
  EXPECT_EQ(ExitCodeOf(once_->Check()), ExitCode::kRecordsMissing);
}

TEST_F(ExactlyOnceTest, AcceptLogsAndGoesOn) {
  topic_.logs[0] = {"x", "y"};
  Begin(/*accept=*/true);
  once_->Start(0, 0, 1);
  EXPECT_TRUE(IsNew("a"));
  topic_.logs[0] = {"x", "y", "z", "a"};
  once_->Sent(0);
  once_->Acknowledged(0, 3);
  EXPECT_TRUE(once_->Check().ok());
  EXPECT_EQ(once_->unexpected(), 3u);
  Send("b", 4);
  EXPECT_TRUE(once_->Check().ok());
}

TEST_F(ExactlyOnceTest, WhatIsLeftWhenTheStreamHasPassedStopsIt) {
  topic_.logs[0] = {"x"};
  Begin();
  once_->Start(0, 0, 1);
  EXPECT_EQ(ExitCodeOf(once_->Passed(Lsn{100})), ExitCode::kRecordsDiffer);
}

}  // namespace
}  // namespace walrelay::app
