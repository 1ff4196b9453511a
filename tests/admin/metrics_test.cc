#include "admin/metrics.h"

#include <gtest/gtest.h>

#include <thread>

namespace walrelay::admin {
namespace {

TEST(LagBytes, CountsFromThePositionToTheFurthestEndKnown) {
  CaptureCounters counters;
  counters.position = Lsn{1000};
  counters.received = Lsn{1500};
  EXPECT_EQ(LagBytes(counters), std::nullopt) << "the server's end is not known";

  counters.slot.emplace().server_end = Lsn{1200};
  EXPECT_EQ(LagBytes(counters), 500u) << "the sample is older than what was received";
  counters.slot->server_end = Lsn{9000};
  EXPECT_EQ(LagBytes(counters), 8000u);
  counters.position = Lsn{9500};
  EXPECT_EQ(LagBytes(counters), 0u);
}

TEST(Sum, OfNoWorkerIsNotConnected) {
  EXPECT_FALSE(Sum(SinkView{}).connected);
  EXPECT_EQ(Sum(SinkView{}).lag_records, std::nullopt);
}

TEST(DurationCounts, SortsIntoClassesByTheirUpperBound) {
  DurationCounts durations;
  durations.Observe(0);
  durations.Observe(0.0005);
  durations.Observe(0.00051);
  durations.Observe(1e6);
  EXPECT_EQ(durations.count[0], 2u);
  EXPECT_EQ(durations.count[1], 1u);
  EXPECT_EQ(durations.count.back(), 1u);
}

// Of interest under ThreadSanitizer.
TEST(Metrics, StagesPublishWhileOthersRead) {
  Metrics metrics;
  StatusBoard board;
  std::thread capture([&] {
    CaptureCounters counters;
    for (int i = 0; i < 200; ++i) {
      counters.events.Of(i % 2 == 0 ? "public.a" : "public.b").Add(Op::kCreate);
      metrics.Publish(counters);
      board.Set("capture", State::kStreaming, std::to_string(i));
      board.AddTopic(i % 2 == 0 ? "a" : "b");
    }
  });
  std::thread sink([&] {
    for (int i = 0; i < 200; ++i) metrics.Publish("lake", i % 3, SinkCounters{});
  });
  for (int i = 0; i < 200; ++i) {
    EXPECT_LE(board.Read().size(), 1u);
    EXPECT_LE(metrics.Read().sinks.size(), 1u);
    EXPECT_LE(board.Topics().size(), 2u);
  }
  capture.join();
  sink.join();
  EXPECT_EQ(metrics.Read().capture->counters.events.tables().find("public.a")->second.count[1],
            100u);
  EXPECT_EQ(metrics.Read().sinks["lake"].workers.size(), 3u);
}

}  // namespace
}  // namespace walrelay::admin
