// Link A, PostgreSQL to Kafka, as a simulation: one seed is one history of a source, a broker, a
// network and a process that is killed again and again.
//
// The process is made of the production parts: start_decision, exactly_once with replay_filter, tail
// and contiguity, ack_watermark. Only what joins them, app/kafka_link and capture_session, is written
// again here, without sockets and clocks. A scheduler picks the next step by the seed: the process
// takes one record, the broker takes one request (of whichever producer, dead ones included), an
// answer gets lost and the request comes again, a report arrives, a position is written or confirmed,
// the process dies, the source crashes and its slot goes back, somebody else writes a record.
// Asserted at every step: confirmed_flush ≤ position record ≤ what Kafka holds. At the end: each
// record once and in order, or a stop that had a cause.
// A mutation is a broken process that must be caught. Source: DESIGN.md §2 link A; FAULTS.md §7.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace walrelay::sim {

enum class MutationA {
  kNone,
  kConfirmBeforeAcknowledgement,  // The slot follows the position sent, not the durable one.
  kPositionPassesOpenRecords,     // The position is the last commit, acknowledged or not.
  kPositionTakesTheEnds,          // Its next offsets are the partitions' ends, not what it covers.
  kTailIgnored,                   // At least once.
  kSkipByLsn,                     // Whatever is not beyond the highest LSN of the tail is skipped.
  kSkipInAnyOrder,                // A record is looked for anywhere in the tail.
  kEndNotAskedAgain,              // A partition is opened where its tail ended at start.
  kOffsetsNotWatched,             // Gaps between our records go unseen.
  kReportsWithoutOffsetTrusted,   // The end is not asked for after them.
  kTopicNotRegistered,            // A topic's first record goes out before its ends are durable.
  kNewestPositionCounts,          // Not the one of the highest generation.
  kClaimNotVerified,              // Nor is it looked who was the first of a generation.
  kTailNotUsedUpIgnored,          // What the stream has not given is forgotten.
};
struct MutationAName {
  MutationA mutation;
  std::string_view name;
};
inline constexpr std::array kMutationsA = {
    MutationAName{MutationA::kConfirmBeforeAcknowledgement, "confirm before acknowledgement"},
    MutationAName{MutationA::kPositionPassesOpenRecords, "position passes open records"},
    MutationAName{MutationA::kPositionTakesTheEnds, "position takes the ends"},
    MutationAName{MutationA::kTailIgnored, "tail ignored"},
    MutationAName{MutationA::kSkipByLsn, "skip by event LSN"},
    MutationAName{MutationA::kSkipInAnyOrder, "skip in any order"},
    MutationAName{MutationA::kEndNotAskedAgain, "end not asked again"},
    MutationAName{MutationA::kOffsetsNotWatched, "offsets not watched"},
    MutationAName{MutationA::kReportsWithoutOffsetTrusted, "reports without offset trusted"},
    MutationAName{MutationA::kTopicNotRegistered, "topic not registered"},
    MutationAName{MutationA::kNewestPositionCounts, "newest position counts"},
    MutationAName{MutationA::kClaimNotVerified, "claim not verified"},
    MutationAName{MutationA::kTailNotUsedUpIgnored, "tail not used up, ignored"},
};

// What happened, so that a run without faults is not taken for a proof.
struct CountsA {
  uint64_t steps = 0;
  uint64_t crashes = 0;
  uint64_t slot_back = 0;
  uint64_t zombies = 0;         // Requests of dead processes that the broker took.
  uint64_t lost_answers = 0;
  uint64_t foreign = 0;         // Records of somebody else.
  uint64_t skipped = 0;         // Records found in Kafka.
  uint64_t stops = 0;           // With a cause.
  uint64_t records = 0;         // In the logs at the end.
  CountsA& operator+=(const CountsA& other);
};

// Runs one history. Empty: all held; else what did not.
std::string RunLinkA(uint64_t seed, MutationA mutation, CountsA& counts);

}  // namespace walrelay::sim
