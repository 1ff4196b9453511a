#include "kafka/tail.h"

#include <gtest/gtest.h>

namespace walrelay::kafka {
namespace {

TailRecord At(int64_t offset) {
  return {.offset = offset, .key = {}, .value = "12345", .headers = {}};
}

TEST(Tail, GivesItsRecordsInOrderAWindowAtATime) {
  Tail tail(5, 8);
  EXPECT_TRUE(tail.needs_fetch());
  EXPECT_EQ(tail.unfetched().first, 5);
  tail.Add(At(5));
  tail.Add(At(6));
  EXPECT_EQ(tail.bytes(), 10u);
  EXPECT_FALSE(tail.needs_fetch());
  EXPECT_EQ(tail.front()->offset, 5);
  EXPECT_EQ(tail.Pop(), 5);
  EXPECT_EQ(tail.Pop(), 6);
  EXPECT_EQ(tail.bytes(), 0u);
  EXPECT_TRUE(tail.needs_fetch());
  EXPECT_EQ(tail.unfetched().first, 7);
  EXPECT_EQ(tail.unfetched().end, 8);
  tail.Add(At(7));
  EXPECT_EQ(tail.Pop(), 7);
  EXPECT_TRUE(tail.used_up());
  EXPECT_FALSE(tail.needs_fetch());
}

TEST(Tail, PassesOverHoles) {
  Tail tail(0, 10);
  tail.Add(At(3));
  EXPECT_EQ(tail.next(), 0);
  EXPECT_EQ(tail.front()->offset, 3);
  EXPECT_EQ(tail.Pop(), 3);
  EXPECT_EQ(tail.next(), 4);
  tail.Fetched(10);
  EXPECT_FALSE(tail.needs_fetch());
  EXPECT_EQ(tail.front(), nullptr);
  EXPECT_FALSE(tail.used_up());
  EXPECT_EQ(tail.Pop(), 9);
  EXPECT_TRUE(tail.used_up());
}

TEST(Tail, Grows) {
  Tail tail(0, 1);
  tail.Add(At(0));
  tail.Extend(2);
  EXPECT_EQ(tail.Pop(), 0);
  EXPECT_FALSE(tail.used_up());
  EXPECT_TRUE(tail.needs_fetch());
  tail.Extend(1);  // Never shrinks.
  EXPECT_EQ(tail.end(), 2);
}

TEST(Tail, MayBeEmpty) {
  EXPECT_TRUE(Tail(4, 4).used_up());
  EXPECT_TRUE(Tail().used_up());
}

}  // namespace
}  // namespace walrelay::kafka
