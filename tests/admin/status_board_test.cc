#include "admin/status_board.h"

#include <gtest/gtest.h>

namespace walrelay::admin {
namespace {

TEST(StatusBoard, KeepsSinceWhileTheStateLasts) {
  StatusBoard board;
  board.Set("capture", State::kWaiting, "no route");
  const WallTime since = board.Read()[0].since;
  EXPECT_NE(since, WallTime{});

  board.Set("capture", State::kWaiting, "still no route");
  EXPECT_EQ(board.Read()[0].since, since);
  EXPECT_EQ(board.Read()[0].detail, "still no route");

  while (WallNow() == since) continue;
  board.Set("capture", State::kStreaming);
  EXPECT_GT(board.Read()[0].since, since);
}

TEST(StatusBoard, ListsStagesInTheOrderOfTheirFirstAppearance) {
  StatusBoard board;
  board.Set("target", State::kStarting);
  board.Set("capture", State::kStarting);
  board.Set("target", State::kStreaming);
  const auto stages = board.Read();
  ASSERT_EQ(stages.size(), 2u);
  EXPECT_EQ(stages[0].name, "target");
  EXPECT_EQ(stages[0].state, State::kStreaming);
  EXPECT_EQ(stages[1].name, "capture");
}

TEST(StatusBoard, KeepsTopicsOnceAndSorted) {
  StatusBoard board;
  for (const char* topic : {"b", "a", "b"}) board.AddTopic(topic);
  EXPECT_EQ(board.Topics(), (std::vector<std::string>{"a", "b"}));
}

}  // namespace
}  // namespace walrelay::admin
