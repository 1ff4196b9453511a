#include "kafka/partitions.h"

#include <gtest/gtest.h>

namespace walrelay::kafka {
namespace {

TEST(PartitionTable, GivesDenseIdsInOrderOfFirstUse) {
  PartitionTable table;
  EXPECT_EQ(table.Intern("a", 3), 0u);
  EXPECT_EQ(table.Intern("b", 0), 1u);
  EXPECT_EQ(table.Intern("a", 0), 2u);
  EXPECT_EQ(table.Intern("a", 3), 0u);
  EXPECT_EQ(table.size(), 3u);
  EXPECT_EQ(table[0], (TopicPartition{.topic = "a", .partition = 3}));
  EXPECT_EQ(table[2], (TopicPartition{.topic = "a", .partition = 0}));
}

TEST(PartitionTable, FindsOnlyWhatWasInterned) {
  PartitionTable table;
  table.Intern("a", 3);
  EXPECT_EQ(table.Find("a", 3), 0u);
  EXPECT_EQ(table.Find("a", 2), std::nullopt);
  EXPECT_EQ(table.Find("a", 4), std::nullopt);
  EXPECT_EQ(table.Find("a", -1), std::nullopt);
  EXPECT_EQ(table.Find("b", 0), std::nullopt);
}

}  // namespace
}  // namespace walrelay::kafka
