#include "kafka/contiguity.h"

#include <gtest/gtest.h>

#include "kafka/ack_watermark.h"

namespace walrelay::kafka {
namespace {

Contiguity Watching(int64_t next, int sent) {
  Contiguity watch;
  watch.Start(0, next);
  for (int i = 0; i < sent; ++i) watch.Sent(0);
  return watch;
}

// A record at 7 is acknowledged, a marker of ours is due at 8, and another record is sent.
Contiguity BehindMarker() {
  Contiguity watch = Watching(7, 1);
  EXPECT_EQ(watch.Acknowledged(0, 7), std::nullopt);
  watch.Marked(0);
  watch.Sent(0);
  return watch;
}

TEST(Contiguity, IsContentWithOffsetsThatFollowEachOther) {
  Contiguity watch = Watching(7, 3);
  for (const int64_t offset : {7, 8, 9}) EXPECT_EQ(watch.Acknowledged(0, offset), std::nullopt);
  EXPECT_EQ(watch.doubtful(), std::nullopt);
}

TEST(Contiguity, NamesWhatSomebodyElseWroteInBetween) {
  Contiguity watch = Watching(7, 2);
  EXPECT_EQ(watch.Acknowledged(0, 7), std::nullopt);
  EXPECT_EQ(watch.Acknowledged(0, 10), (OffsetGap{.partition = 0, .first = 8, .end = 10, .ours = 0}));
}

TEST(Contiguity, SeesTheFirstRecordToo) {
  Contiguity watch = Watching(7, 1);
  EXPECT_EQ(watch.Acknowledged(0, 8), (OffsetGap{.partition = 0, .first = 7, .end = 8, .ours = 0}));
}

TEST(Contiguity, LetsAMarkerOfOursBeMissing) {
  Contiguity watch = BehindMarker();
  EXPECT_EQ(watch.Acknowledged(0, 8), std::nullopt);
  EXPECT_EQ(watch.TakeUnmarked(), std::vector<PartitionId>{0});
  EXPECT_EQ(watch.TakeUnmarked(), std::vector<PartitionId>{});
  EXPECT_EQ(watch.expected(0), 9);
  watch.Sent(0);
  EXPECT_EQ(watch.Acknowledged(0, 8), (OffsetGap{.partition = 0, .first = 9, .end = 8, .ours = 0}))
      << "a record is not";
}

TEST(Contiguity, LetsAMarkerBeMissingBeforeRecordsWithoutAnOffset) {
  Contiguity watch = BehindMarker();
  EXPECT_EQ(watch.Acknowledged(0, kNoOffset), std::nullopt);
  ASSERT_EQ(watch.doubtful(), 0u);
  EXPECT_EQ(watch.Ends(0, 9), std::nullopt);
  EXPECT_EQ(watch.TakeUnmarked(), std::vector<PartitionId>{0});
}

TEST(Contiguity, LetsAMarkerOfOursPassAndNoOther) {
  Contiguity watch = BehindMarker();
  EXPECT_EQ(watch.Acknowledged(0, 9), std::nullopt);
  watch.Marked(0);
  watch.Sent(0);
  EXPECT_EQ(watch.Acknowledged(0, 12),
            (OffsetGap{.partition = 0, .first = 11, .end = 12, .ours = 0}));
}

TEST(Contiguity, CountsRecordsWithoutAnOffset) {
  Contiguity watch = Watching(7, 3);
  EXPECT_EQ(watch.Acknowledged(0, kNoOffset), std::nullopt);
  EXPECT_EQ(watch.Acknowledged(0, kNoOffset), std::nullopt);
  EXPECT_EQ(watch.doubtful(), std::nullopt) << "a report that settles it is still to come";
  EXPECT_EQ(watch.Acknowledged(0, 9), std::nullopt);
  EXPECT_EQ(watch.doubtful(), std::nullopt);
}

TEST(Contiguity, FindsForeignRecordsAmongThoseWithoutAnOffset) {
  Contiguity watch = Watching(7, 3);
  (void)watch.Acknowledged(0, kNoOffset);
  (void)watch.Acknowledged(0, kNoOffset);
  EXPECT_EQ(watch.Acknowledged(0, 10), (OffsetGap{.partition = 0, .first = 7, .end = 10, .ours = 2}));
}

TEST(Contiguity, AsksForTheEndWhenNoReportWillSettleIt) {
  Contiguity watch = Watching(7, 1);
  (void)watch.Acknowledged(0, kNoOffset);
  ASSERT_EQ(watch.doubtful(), PartitionId{0});
  EXPECT_EQ(watch.Ends(0, 8), std::nullopt);
  EXPECT_EQ(watch.doubtful(), std::nullopt);
  watch.Sent(0);
  (void)watch.Acknowledged(0, kNoOffset);
  ASSERT_EQ(watch.doubtful(), PartitionId{0});
  EXPECT_EQ(watch.Ends(0, 10), (OffsetGap{.partition = 0, .first = 8, .end = 10, .ours = 1}));
  watch.Sent(0);
  EXPECT_EQ(watch.Acknowledged(0, 10), std::nullopt) << "it goes on from there";
}

TEST(Contiguity, NoticesThatRecordsAreMissing) {
  Contiguity watch = Watching(7, 2);
  EXPECT_EQ(watch.Acknowledged(0, 7), std::nullopt);
  EXPECT_EQ(watch.Acknowledged(0, 3), (OffsetGap{.partition = 0, .first = 8, .end = 3, .ours = 0}));
}

TEST(Contiguity, KeepsPartitionsApart) {
  Contiguity watch;
  watch.Start(4, 100);
  watch.Start(1, 0);
  EXPECT_TRUE(watch.started(4));
  EXPECT_FALSE(watch.started(2));
  EXPECT_FALSE(watch.started(9));
  watch.Sent(4);
  watch.Sent(1);
  watch.Sent(1);
  EXPECT_EQ(watch.Acknowledged(1, kNoOffset), std::nullopt);
  EXPECT_EQ(watch.Acknowledged(4, kNoOffset), std::nullopt);
  EXPECT_EQ(watch.doubtful(), PartitionId{4}) << "the other one has a record in flight";
  EXPECT_EQ(watch.Ends(4, 101), std::nullopt);
  EXPECT_EQ(watch.doubtful(), std::nullopt);
  EXPECT_EQ(watch.Acknowledged(1, 1), std::nullopt);
}

}  // namespace
}  // namespace walrelay::kafka
