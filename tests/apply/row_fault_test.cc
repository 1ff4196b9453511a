#include "apply/row_fault.h"

#include <gtest/gtest.h>

#include "apply/dead_letter_rate.h"
#include "pg/error.h"

namespace walrelay::apply {
namespace {

TEST(IsRowFault, TakesWhatARowHolds) {
  // Too long, unique, not null, raised by a trigger, index row too large.
  for (const char* sqlstate : {"22001", "23505", "23502", "P0001", "54000"}) {
    EXPECT_TRUE(IsRowFault(pg::ErrorWithSqlState(sqlstate, "refused"))) << sqlstate;
  }
}

TEST(IsRowFault, LeavesWhatConcernsTheWholeSink) {
  // Connection, deadlock, disk full, read-only, no such column, no privilege, internal error.
  for (const char* sqlstate : {"08006", "40P01", "53100", "25006", "42703", "42501", "XX000"}) {
    EXPECT_FALSE(IsRowFault(pg::ErrorWithSqlState(sqlstate, "refused"))) << sqlstate;
  }
  EXPECT_FALSE(IsRowFault(absl::UnavailableError("the connection is lost")));
  EXPECT_FALSE(IsRowFault(absl::OkStatus()));
}

TEST(DeadLetterRate, CountsTheLastMinute) {
  using namespace std::chrono_literals;
  DeadLetterRate rate(10);
  const SteadyTime start{};
  EXPECT_FALSE(rate.WouldExceed(10, start));
  EXPECT_TRUE(rate.WouldExceed(11, start));
  rate.Add(6, start);
  rate.Add(4, start + 30s);
  EXPECT_TRUE(rate.WouldExceed(1, start + 59s));
  EXPECT_FALSE(rate.WouldExceed(6, start + 60s));
  EXPECT_TRUE(rate.WouldExceed(7, start + 60s));
  EXPECT_FALSE(rate.WouldExceed(10, start + 90s));
}

}  // namespace
}  // namespace walrelay::apply
