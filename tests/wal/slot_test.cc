#include "wal/slot.h"

#include <gtest/gtest.h>

namespace walrelay::wal {
namespace {

TEST(SlotName, IsWhatTheServerTakes) {
  for (const char* name : {"a", "debezium_slot", "0_9"})
    EXPECT_TRUE(ValidateSlotName(name).ok()) << name;
  EXPECT_TRUE(ValidateSlotName(std::string(63, 'a')).ok());
  for (const char* name : {"", "Slot", "a-b", "a b", "a\"b", "ä", "a;drop"}) {
    EXPECT_EQ(ValidateSlotName(name).code(), absl::StatusCode::kInvalidArgument) << name;
  }
  EXPECT_FALSE(ValidateSlotName(std::string(64, 'a')).ok());
}

TEST(HumanBytes, ChoosesTheUnit) {
  EXPECT_EQ(HumanBytes(0), "0 bytes");
  EXPECT_EQ(HumanBytes(1023), "1023 bytes");
  EXPECT_EQ(HumanBytes(1536), "1.5 kB");
  EXPECT_EQ(HumanBytes(int64_t{5} << 30), "5.0 GB");
  EXPECT_EQ(HumanBytes(-5), "-5 bytes");
}

TEST(Describe, SaysWhatIsLost) {
  Slot slot;
  slot.name = "s";
  slot.confirmed_flush = Lsn{0x1000};
  slot.behind_bytes = 2048;
  slot.retained_bytes = 4096;
  EXPECT_EQ(DescribeDrop(slot),
            "Slot s stands at 0/1000, 2.0 kB of WAL behind the server: changes from there on are "
            "never sent through it, "
            "and 4.0 kB of WAL are released. Going on needs a new slot and a new snapshot.");
  EXPECT_EQ(DescribeAdvance(slot, Lsn{0x1400}),
            "Slot s moves from 0/1000 to 0/1400: changes that committed in these 1.0 kB of WAL are "
            "never sent.");
  slot.wal_status = "lost";
  EXPECT_EQ(DescribeDrop(slot), "Slot s is lost already; nothing more goes with it.");
}

}  // namespace
}  // namespace walrelay::wal
