#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/wal/stream_fixture.h"
#include "wal/slot.h"

namespace walrelay::wal {
namespace {

using testing::HasSubstr;

class SlotTest : public StreamTest {
 protected:
  SlotTest() : StreamTest("wal_slot_test") {}
  void TearDown() override {
    if (sql_) DropSlotWhenIdle(copy_);
    StreamTest::TearDown();
  }
  Slot Read(const std::string& name) {
    const auto slot = ReadSlot(*sql_, name);
    EXPECT_TRUE(slot.ok() && slot->has_value()) << slot.status();
    return slot.ok() && *slot ? **slot : Slot();
  }
  void WriteWal() {
    MustRun(*sql_,
            "CREATE TABLE IF NOT EXISTS t (id int); INSERT INTO t SELECT generate_series(1, 1000)");
  }
  const std::string copy_ = "wal_slot_test_copy";
};

TEST_F(SlotTest, IsCreatedReadListedAndDropped) {
  const auto missing = ReadSlot(*sql_, name_);
  ASSERT_TRUE(missing.ok()) << missing.status();
  EXPECT_FALSE(missing->has_value());
  const auto created = walrelay::wal::CreateSlot(*sql_, name_, /*failover=*/false);
  ASSERT_TRUE(created.ok()) << created.status();
  WriteWal();
  const Slot slot = Read(name_);
  EXPECT_EQ(slot.plugin, "pgoutput");
  EXPECT_EQ(slot.database, Value(*sql_, "SELECT current_database()"));
  EXPECT_FALSE(slot.active);
  EXPECT_FALSE(slot.is_lost());
  EXPECT_EQ(slot.wal_status, "reserved");
  EXPECT_GT(slot.confirmed_flush, kNoLsn);
  EXPECT_LE(slot.restart_lsn, slot.confirmed_flush);
  EXPECT_GT(slot.behind_bytes, 10'000);
  EXPECT_GE(slot.retained_bytes, slot.behind_bytes);
  EXPECT_TRUE(slot.catalog_xmin.has_value());
  const auto all = ListSlots(*sql_);
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_TRUE(
      std::any_of(all->begin(), all->end(), [&](const Slot& each) { return each.name == name_; }));
  EXPECT_TRUE(DropSlot(*sql_, name_).ok());
  EXPECT_EQ(DropSlot(*sql_, name_).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(SlotTest, InUseIsNeitherDroppedNorAdvanced) {
  CreatePublication("");
  Connect();
  CreateSlot();
  ASSERT_TRUE(Start().ok());
  WriteWal();
  const Slot slot = Read(name_);
  EXPECT_TRUE(slot.active);
  EXPECT_GT(slot.active_pid, 0);
  const absl::Status dropped = DropSlot(*sql_, name_);
  EXPECT_EQ(dropped.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(Message(dropped)), HasSubstr(std::to_string(slot.active_pid)));
  EXPECT_THAT(std::string(Message(dropped)), HasSubstr("walrelay test"));
  EXPECT_EQ(AdvanceSlot(*sql_, name_, *CurrentLsn(*sql_)).status().code(),
            absl::StatusCode::kUnavailable);
}

TEST_F(SlotTest, AdvancesForwardOnly) {
  ASSERT_TRUE(walrelay::wal::CreateSlot(*sql_, name_, false).ok());
  const Lsn before = Read(name_).confirmed_flush;
  WriteWal();
  const Lsn current = *CurrentLsn(*sql_);
  const auto moved = AdvanceSlot(*sql_, name_, current);
  ASSERT_TRUE(moved.ok()) << moved.status();
  EXPECT_GT(*moved, before);
  EXPECT_EQ(Read(name_).confirmed_flush, *moved);
  EXPECT_EQ(AdvanceSlot(*sql_, name_, before).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(AdvanceSlot(*sql_, name_, Lsn{Number(current) + (uint64_t{1} << 40)}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(SlotTest, IsCopiedWithItsPosition) {
  ASSERT_TRUE(walrelay::wal::CreateSlot(*sql_, name_, false).ok());
  const auto copied = CopySlot(*sql_, name_, copy_);
  ASSERT_TRUE(copied.ok()) << copied.status();
  EXPECT_EQ(copied->confirmed_flush, Read(name_).confirmed_flush);
  EXPECT_EQ(copied->plugin, "pgoutput");
  EXPECT_EQ(CopySlot(*sql_, name_, "Odd-name").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(SlotTest, FailoverNeedsSeventeen) {
  const auto slot = walrelay::wal::CreateSlot(*sql_, name_, /*failover=*/true);
  if (sql_->server_version() < 170000) {
    EXPECT_EQ(slot.status().code(), absl::StatusCode::kInvalidArgument);
  } else {
    ASSERT_TRUE(slot.ok()) << slot.status();
    EXPECT_TRUE(slot->failover);
  }
}

TEST_F(SlotTest, InvalidatedIsLostAndNeedsSomebodyToAct) {
  if (!ListSlots(*sql_)->empty())
    GTEST_SKIP() << "the server has other slots, which would be lost as well";
  CreatePublication("");
  Connect();
  CreateSlot();
  MustRun(*sql_, "ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'");
  MustRun(*sql_, "SELECT pg_reload_conf()");
  WriteWal();
  for (int i = 0; i < 50 && !Read(name_).is_lost(); ++i) {
    WriteWal();
    MustRun(*sql_, "SELECT pg_switch_wal()");
    MustRun(*sql_, "CHECKPOINT");
  }
  MustRun(*sql_, "ALTER SYSTEM RESET max_slot_wal_keep_size");
  MustRun(*sql_, "SELECT pg_reload_conf()");
  const Slot slot = Read(name_);
  EXPECT_TRUE(slot.is_lost()) << slot.wal_status;
  const absl::Status status = Start();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_TRUE(DropSlot(*sql_, name_).ok());
}

}  // namespace
}  // namespace walrelay::wal
