// Where Debezium had come to in each partition, when its offset says where it had come to in the
// stream.
//
// Debezium's offset record names the last COMMIT that it has passed (lsn_commit) and nothing about
// Kafka. What it wrote of later transactions, before it stopped inside one or was killed, stands
// behind that in the partitions. This finds where, so that a position record can be made of the
// offset and the tail be recognised like our own (DESIGN.md §2): whatever Debezium had written
// already is not written again.
// An envelope says which commit came before its transaction: the first entry of `source.sequence`.
// In one partition that never decreases, so the tail begins with the first record that came later
// than lsn_commit, and all behind it did. A tombstone goes with the record before it. A partition
// whose records say nothing (unwrapped rows, heartbeats) has no tail: what Debezium wrote there may
// come again.
// Where the stream begins later than at that commit (the slot is ahead of the offset), records of
// transactions in between do not come again and are no part of the tail. What follows the last
// commit before the beginning is in doubt, as no record says where it ends; that may be more than
// one transaction, since a Debezium that starts again behind its offset names the same commit
// again. The stream tells: its first transaction is one of these, or none of them comes. OrderOf is
// pure; the others read Kafka. Source: FORMAT.md §3 `sequence`, §7, §8; Debezium's
// WalPositionLocator.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "change/lsn.h"
#include "change/position.h"
#include "change/record.h"
#include "kafka/log_reader.h"

namespace walrelay::app {

enum class CommitOrder {
  kBefore,  // The record's transaction had been committed at `commit`, or it is a snapshot's.
  kAfter,  // It came later. Of the BEGIN of a transaction only what stands behind it can deny that.
  kNeutral,  // The record does not say.
};

// Reads an envelope, or a record of the transaction topic. `commit`: lsn_commit; kNoLsn when
// Debezium had passed none, so that only the snapshot came before.
CommitOrder OrderOf(const ConsumedRecord& record, Lsn commit);

// By topic, the offset at which each partition's tail begins: its end where there is none.
using TailsByTopic = std::map<std::string, TopicPosition>;

struct DebeziumTails {
  TailsByTopic topics;
  Lsn last_commit{};       // What the records of the first transaction to come name as the commit
                           // before.
  std::set<Xid> doubtful;  // Only if the stream begins with it does one of them belong to a tail.
};

// `partitions`: of the topics to look at. `passed`: lsn_commit. `begin`: where the stream begins,
// not before `passed`. Reads backwards, more the longer a tail is. Errors as LogReader's.
absl::StatusOr<DebeziumTails> FindTails(kafka::LogReader& reader,
                                        const std::map<std::string, int32_t>& partitions,
                                        Lsn passed, Lsn begin);
// The same once it is known that these transactions do not come. `last_commit`: as found.
absl::StatusOr<TailsByTopic> FindTailsWithout(kafka::LogReader& reader,
                                              const std::map<std::string, int32_t>& partitions,
                                              Lsn last_commit, const std::set<Xid>& gone);

}  // namespace walrelay::app
