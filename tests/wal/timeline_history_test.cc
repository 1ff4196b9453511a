#include "wal/timeline_history.h"

#include <gtest/gtest.h>

namespace walrelay::wal {
namespace {

TEST(TimelineHistory, ReadsTheServersFile) {
  const auto switches = ParseTimelineHistory(
      "1\t0/3000148\tno recovery target specified\n\n# a comment\n2\t0/5000000\tbefore 2000-01-01 "
      "00:00:00+00\n");
  ASSERT_TRUE(switches.ok()) << switches.status();
  EXPECT_EQ(*switches, (std::vector<TimelineSwitch>{{1, Lsn{0x3000148}}, {2, Lsn{0x5000000}}}));
  EXPECT_TRUE(ParseTimelineHistory("")->empty());
  EXPECT_EQ(ParseTimelineHistory("1\t0/A")->size(), 1u) << "no line end";
}

TEST(TimelineHistory, RejectsWhatIsNotOne) {
  for (const char* text :
       {"x\t0/1\n", "1\n", "1\tabc\n", "2\t0/1\n1\t0/2\n", "1\t0/1\n1\t0/2\n", "-1\t0/1\n"}) {
    EXPECT_EQ(ParseTimelineHistory(text).status().code(), absl::StatusCode::kDataLoss) << text;
  }
}

}  // namespace
}  // namespace walrelay::wal
