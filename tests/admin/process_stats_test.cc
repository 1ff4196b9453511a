#include "admin/process_stats.h"

#include <gtest/gtest.h>

#include <string>

namespace walrelay::admin {
namespace {

constexpr ProcessUnits kUnits = {
    .ticks_per_second = 100, .page_bytes = 4096, .boot_time_seconds = 1'000'000};

TEST(ParseProcessStat, FindsTheFieldsBehindAnyName) {
  const auto stats = ParseProcessStat(
      "4711 (a) b (c) S 1 4711 4711 0 -1 4194560 1 2 3 4 150 50 7 8 20 -5 6 0 2500 987654321 300 "
      "18446744073709551615 1 1 0",
      kUnits);
  ASSERT_TRUE(stats.has_value());
  EXPECT_DOUBLE_EQ(stats->cpu_seconds, 2.0);
  EXPECT_DOUBLE_EQ(stats->start_time_seconds, 1'000'025.0);
  EXPECT_EQ(stats->threads, 6u);
  EXPECT_EQ(stats->virtual_bytes, 987'654'321u);
  EXPECT_EQ(stats->resident_bytes, 300u * 4096);
}

TEST(ParseProcessStat, RejectsAShortLine) {
  EXPECT_FALSE(ParseProcessStat("", kUnits).has_value());
  EXPECT_FALSE(ParseProcessStat("1 (x) S 1 2 3", kUnits).has_value());
}

TEST(ReadProcessStats, SeesThisProcess) {
  const ProcessStats stats = ReadProcessStats();
  EXPECT_GT(stats.resident_bytes, 500'000u);
  EXPECT_GE(stats.virtual_bytes, stats.resident_bytes);
  EXPECT_GE(stats.threads, 1u);
  EXPECT_GE(stats.open_files, 3u);
  EXPECT_GT(stats.start_time_seconds, 1.5e9);
}

}  // namespace
}  // namespace walrelay::admin
