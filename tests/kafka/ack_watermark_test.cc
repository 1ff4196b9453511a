#include "kafka/ack_watermark.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

namespace walrelay::kafka {
namespace {

constexpr Lsn At(uint64_t number) { return Lsn{number}; }

int64_t NextOf(const AckWatermark& watermark, PartitionId partition) {
  const auto& next = watermark.position().next;
  return partition < next.size() ? next[partition] : kNoOffset;
}

TEST(AckWatermark, StartsWhereItIsTold) {
  const AckWatermark watermark(At(7), At(5));
  EXPECT_EQ(watermark.position().end_lsn, At(7));
  EXPECT_EQ(watermark.position().last_commit_lsn, At(5));
  EXPECT_TRUE(watermark.idle());
}

TEST(AckWatermark, StaysBehindARecordThatIsOpen) {
  AckWatermark watermark(At(1));
  const auto first = watermark.Sent(0);
  const auto second = watermark.Sent(1);
  watermark.Committed(At(10));
  watermark.Acknowledged(second, 40);
  EXPECT_EQ(watermark.position().end_lsn, At(1));
  EXPECT_EQ(watermark.in_flight(), 1u);
  watermark.Acknowledged(first, 20);
  EXPECT_EQ(watermark.position().end_lsn, At(10));
  EXPECT_EQ(NextOf(watermark, 0), 21);
  EXPECT_EQ(NextOf(watermark, 1), 41);
  EXPECT_TRUE(watermark.idle());
}

TEST(AckWatermark, DoesNotPassAnOpenTransactionWhoseRecordsAreAcknowledged) {
  AckWatermark watermark(At(1));
  watermark.Acknowledged(watermark.Sent(0), 5);
  EXPECT_EQ(watermark.position().end_lsn, At(1));
  EXPECT_EQ(NextOf(watermark, 0), kNoOffset) << "offsets belong to commits";
  EXPECT_FALSE(watermark.idle()) << "a transaction is open";
  watermark.Committed(At(10));
  EXPECT_EQ(watermark.position().end_lsn, At(10));
  EXPECT_EQ(NextOf(watermark, 0), 6);
}

TEST(AckWatermark, CountsAMarkerBehindTheLastRecordOfACommit) {
  AckWatermark watermark(At(1));
  watermark.Acknowledged(watermark.Sent(0), 5);
  watermark.Committed(At(10));
  watermark.Marked(0);
  EXPECT_EQ(NextOf(watermark, 0), 7);
  watermark.Acknowledged(watermark.Sent(0), 7);
  watermark.Marked(0);
  EXPECT_EQ(NextOf(watermark, 0), 7) << "the marker stands behind a record that is not covered";
  watermark.Committed(At(20));
  EXPECT_EQ(NextOf(watermark, 0), 9);
}

TEST(AckWatermark, KeepsTheOffsetsOfTheCommitAndNotOfWhatFollows) {
  AckWatermark watermark(At(1));
  const auto first = watermark.Sent(0);
  watermark.Committed(At(10));
  const auto second = watermark.Sent(0);
  watermark.Acknowledged(first, 5);
  watermark.Acknowledged(second, 6);
  EXPECT_EQ(watermark.position().end_lsn, At(10));
  EXPECT_EQ(NextOf(watermark, 0), 6) << "the offset after the first record, not after the second";
  watermark.Committed(At(20));
  EXPECT_EQ(NextOf(watermark, 0), 7);
}

TEST(AckWatermark, MovesAtOnceWhenNothingIsInFlight) {
  AckWatermark watermark(At(1));
  watermark.Committed(At(10), At(9), 7);
  EXPECT_EQ(watermark.position().end_lsn, At(10));
  EXPECT_EQ(watermark.position().last_commit_lsn, At(9));
  watermark.Committed(At(30));
  EXPECT_EQ(watermark.position().end_lsn, At(30));
  EXPECT_EQ(watermark.position().last_commit_lsn, At(9)) << "unchanged unless said";
  EXPECT_EQ(watermark.position().last_commit_micros, 7);
}

TEST(AckWatermark, FoldsEmptyCommitsIntoTheOneBefore) {
  AckWatermark watermark(At(1));
  const auto ticket = watermark.Sent(0);
  for (uint64_t lsn = 10; lsn <= 1000; ++lsn) watermark.Committed(At(lsn));
  watermark.Acknowledged(ticket, 0);
  EXPECT_EQ(watermark.position().end_lsn, At(1000));
}

TEST(AckWatermark, ShowsTheStartOfAPartitionAtOnce) {
  AckWatermark watermark(At(1));
  watermark.Start(2, 77);
  EXPECT_EQ(NextOf(watermark, 0), kNoOffset);
  EXPECT_EQ(NextOf(watermark, 2), 77);
}

TEST(AckWatermark, CountsARecordWhoseReportHasNoOffset) {
  AckWatermark watermark(At(1));
  watermark.Start(0, 100);
  watermark.Acknowledged(watermark.Sent(0), 100);
  watermark.Acknowledged(watermark.Sent(0), kNoOffset);
  watermark.Acknowledged(watermark.Sent(1), kNoOffset);
  watermark.Committed(At(10));
  EXPECT_EQ(NextOf(watermark, 0), 102);
  EXPECT_EQ(NextOf(watermark, 1), kNoOffset) << "nothing to count from";
}

TEST(AckWatermarkDeathTest, RefusesTwoAcknowledgementsOfOneRecord) {
  AckWatermark watermark(At(1));
  const auto first = watermark.Sent(0);
  const auto second = watermark.Sent(0);
  watermark.Acknowledged(second, 1);
  EXPECT_DEATH(watermark.Acknowledged(second, 1), "CHECK");
  watermark.Acknowledged(first, 0);
  EXPECT_DEATH(watermark.Acknowledged(first, 0), "CHECK");
}

// The slow, obvious second implementation: everything that ever happened, looked at from the start
// each time.
class Model {
 public:
  struct Event {
    bool is_commit;
    Lsn lsn;                // Of a commit.
    PartitionId partition;  // Of a record.
    int64_t offset;
    bool acknowledged;
  };

  size_t Sent(PartitionId partition) {
    events_.push_back({.is_commit = false,
                       .lsn = {},
                       .partition = partition,
                       .offset = offsets_[partition]++,
                       .acknowledged = false});
    return events_.size() - 1;
  }
  void Committed(Lsn lsn) {
    events_.push_back(
        {.is_commit = true, .lsn = lsn, .partition = 0, .offset = 0, .acknowledged = false});
  }
  Event& operator[](size_t index) { return events_[index]; }

  AckedPosition Position(Lsn start) const {
    AckedPosition position{
        .end_lsn = start, .last_commit_lsn = {}, .last_commit_micros = 0, .next = {}};
    std::vector<int64_t> next(8, kNoOffset);
    position.next = next;
    for (const Event& event : events_) {
      if (event.is_commit) {
        position.end_lsn = event.lsn;
        position.next = next;
      } else if (event.acknowledged) {
        next[event.partition] = event.offset + 1;
      } else {
        break;
      }
    }
    return position;
  }

 private:
  std::vector<Event> events_;
  std::map<PartitionId, int64_t> offsets_;
};

TEST(AckWatermarkProperty, AgreesWithTheModelForAnyOrderOfAcknowledgements) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const auto below = [&](size_t limit) { return static_cast<size_t>(random()) % limit; };

  for (int run = 0; run < 300; ++run) {
    AckWatermark watermark(At(1));
    Model model;
    struct Flying {
      AckWatermark::Ticket ticket;
      size_t event;
    };
    std::vector<Flying> flying;
    const size_t appetite = 1 + below(100);  // How eagerly this run acknowledges.
    Lsn lsn = At(1);
    for (int step = 0; step < 400; ++step) {
      const size_t choice = below(100);
      if (choice < appetite && !flying.empty()) {
        const size_t index = below(flying.size());
        model[flying[index].event].acknowledged = true;
        watermark.Acknowledged(flying[index].ticket, model[flying[index].event].offset);
        flying.erase(flying.begin() + static_cast<std::ptrdiff_t>(index));
      } else if (choice % 3 == 0) {
        lsn = At(Number(lsn) + below(5));
        model.Committed(lsn);
        watermark.Committed(lsn);
      } else {
        const auto partition = static_cast<PartitionId>(below(8));
        flying.push_back({.ticket = watermark.Sent(partition), .event = model.Sent(partition)});
      }
      const AckedPosition expected = model.Position(At(1));
      ASSERT_EQ(watermark.position().end_lsn, expected.end_lsn)
          << "run " << run << " step " << step;
      ASSERT_EQ(watermark.in_flight(), flying.size());
      for (PartitionId partition = 0; partition < 8; ++partition) {
        ASSERT_EQ(NextOf(watermark, partition), expected.next[partition])
            << "run " << run << " step " << step;
      }
    }

    watermark.Committed(lsn);
    std::shuffle(flying.begin(), flying.end(), random);
    for (const Flying& record : flying)
      watermark.Acknowledged(record.ticket, model[record.event].offset);
    ASSERT_EQ(watermark.position().end_lsn, lsn) << "everything acknowledged: the last commit";
    ASSERT_TRUE(watermark.idle());
  }
}

}  // namespace
}  // namespace walrelay::kafka
