#include "admin/metrics_page.h"

#include <gmock/gmock.h>

#include <regex>
#include <set>
#include <sstream>

namespace walrelay::admin {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const WallTime kNow{std::chrono::seconds(1'700'000'000)};
constexpr int64_t kNowMicros = 1'700'000'000'000'000;

CaptureCounters Capture() {
  CaptureCounters capture;
  capture.events.Of("public.orders").Add(Op::kCreate, 3);
  capture.events.Of("public.orders").Add(Op::kDelete);
  capture.records = 5;
  capture.record_bytes = 12'345;
  capture.connected = true;
  capture.received = Lsn{2000};
  capture.position = Lsn{1500};
  capture.oldest_open_commit_micros = kNowMicros - 2'500'000;
  capture.last_event_micros = kNowMicros - 1'000'000;
  capture.produce_delay.Observe(0.002);
  capture.produce_delay.Observe(120);
  SlotSample& slot = capture.slot.emplace();
  slot.server_end = Lsn{9000};
  slot.retained_bytes = 8000;
  slot.safe_wal_size_bytes = -16;
  slot.wal_status = "unreserved";
  return capture;
}

std::string Page(const Metrics& metrics, const std::vector<StageStatus>& stages = {},
                 WallTime now = kNow) {
  return MetricsPage(metrics.Read(), stages,
                     {.pipeline = "my \"pipeline\"", .version = "0.1.0", .topic_prefix = "cdc"},
                     ProcessStats{.cpu_seconds = 1.5, .resident_bytes = 4096}, now);
}

std::string CapturePage() {
  Metrics metrics;
  metrics.Publish(Capture(), kNow);
  return Page(metrics);
}

TEST(MetricsPage, CountsEventsByTableAndOperation) {
  const std::string page = CapturePage();
  EXPECT_THAT(page, HasSubstr("# TYPE walrelay_events_total counter\n"));
  EXPECT_THAT(page, HasSubstr("walrelay_events_total{stage=\"capture\",table=\"public.orders\","
                              "op=\"create\"} 3\n"));
  EXPECT_THAT(page, HasSubstr("op=\"delete\"} 1\n"));
  EXPECT_THAT(page, Not(HasSubstr("op=\"update\"")));
}

TEST(MetricsPage, TellsLagAndSlot) {
  const std::string page = CapturePage();
  EXPECT_THAT(page, HasSubstr("walrelay_lag_bytes{stage=\"capture\"} 7500\n"));
  EXPECT_THAT(page, HasSubstr("walrelay_lag_seconds{stage=\"capture\"} 2.5\n"));
  EXPECT_THAT(page, HasSubstr("walrelay_slot_retained_bytes 8000\n"));
  EXPECT_THAT(page, HasSubstr("walrelay_slot_safe_wal_size_bytes -16\n"));
  EXPECT_THAT(page, HasSubstr("walrelay_slot_wal_status{wal_status=\"unreserved\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("walrelay_slot_wal_status{wal_status=\"reserved\"} 0\n"));
}

TEST(MetricsPage, LagGrowsWhileTheStageHangs) {
  Metrics metrics;
  metrics.Publish(Capture(), kNow);
  EXPECT_THAT(Page(metrics, {}, kNow + std::chrono::seconds(10)),
              HasSubstr("walrelay_lag_seconds{stage=\"capture\"} 12.5\n"));
}

TEST(MetricsPage, LagIsNeverNegative) {
  Metrics metrics;
  CaptureCounters capture = Capture();
  capture.oldest_open_commit_micros = kNowMicros + 60'000'000;  // The source's clock is ahead.
  metrics.Publish(capture, kNow);
  EXPECT_THAT(Page(metrics), HasSubstr("walrelay_lag_seconds{stage=\"capture\"} 0\n"));
}

TEST(MetricsPage, LeavesOutWhatIsNotKnown) {
  Metrics metrics;
  metrics.Publish(CaptureCounters{}, kNow);
  const std::string page = Page(metrics);
  for (const char* name : {"walrelay_lag_bytes", "walrelay_slot_", "walrelay_snapshot_",
                           "walrelay_last_event_timestamp_seconds"}) {
    EXPECT_THAT(page, Not(HasSubstr(name)));
  }
}

TEST(MetricsPage, BucketsAreCumulativeAndEndWithInfinity) {
  const std::string page = CapturePage();
  EXPECT_THAT(page, HasSubstr("walrelay_produce_delay_seconds_bucket{le=\"0.001\"} 0\n"));
  EXPECT_THAT(page, HasSubstr("walrelay_produce_delay_seconds_bucket{le=\"60\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("walrelay_produce_delay_seconds_bucket{le=\"+Inf\"} 2\n"));
  EXPECT_THAT(page, HasSubstr("walrelay_produce_delay_seconds_count 2\n"));
  EXPECT_THAT(page, HasSubstr("walrelay_produce_delay_seconds_sum 120.002\n"));
}

TEST(MetricsPage, AddsUpTheWorkersOfASink) {
  Metrics metrics;
  SinkCounters sink;
  sink.connected = true;
  sink.events.Of("public.orders").Add(Op::kUpdate, 2);
  sink.rows = 4;
  sink.lag_records = 6;
  sink.batch_duration.Observe(0.004);
  sink.oldest_waiting_micros = kNowMicros - 3'000'000;
  metrics.Publish("lake", 0, sink, kNow);
  sink.oldest_waiting_micros = 0;
  metrics.Publish("lake", 1, sink, kNow);
  sink.connected = false;
  metrics.Publish("target", 0, sink, kNow);

  const std::string page = Page(metrics);
  EXPECT_THAT(page, HasSubstr("table=\"public.orders\",op=\"update\"} 4\n"));
  EXPECT_THAT(page, HasSubstr("walrelay_apply_rows_total{stage=\"lake\"} 8\n"));
  EXPECT_THAT(page, HasSubstr("walrelay_lag_records{stage=\"lake\"} 12\n"));
  EXPECT_THAT(page, HasSubstr("walrelay_lag_seconds{stage=\"lake\"} 3\n"));
  EXPECT_THAT(page, HasSubstr("walrelay_lag_seconds{stage=\"target\"} 0\n"));
  EXPECT_THAT(page,
              HasSubstr("walrelay_apply_batch_seconds_bucket{stage=\"lake\",le=\"0.005\"} 2"));
  EXPECT_THAT(page, HasSubstr("walrelay_connected{stage=\"lake\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("walrelay_connected{stage=\"target\"} 0\n"));
}

TEST(MetricsPage, ShowsTheStateOneHot) {
  const std::string page = Page(Metrics(), {{.name = "lake",
                                             .state = State::kWaiting,
                                             .detail = "",
                                             .since = kNow,
                                             .next_try = std::nullopt}});
  EXPECT_THAT(page, HasSubstr("walrelay_state{stage=\"lake\",state=\"waiting\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("walrelay_state{stage=\"lake\",state=\"failed\"} 0\n"));
  EXPECT_THAT(page,
              HasSubstr("walrelay_state_since_timestamp_seconds{stage=\"lake\"} 1700000000\n"));
}

TEST(MetricsPage, OffersDebeziumsNames) {
  const std::string page = CapturePage();
  EXPECT_THAT(page, HasSubstr("debezium_metrics_MilliSecondsBehindSource{plugin=\"postgres\","
                              "name=\"cdc\",context=\"streaming\"} 2500\n"));
  EXPECT_THAT(page, HasSubstr("debezium_metrics_TotalNumberOfEventsSeen{plugin=\"postgres\","
                              "name=\"cdc\",context=\"streaming\"} 4\n"));
}

// The grammar of the text format, and what its readers insist on: one HELP and TYPE a family,
// samples together.
TEST(MetricsPage, IsWellFormed) {
  Metrics metrics;
  metrics.Publish(Capture(), kNow);
  metrics.Publish("lake", 0, SinkCounters{}, kNow);
  metrics.Publish("target", 0, SinkCounters{}, kNow);
  std::istringstream page(Page(metrics, {{.name = "capture",
                                          .state = State::kStreaming,
                                          .detail = "",
                                          .since = kNow,
                                          .next_try = std::nullopt}}));
  const std::regex comment("# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) .+");
  const std::regex sample(
      R"(([a-zA-Z_:][a-zA-Z0-9_:]*)(\{[a-z_]+="([^"\\\n]|\\.)*"(,[a-z_]+="([^"\\\n]|\\.)*")*\})? -?[0-9.e+]+)");
  std::set<std::string> types, samples;
  std::string family;
  for (std::string line; std::getline(page, line);) {
    std::smatch match;
    if (std::regex_match(line, match, comment)) {
      if (match[1] != "TYPE") continue;
      family = match[2];
      EXPECT_TRUE(types.insert(family).second) << family << " appears twice";
      continue;
    }
    ASSERT_TRUE(std::regex_match(line, match, sample)) << line;
    EXPECT_TRUE(match[1].str().starts_with(family)) << line << " under " << family;
    EXPECT_TRUE(samples.insert(line.substr(0, line.rfind(' '))).second) << line << " twice";
  }
  EXPECT_GT(types.size(), 40u);
}

TEST(TableCounts, BoundsTheNumberOfTables) {
  TableCounts counts;
  for (int i = 0; i < 1500; ++i) counts.Of("t" + std::to_string(i)).Add(Op::kRead);
  EXPECT_EQ(counts.tables().size(), TableCounts::kMaxTables + 1);
  EXPECT_EQ(counts.tables().find(TableCounts::kOthers)->second.count[0], 500u);
}

}  // namespace
}  // namespace walrelay::admin
