#include "app/position_memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/exit_code.h"

namespace walrelay::app {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

// Our last record, of generation 2.
PositionMemory::Written At(int64_t offset) {
  return {.slot = "s", .generation = 2, .offset = offset, .end_lsn = Lsn{0x500}};
}

std::optional<kafka::StoredPosition> Seen(int64_t generation, int64_t offset) {
  kafka::StoredPosition seen;
  seen.offset = offset;
  seen.position.generation = generation;
  return seen;
}

TEST(PositionMemory, AFirstStartBelievesWhatItSees) {
  PositionMemory memory;
  EXPECT_TRUE(memory.Check(std::nullopt, {}).ok());
  EXPECT_TRUE(memory.Check(Seen(1, 0), {}).ok());
}

TEST(PositionMemory, WhatWasWrittenMustBeShown) {
  PositionMemory memory;
  memory.Durable(At(7));
  EXPECT_TRUE(absl::IsUnavailable(memory.Check(std::nullopt, {})));
  EXPECT_TRUE(absl::IsUnavailable(memory.Check(Seen(2, 6), {}))) << "one of before";
  EXPECT_TRUE(absl::IsUnavailable(memory.Check(Seen(1, 9), {}))) << "a late one of a process of before";
  EXPECT_TRUE(memory.Check(Seen(2, 7), {}).ok());
}

TEST(PositionMemory, AnotherProcessMayHaveGoneOn) {
  PositionMemory memory;
  memory.Durable(At(7));
  EXPECT_TRUE(memory.Check(Seen(3, 8), {}).ok());
  EXPECT_TRUE(memory.Check(Seen(3, 6), {}).ok()) << "our last one came after it, and does not count";
}

TEST(PositionMemory, AReportWithoutAnOffsetTellsTheRestOnly) {
  PositionMemory memory;
  memory.Durable(At(7));
  memory.Durable(At(-1));
  EXPECT_TRUE(absl::IsUnavailable(memory.Check(Seen(2, 6), {})));
  EXPECT_TRUE(memory.Check(Seen(2, 7), {}).ok());
}

TEST(PositionMemory, PatienceEnds) {
  PositionMemory memory;
  memory.Durable(At(7));
  const SteadyTime begun{};
  EXPECT_TRUE(absl::IsUnavailable(memory.Check(std::nullopt, begun)));
  EXPECT_TRUE(absl::IsUnavailable(memory.Check(std::nullopt, begun + 119s)));
  const absl::Status end = memory.Check(std::nullopt, begun + 120s);
  EXPECT_EQ(ExitCodeOf(end), ExitCode::kPositionMismatch);
  EXPECT_THAT(std::string(end.message()), HasSubstr("0/500"));
  EXPECT_TRUE(memory.Check(Seen(2, 7), begun + 121s).ok());
  EXPECT_TRUE(absl::IsUnavailable(memory.Check(std::nullopt, begun + 122s))) << "counted anew";
}

}  // namespace
}  // namespace walrelay::app
