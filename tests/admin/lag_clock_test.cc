#include "admin/lag_clock.h"

#include <gtest/gtest.h>

namespace walrelay::admin {
namespace {

using std::chrono::seconds;

const WallTime kStart{std::chrono::hours(1)};

TEST(LagClock, CountsFromWhenTheUnreachedEndWasSeen) {
  LagClock clock;
  clock.Observe(kStart, Lsn{100}, Lsn{50}, 1);
  clock.Observe(kStart + seconds(5), Lsn{200}, Lsn{99}, 2);
  EXPECT_EQ(clock.Behind(kStart + seconds(8)), seconds(8));

  clock.Observe(kStart + seconds(9), Lsn{200}, Lsn{100}, 3);
  EXPECT_EQ(clock.Behind(kStart + seconds(9)), seconds(0));
  EXPECT_EQ(clock.Behind(kStart + seconds(10)), seconds(1)) << "200 is not reached yet";

  clock.Observe(kStart + seconds(11), Lsn{200}, Lsn{200}, 4);
  EXPECT_EQ(clock.Behind(kStart + seconds(99)), seconds(0));
}

TEST(LagClock, NeverGoesBackwardsWhenTheClockDoes) {
  LagClock clock;
  clock.Observe(kStart, Lsn{100}, Lsn{50}, 1);
  EXPECT_EQ(clock.Behind(kStart - seconds(60)), seconds(0));
  EXPECT_EQ(clock.Stalled(kStart - seconds(60)), seconds(0));
}

TEST(LagClock, IsStalledOnlyWhenTheLagGrowsAndNothingArrives) {
  LagClock clock;
  clock.Observe(kStart, Lsn{100}, Lsn{100}, 10);
  clock.Observe(kStart + seconds(100), Lsn{100}, Lsn{100}, 10);
  EXPECT_EQ(clock.Stalled(kStart + seconds(100)), seconds(0)) << "idle is not stalled";

  clock.Observe(kStart + seconds(110), Lsn{900}, Lsn{100}, 10);
  EXPECT_EQ(clock.Stalled(kStart + seconds(120)), seconds(120));

  clock.Observe(kStart + seconds(121), Lsn{950}, Lsn{100}, 11);
  EXPECT_EQ(clock.Stalled(kStart + seconds(130)), seconds(0)) << "a keepalive arrived";
}

}  // namespace
}  // namespace walrelay::admin
