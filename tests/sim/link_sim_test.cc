// Ten thousand histories of each link hold (of link A with either delivery), the faults in them bit, and each broken variant is
// caught. A million: links_sim --seeds 1000000. With sanitizers WALRELAY_SIM_SEEDS are fewer.
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/log.h"
#include "tests/sim/link_a.h"
#include "tests/sim/link_b.h"
#include "tests/sim/transactional.h"

namespace walrelay::sim {
namespace {

constexpr uint64_t kMostSeeds = 10'000;
const uint64_t kSeeds = [] {
  const char* few = std::getenv("WALRELAY_SIM_SEEDS");
  return few == nullptr ? kMostSeeds : std::strtoull(few, nullptr, 10);
}();

class LinkSim : public testing::Test {
 protected:
  // Each foreign record is named in the log; here there are thousands on purpose.
  void SetUp() override { ASSERT_TRUE(log::Configure("off", "text").ok()); }
};

TEST_F(LinkSim, LinkAHolds) {
  CountsA counts;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const std::string failure = RunLinkA(seed, MutationA::kNone, counts);
    ASSERT_EQ(failure, "") << "seed " << seed;
  }
  EXPECT_GT(counts.crashes, kSeeds);
  EXPECT_GT(counts.slot_back, kSeeds / 100);
  EXPECT_GT(counts.zombies, kSeeds / 10);
  EXPECT_GT(counts.lost_answers, kSeeds);
  EXPECT_GT(counts.foreign, kSeeds / 100);
  EXPECT_GT(counts.skipped, kSeeds);
  EXPECT_GT(counts.stops, kSeeds / 100);
  RecordProperty("crashes", static_cast<int>(counts.crashes));
  RecordProperty("skipped", static_cast<int>(counts.skipped));
}

TEST_F(LinkSim, LinkACatchesEveryMutation) {
  for (const auto& [mutation, name] : kMutationsA) {
    CountsA counts;
    uint64_t seed = 1;
    while (seed <= kMostSeeds && RunLinkA(seed, mutation, counts).empty()) ++seed;
    EXPECT_LE(seed, kMostSeeds) << name;
  }
}

TEST_F(LinkSim, TransactionalHolds) {
  CountsT counts;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const std::string failure = RunTransactional(seed, MutationT::kNone, counts);
    ASSERT_EQ(failure, "") << "seed " << seed;
  }
  EXPECT_GT(counts.crashes, kSeeds);
  EXPECT_GT(counts.slots_lost, kSeeds / 10);
  EXPECT_GT(counts.slot_back, kSeeds / 100);
  EXPECT_GT(counts.take_overs, kSeeds);
  EXPECT_GT(counts.refused, kSeeds / 10);
  EXPECT_GT(counts.ended, kSeeds / 100);
  EXPECT_GT(counts.aborted, kSeeds / 10);
  EXPECT_GT(counts.parts, kSeeds);
  EXPECT_GT(counts.unknown, kSeeds / 10);
  EXPECT_GT(counts.lost_answers, kSeeds);
  EXPECT_GT(counts.skipped, kSeeds / 10);
}

TEST_F(LinkSim, TransactionalCatchesEveryMutation) {
  for (const auto& [mutation, name] : kMutationsT) {
    CountsT counts;
    uint64_t seed = 1;
    while (seed <= kMostSeeds && RunTransactional(seed, mutation, counts).empty()) ++seed;
    EXPECT_LE(seed, kMostSeeds) << name;
  }
}

TEST_F(LinkSim, LinkBHolds) {
  CountsB counts;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const std::string failure = RunLinkB(seed, MutationB::kNone, counts);
    ASSERT_EQ(failure, "") << "seed " << seed;
  }
  EXPECT_GT(counts.crashes, kSeeds);
  EXPECT_GT(counts.conflicts, kSeeds);
  EXPECT_GT(counts.unknown, kSeeds);
  EXPECT_GT(counts.late_commits, kSeeds / 10);
}

TEST_F(LinkSim, LinkBCatchesEveryMutation) {
  for (const auto& [mutation, name] : kMutationsB) {
    CountsB counts;
    uint64_t seed = 1;
    while (seed <= kMostSeeds && RunLinkB(seed, mutation, counts).empty()) ++seed;
    EXPECT_LE(seed, kMostSeeds) << name;
  }
}

}  // namespace
}  // namespace walrelay::sim
