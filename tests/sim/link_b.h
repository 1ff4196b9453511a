// Link B, Kafka to a database, as a simulation of its protocol: workers that apply one partition to a
// sink whose progress moves by compare-and-set in the transaction of the rows.
//
// Two workers may hold the partition at once (a rebalance that one has not noticed, a process thought
// dead). A scheduler picks the next step by the seed: a worker loads its progress, reads a batch,
// sends its transaction; the server commits or loses it; the answer to COMMIT gets lost; a worker
// dies, and its transaction is still committed later. At the end the sink must hold each record once
// and in order. The lock that keeps others away is left out on purpose: it is not what this rests
// on. A mutation is a broken worker that must be caught. Source: DESIGN.md §2 link B.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace walrelay::sim {

enum class MutationB {
  kNone,
  kNoCompareAndSet,            // Progress is set to its new value, whatever it was.
  kProgressApart,              // Rows commit first, progress in a transaction of its own.
  kUnknownRepeatedUnchecked,   // After a lost answer it repeats the rows without a compare-and-set.
};
struct MutationBName {
  MutationB mutation;
  std::string_view name;
};
inline constexpr std::array kMutationsB = {
    MutationBName{MutationB::kNoCompareAndSet, "no compare-and-set"},
    MutationBName{MutationB::kProgressApart, "progress apart from the rows"},
    MutationBName{MutationB::kUnknownRepeatedUnchecked, "unknown repeated unchecked"},
};

struct CountsB {
  uint64_t steps = 0;
  uint64_t crashes = 0;
  uint64_t conflicts = 0;       // A compare-and-set that failed.
  uint64_t unknown = 0;         // Answers to COMMIT that got lost.
  uint64_t late_commits = 0;    // Of a worker that was dead or had given up.
  uint64_t records = 0;
  CountsB& operator+=(const CountsB& other);
};

// Runs one history. Empty: all held; else what did not.
std::string RunLinkB(uint64_t seed, MutationB mutation, CountsB& counts);

}  // namespace walrelay::sim
