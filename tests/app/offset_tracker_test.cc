#include "app/offset_tracker.h"

#include <gtest/gtest.h>

namespace walrelay::app {
namespace {

using envelope::Compat;

// What Debezium stores at a clean stop after these events (FORMAT.md §8; golden: shop, restart).
TEST(OffsetTracker, IsTheLastRowsWithTheCommitBeforeIt) {
  OffsetTracker tracker(Compat::k2_5_0);
  tracker.Event("INSERT", Lsn{100}, 7, 1000, true);
  tracker.Commit(Lsn{110}, Lsn{110}, 1000);
  tracker.Event("UPDATE", Lsn{120}, 8, 2000, true);
  EXPECT_EQ(tracker.Frozen()->lsn, Lsn{100}) << "an open transaction is not part of it";
  tracker.Commit(Lsn{130}, Lsn{130}, 2000);

  const auto state = tracker.Frozen();
  ASSERT_TRUE(state);
  EXPECT_EQ(state->lsn, Lsn{120});
  EXPECT_EQ(state->lsn_proc, Lsn{120});
  EXPECT_EQ(state->lsn_commit, Lsn{110});
  EXPECT_EQ(state->tx_id, 8u);
  EXPECT_EQ(state->message_type, "UPDATE");
  EXPECT_EQ(tracker.frozen_end(), Lsn{130});
}

TEST(OffsetTracker, FilteredRowsMoveItOnlyWithTheNextRecord) {
  OffsetTracker tracker(Compat::k2_5_0);
  tracker.Event("INSERT", Lsn{100}, 7, 1000, true);
  tracker.Commit(Lsn{110}, Lsn{110}, 1000);
  tracker.Written(*tracker.Frozen());
  tracker.Event("INSERT", Lsn{120}, 8, 2000, false);
  tracker.Commit(Lsn{130}, Lsn{130}, 2000);
  EXPECT_FALSE(tracker.Frozen()) << "nothing new to write";
  tracker.Event("INSERT", Lsn{140}, 9, 3000, true);
  tracker.Commit(Lsn{150}, Lsn{150}, 3000);
  EXPECT_EQ(tracker.Frozen()->lsn_commit, Lsn{130}) << "but commits of filtered rows count";
}

TEST(OffsetTracker, SaysTheXminThatTheEventsSay) {
  OffsetTracker tracker(Compat::k3_6_1);
  tracker.SnapshotFinished(Lsn{50}, 6, 900, Lsn{60});
  EXPECT_FALSE(ToConnectOffset(*tracker.Frozen()).xmin) << "a snapshot has none";
  tracker.Xmin(731);
  tracker.Event("INSERT", Lsn{100}, 7, 1000, true);
  tracker.Commit(Lsn{110}, Lsn{110}, 1000);
  EXPECT_EQ(ToConnectOffset(*tracker.Frozen()).xmin, 731u);
}

TEST(OffsetTracker, AnIdlePlaceIsRecognisedByItsCommit) {
  OffsetTracker tracker(Compat::k2_5_0);
  tracker.Idle(Lsn{500});
  const auto state = tracker.Frozen();
  ASSERT_TRUE(state);
  EXPECT_EQ(state->lsn_proc, Lsn{500});
  EXPECT_EQ(state->lsn_commit, Lsn{500});
  EXPECT_EQ(state->message_type, "COMMIT");
}

TEST(OffsetTracker, BehindAnIdlePlaceTheLastCommitIsTheOneBefore) {
  OffsetTracker tracker(Compat::k2_5_0);
  tracker.Resume(Lsn{90});
  tracker.Event("INSERT", Lsn{100}, 7, 1000, true);
  tracker.Commit(Lsn{110}, Lsn{110}, 1000);
  tracker.Idle(Lsn{500});
  tracker.Heartbeat();
  EXPECT_EQ(tracker.Frozen()->lsn_commit, Lsn{500}) << "still there";
  tracker.Event("INSERT", Lsn{500}, 8, 2000, true);
  tracker.Event("INSERT", Lsn{510}, 8, 2000, true);
  tracker.Commit(Lsn{520}, Lsn{520}, 2000);
  EXPECT_EQ(tracker.Frozen()->lsn_commit, Lsn{110}) << "as the `sequence` of these rows";
}

TEST(OffsetTracker, ASnapshotsLastRowSaysThatItIsComplete) {
  OffsetTracker tracker(Compat::k3_6_1);
  tracker.SnapshotFinished(Lsn{50}, 6, 900, Lsn{60});
  const envelope::ConnectOffset offset = ToConnectOffset(*tracker.Frozen());
  EXPECT_EQ(offset.snapshot, envelope::OffsetSnapshot::kInitial);
  EXPECT_EQ(offset.last_snapshot_record, true);
  EXPECT_EQ(tracker.frozen_end(), Lsn{60});
  EXPECT_EQ(offset.snapshot_completed, true);
  EXPECT_FALSE(offset.lsn_proc);
  tracker.Event("INSERT", Lsn{100}, 7, 1000, true);
  tracker.Commit(Lsn{110}, Lsn{110}, 1000);
  EXPECT_EQ(ToConnectOffset(*tracker.Frozen()).snapshot, envelope::OffsetSnapshot::kNone);
}

// Else it would look like the record of a Debezium that has run since our position.
TEST(OffsetTracker, ASnapshotOverASlotIsSaidWhenThePositionHasPassedIt) {
  OffsetTracker tracker(Compat::k3_6_1);
  tracker.SnapshotFinished(Lsn{80}, 6, 900, Lsn{60});
  EXPECT_EQ(tracker.frozen_end(), Lsn{80});
  tracker.SnapshotFinished(Lsn{80}, 6, 900, kNoLsn);
  EXPECT_EQ(tracker.frozen_end(), kNoLsn) << "nothing is streamed";
}

}  // namespace
}  // namespace walrelay::app
