#include "admin/health.h"

#include <gmock/gmock.h>

namespace walrelay::admin {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;

const WallTime kNow{std::chrono::hours(500'000)};

StageStatus Stage(std::string name, State state, seconds age = seconds(0),
                  std::string detail = "") {
  return {.name = std::move(name),
          .state = state,
          .detail = std::move(detail),
          .since = kNow - age,
          .next_try = std::nullopt};
}

CaptureCounters Lagging(uint64_t server_end, uint64_t wal_bytes) {
  CaptureCounters counters;
  counters.position = Lsn{1000};
  counters.wal_bytes = wal_bytes;
  counters.slot.emplace().server_end = Lsn{server_end};
  return counters;
}

TEST(Judge, IsHealthyWhileAllStagesWork) {
  const Health health = Judge(
      {Stage("capture", State::kStreaming), Stage("lake", State::kStarting)}, MetricsView{}, kNow);
  EXPECT_EQ(health.verdict, Verdict::kHealthy);
  EXPECT_EQ(health.message, "capture is streaming; lake is starting");
}

TEST(Judge, IsUnhealthyWhenAnyStageFailed) {
  const Health health =
      Judge({Stage("capture", State::kStreaming),
             Stage("target", State::kFailed, seconds(1), "relation \"orders\" does not exist")},
            MetricsView{}, kNow);
  EXPECT_EQ(health.verdict, Verdict::kUnhealthy);
  EXPECT_EQ(health.message, "target is failed: relation \"orders\" does not exist");
}

TEST(Judge, IsDegradedWhileAStageWaitsAndUnhealthyWhenItWaitsTooLong) {
  const auto waiting = [](seconds age) {
    return Judge({Stage("lake", State::kWaiting, age, "connection refused")}, MetricsView{}, kNow);
  };
  EXPECT_EQ(waiting(kPatience).verdict, Verdict::kDegraded);
  const Health health = waiting(kPatience + seconds(1));
  EXPECT_EQ(health.verdict, Verdict::kUnhealthy);
  EXPECT_EQ(health.message, "lake is waiting: connection refused (for 91 s)");
}

TEST(Judge, IsUnhealthyWhenNothingArrivesWhileTheLagGrows) {
  Metrics metrics;
  metrics.Publish(Lagging(1000, 5), kNow - seconds(100));
  metrics.Publish(Lagging(1000, 5), kNow - seconds(50));
  const std::vector<StageStatus> stages = {Stage("capture", State::kStreaming, seconds(200))};
  EXPECT_EQ(Judge(stages, metrics.Read(), kNow).verdict, Verdict::kHealthy) << "only idle";

  metrics.Publish(Lagging(5000, 5), kNow);
  const Health health = Judge(stages, metrics.Read(), kNow);
  EXPECT_EQ(health.verdict, Verdict::kUnhealthy);
  EXPECT_EQ(health.message,
            "capture has received nothing for 100 s while its lag grew to 4000 bytes");

  metrics.Publish(Lagging(5000, 6), kNow);
  EXPECT_EQ(Judge(stages, metrics.Read(), kNow).verdict, Verdict::kHealthy) << "a keepalive came";
}

TEST(Judge, IsUnhealthyWhenAWorkingStageNoLongerReports) {
  Metrics metrics;
  metrics.Publish("lake", 0, SinkCounters{}, kNow);
  metrics.Publish("lake", 1, SinkCounters{}, kNow - seconds(91));
  const Health health =
      Judge({Stage("lake", State::kStreaming, seconds(500))}, metrics.Read(), kNow);
  EXPECT_EQ(health.verdict, Verdict::kUnhealthy);
  EXPECT_THAT(health.message, HasSubstr("lake says it is streaming but has not reported for 91 s"));
}

TEST(Judge, GivesAStageThatJustBeganTimeToReport) {
  Metrics metrics;
  metrics.Publish(CaptureCounters{}, kNow - seconds(500));  // Before it waited for an hour.
  EXPECT_EQ(Judge({Stage("capture", State::kStreaming, seconds(5))}, metrics.Read(), kNow).verdict,
            Verdict::kHealthy);
  EXPECT_EQ(Judge({Stage("capture", State::kStreaming, seconds(91))}, MetricsView{}, kNow).verdict,
            Verdict::kUnhealthy)
      << "and never reported";
}

TEST(Ready, WantsEveryStageAtWork) {
  EXPECT_FALSE(Ready({}));
  EXPECT_TRUE(Ready({Stage("capture", State::kSnapshot), Stage("lake", State::kStreaming)}));
  for (const State state : {State::kStarting, State::kWaiting, State::kStopped, State::kFailed}) {
    EXPECT_FALSE(Ready({Stage("capture", State::kStreaming), Stage("lake", state)}));
  }
}

}  // namespace
}  // namespace walrelay::admin
