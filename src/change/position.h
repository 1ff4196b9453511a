// Where we are: the identity of a stream, and the position record that says up to where Kafka has everything.
//
// The record is written to the topic __walrelay_positions (key: the slot's name) and read at start. Its JSON form, and
// that of the Connect offset, are made by kafka/position_codec. DESIGN.md §2 says what may be concluded from it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "change/lsn.h"

namespace walrelay {

// Which history LSNs belong to. Two positions compare only within one epoch.
struct Epoch {
  std::string system_identifier;  // IDENTIFY_SYSTEM's systemid, as text.
  uint32_t timeline = 0;
  Lsn incarnation{};  // The slot's consistent point, or its confirmed_flush when we adopted it, or
                      // where we were moved to.
  bool operator==(const Epoch&) const = default;
};

// Where one topic's partitions stood: next[p] is the offset after the last record of ours that is covered, or the
// partition's end when we first touched it.
struct TopicPosition {
  std::vector<int64_t> next;  // One entry a partition; its size pins the partition count. -1: never looked at.
  bool operator==(const TopicPosition&) const = default;
};

enum class PositionPhase {
  // A snapshot is under way; a restart that finds it starts over. end_lsn says nothing.
  kSnapshotIntent,  // Acknowledged before CREATE_REPLICATION_SLOT, or the slot is kept and goes on
                    // at epoch.incarnation.
  kSnapshotSlot,    // The slot was created for it; epoch.incarnation is its consistent point.
  kStreaming,
};

// There was no record in the Connect offsets topic.
inline constexpr int64_t kNoConnectRecord = -1;

struct PositionRecord {
  int version = 1;  // Of this format. A newer one is refused.
  PositionPhase phase = PositionPhase::kStreaming;
  std::string slot;
  Epoch epoch;
  Lsn end_lsn{};                 // Everything that committed before it is acknowledged by Kafka.
  Lsn last_commit_lsn{};         // End LSN of the last COMMIT or non-transactional message: first part of `sequence`. 0: none yet.
  int64_t last_commit_micros = 0;  // Its time, since 1970. 0: it has none, or a record of before.
  std::string options_hash;      // Of the options that shape the stream; hex.
  std::map<std::string, TopicPosition> topics;
  // Offset of our last record in the Connect offsets topic, or of the one that our start found
  // there: a later one that says more is Debezium's. Without one: not known, or there is no such
  // topic.
  std::optional<int64_t> connect_offset;
  int64_t generation = 0;        // One more than that of the record that its writer began with: a request of a process that
                                 // is dead may arrive late, and must not count.
  bool claimed = false;          // Its writer has seen that it was the first of this generation: no other one is.
  std::string writer;            // The run of a process that wrote it; empty in records of before.
  bool transactional = false;    // It was written in a Kafka transaction, with the records before it.
  int64_t written_at_ms = 0;     // For people only.
  bool operator==(const PositionRecord&) const = default;
};

}  // namespace walrelay
