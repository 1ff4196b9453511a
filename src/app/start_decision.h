// How to start: one pure function from what the servers say to an action, or to the reason why not.
//
// Whoever starts has read the slot, our position record, Debezium's offset record, IDENTIFY_SYSTEM,
// the timeline history and the topics. Nothing is re-created silently: where the answer could lose
// changes, the program stops with its own exit code, the range of LSNs at stake and the command
// that repairs it. Pure; tested as a table. Source: DESIGN.md §2 "Start-up is one pure function";
// OPTIONS.md §2.1, §3.5.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "app/exit_code.h"
#include "app/known_history.h"
#include "app/snapshot_mode.h"
#include "change/lsn.h"
#include "change/position.h"
#include "change/record.h"
#include "envelope/connect_offset.h"

namespace walrelay::app {

// The slot, as pg_replication_slots shows it.
struct SlotFacts {
  std::string plugin;
  std::string database;
  bool lost = false;  // wal_status lost, or invalidated.
  std::string lost_reason;
  Lsn restart_lsn{};
  Lsn confirmed_flush{};
};

// One line of a timeline history file: `timeline` ended at `switch_point`.
struct TimelineSwitch {
  uint32_t timeline = 0;
  Lsn switch_point{};
};

// What Debezium's record in the Connect offsets topic says.
struct ConnectFacts {
  int64_t offset = 0;  // Where the record stands in the topic: newer than position.connect_offset
                       // means not ours, or that we were killed before a position named it.
  bool snapshot_unfinished = false;
  Lsn resume{};       // lsn_proc, else lsn.
  Lsn last_commit{};  // lsn_commit; kNoLsn: no commit was passed yet.

  Lsn passed() const { return std::max(last_commit, resume); }
};
// `record` is where the record with this value stands in its topic.
ConnectFacts MakeConnectFacts(const envelope::ConnectOffset& value, int64_t record);
// Whether Debezium has run since the position: the record is behind the one that the position
// names, and says more than the position (an intent: than where its slot goes on). One that does
// not changes nothing: it is ours, and we were killed before a position named it, or Debezium had
// nothing to do.
bool HasRunSince(const ConnectFacts& connect, const PositionRecord& position);

// What a partition that the position knows holds now. Offsets next ≤ offset < end: its tail.
struct TailFacts {
  TopicPartition partition;
  int64_t next = 0;    // By the position.
  int64_t begin = 0;   // The oldest record that is there.
  int64_t end = 0;     // Where the next one goes.
  bool gone = false;   // There is no such topic, or no such partition.
  bool is_void = false;  // Nothing stands from `next` on but what transactions have left.
};

struct StartFacts {
  SnapshotMode mode = SnapshotMode::kInitial;
  std::string slot_name;
  std::string database;
  std::string system_identifier;
  uint32_t timeline = 0;
  std::vector<TimelineSwitch> timeline_history;
  Lsn server_flush{};
  std::optional<SlotFacts> slot;
  std::optional<PositionRecord> position;
  std::optional<ConnectFacts> connect;
  std::string options_hash;                         // Of the options in force now.
  std::vector<std::string> topics_with_records;     // Of this pipeline; where there is no position.
  std::map<std::string, int32_t> partition_counts;  // Of the topics that exist.
  bool trust_slot = false;                          // offset.mismatch.strategy.
  bool exactly_once = false;                        // pipeline.delivery.
  bool accept_topic_mismatch = false;               // pipeline.topic.mismatch.
  std::vector<TailFacts> tails;  // Of the topics of the position; exactly once only.
};

// Take a snapshot, then stream (unless the mode says otherwise).
struct TakeSnapshot {
  bool drop_slot_first = false;  // It is one that an unfinished snapshot has made, or of no use.
  bool create_slot = true;  // False: the slot is there and keeps its position, or none is needed.
  bool stream_after = true;
  Lsn stream_from{};  // Where create_slot is false: streaming begins here after the snapshot.
  bool operator==(const TakeSnapshot&) const = default;
};
// Stream from `from` without a snapshot.
struct StreamFrom {
  Lsn from{};
  bool create_slot = false;  // Make it first and begin at its consistent point.
  bool adopt = false;        // The slot is not ours yet: a new epoch begins at `from`.
  // With adopt: Debezium's offset says that it had passed this commit, and what it wrote of later
  // transactions is to be recognised (debezium_tail.h). kNoLsn: it had passed none.
  std::optional<Lsn> debezium_passed = std::nullopt;
  // Set: what the server still has of the changes before `from` tells whether its history is the
  // one that Kafka has.
  std::optional<KnownHistory::Bounds> known = std::nullopt;
  bool operator==(const StreamFrom&) const = default;
};
struct RefuseToStart {
  ExitCode code{};
  std::string message;  // What is at stake and the command that repairs it, in one line.
};

struct StartDecision {
  std::variant<TakeSnapshot, StreamFrom, RefuseToStart> action;
  std::string note;  // Worth a line in the log, if not empty.
};

StartDecision DecideStart(const StartFacts& facts);

}  // namespace walrelay::app
