// Runs many histories of both links and prints what happened in them, and which seed catches each
// mutation: links_sim [--seeds N] [--from SEED]. Ends with 1 at the first history that does not hold.
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "base/log.h"
#include "tests/sim/link_a.h"
#include "tests/sim/link_b.h"
#include "tests/sim/transactional.h"

namespace walrelay::sim {
namespace {

unsigned long long Out(uint64_t number) { return number; }

template <class Mutations, class Run>
void PrintMutations(const char* link, const Mutations& mutations, uint64_t seeds, Run run) {
  for (const auto& [mutation, name] : mutations) {
    uint64_t seed = 1;
    while (seed <= seeds && run(seed, mutation)) ++seed;
    if (seed > seeds) {
      std::printf("link %s, %s: NOT CAUGHT\n", link, name.data());
    } else {
      std::printf("link %s, %s: caught by seed %llu\n", link, name.data(), Out(seed));
    }
  }
}

int Main(uint64_t from, uint64_t seeds) {
  CountsA a;
  CountsT t;
  CountsB b;
  for (uint64_t seed = from; seed < from + seeds; ++seed) {
    std::string failure = RunLinkA(seed, MutationA::kNone, a);
    if (failure.empty()) failure = RunTransactional(seed, MutationT::kNone, t);
    if (failure.empty()) failure = RunLinkB(seed, MutationB::kNone, b);
    if (failure.empty()) continue;
    std::printf("seed %llu: %s\n", Out(seed), failure.c_str());
    return 1;
  }
  std::printf("link A: %llu histories held; %llu steps, %llu records, %llu crashes, slot back %llu "
              "times, %llu requests of dead processes, %llu answers lost, %llu foreign records, "
              "%llu records skipped, %llu stops\n",
              Out(seeds), Out(a.steps), Out(a.records), Out(a.crashes), Out(a.slot_back),
              Out(a.zombies), Out(a.lost_answers), Out(a.foreign), Out(a.skipped), Out(a.stops));
  std::printf("link A, transactional: %llu histories held; %llu steps, %llu records, %llu crashes, "
              "%llu slots lost unnoticed, slot back %llu times, %llu take-overs, %llu requests refused, "
              "%llu processes ended by that, %llu Kafka transactions aborted, %llu parts of a source "
              "transaction, %llu unknown outcomes, %llu answers lost, %llu records skipped\n",
              Out(seeds), Out(t.steps), Out(t.records), Out(t.crashes), Out(t.slots_lost),
              Out(t.slot_back), Out(t.take_overs), Out(t.refused), Out(t.ended), Out(t.aborted),
              Out(t.parts), Out(t.unknown), Out(t.lost_answers), Out(t.skipped));
  std::printf("link B: %llu histories held; %llu steps, %llu records, %llu crashes, %llu conflicts, "
              "%llu unknown outcomes, %llu late commits\n",
              Out(seeds), Out(b.steps), Out(b.records), Out(b.crashes), Out(b.conflicts),
              Out(b.unknown), Out(b.late_commits));
  PrintMutations("A", kMutationsA, seeds, [&](uint64_t seed, MutationA mutation) {
    return RunLinkA(seed, mutation, a).empty();
  });
  PrintMutations("A, transactional", kMutationsT, seeds, [&](uint64_t seed, MutationT mutation) {
    return RunTransactional(seed, mutation, t).empty();
  });
  PrintMutations("B", kMutationsB, seeds, [&](uint64_t seed, MutationB mutation) {
    return RunLinkB(seed, mutation, b).empty();
  });
  return 0;
}

}  // namespace
}  // namespace walrelay::sim

int main(int argc, char** argv) {
  uint64_t from = 1;
  uint64_t seeds = 10'000;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    const uint64_t value = std::strtoull(argv[i + 1], nullptr, 10);
    if (name == "--seeds") seeds = value;
    if (name == "--from") from = value;
  }
  if (!walrelay::log::Configure("off", "text").ok()) return 2;
  return walrelay::sim::Main(from, seeds);
}
