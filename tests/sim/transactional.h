// Link A with delivery = "transactional", as a simulation: two processes of one pipeline, the broker's
// transaction coordinator, and one seed for each history.
//
// The parts are those of link_a.h, and position_memory. Kafka transactions are played as the broker
// plays them: a producer that was fenced is refused; a commit is decided first, and its marker comes
// to each partition later; what is aborted keeps its offsets; readers see up to the first record that
// is not decided. A scheduler picks the next step by the seed: a process asks, takes over, writes or
// ends a Kafka transaction, somewhere inside of a source transaction too; requests of dead processes
// arrive, answers get lost; a process is killed, or loses its slot without noticing; the broker gives
// a transaction up; the source crashes and its slot goes back.
// Asserted at every step: confirmed_flush ≤ position record ≤ what is committed. At the end: each
// record once and in order, nobody has stopped, but for those that somebody has taken over from.
// A mutation is a broken process that must be caught. Source: DESIGN.md §2 link A; PROTOCOL.md §3.7.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace walrelay::sim {

enum class MutationT {
  kNone,
  kPositionBeforeInit,    // It is read before init_transactions, and written anew after it.
  kPositionOutside,       // It is written before the commit, but not as a part of it.
  kConfirmBeforeCommit,   // The slot follows the position that was written, not the committed one.
  kUnknownTakenAsDone,    // So does it when nobody has answered the commit.
  kNotFenced,             // Each process has a transactional.id of its own.
  kMarkersNotWaitedFor,   // init_transactions returns before what was decided can be seen.
  kNewTopicNotSaid,       // A topic that is new to a run is missing in that run's positions.
  kMarkersNotCounted,     // They take no offsets.
  kVoidNotCounted,        // A report without an offset is counted over what is void.
  kGapBelieved,           // It stops where the broker's own marker stands between its records.
  kTailHoldsAborted,      // Void records are recognised as written.
  kTakeOverNotRemembered, // A process forgets that it has taken over until it has written more.
  kSlotNotWaitedFor,      // It takes over from a process that streams.
};
struct MutationTName {
  MutationT mutation;
  std::string_view name;
};
inline constexpr std::array kMutationsT = {
    MutationTName{MutationT::kPositionBeforeInit, "position read before init_transactions"},
    MutationTName{MutationT::kPositionOutside, "position outside of the transaction"},
    MutationTName{MutationT::kConfirmBeforeCommit, "confirm before the commit"},
    MutationTName{MutationT::kUnknownTakenAsDone, "unknown outcome taken as done"},
    MutationTName{MutationT::kNotFenced, "nobody is fenced"},
    MutationTName{MutationT::kMarkersNotWaitedFor, "markers not waited for"},
    MutationTName{MutationT::kNewTopicNotSaid, "new topic not in the position"},
    MutationTName{MutationT::kMarkersNotCounted, "markers not counted"},
    MutationTName{MutationT::kVoidNotCounted, "report without offset counted over what is void"},
    MutationTName{MutationT::kGapBelieved, "the broker's marker taken for a foreign record"},
    MutationTName{MutationT::kTailHoldsAborted, "tail holds what was aborted"},
    MutationTName{MutationT::kTakeOverNotRemembered, "take-over not remembered"},
    MutationTName{MutationT::kSlotNotWaitedFor, "slot not waited for"},
};

// What happened, so that a run without faults is not taken for a proof.
struct CountsT {
  uint64_t steps = 0;
  uint64_t crashes = 0;
  uint64_t slots_lost = 0;   // By a process that does not know it.
  uint64_t slot_back = 0;
  uint64_t take_overs = 0;   // init_transactions.
  uint64_t refused = 0;      // Requests of who was fenced.
  uint64_t ended = 0;        // Processes that have ended because of that.
  uint64_t aborted = 0;      // Kafka transactions, by whomever.
  uint64_t parts = 0;        // Kafka transactions that ended inside of a source transaction.
  uint64_t unknown = 0;      // Commits that a process has no answer to.
  uint64_t lost_answers = 0;
  uint64_t skipped = 0;      // Records found in Kafka.
  uint64_t records = 0;      // Committed, at the end.
  CountsT& operator+=(const CountsT& other);
};

// Runs one history. Empty: all held; else what did not.
std::string RunTransactional(uint64_t seed, MutationT mutation, CountsT& counts);

}  // namespace walrelay::sim
