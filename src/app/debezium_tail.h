// Where Debezium had come to in each partition, when its offset says where it had come to in the stream.
//
// Debezium's offset record names the last COMMIT that it has passed (lsn_commit) and nothing about
// Kafka. What it wrote of later transactions, before it stopped inside one or was killed, stands
// behind that in the partitions. This finds where, so that a position record can be made of the
// offset and the tail be recognised like our own (DESIGN.md §2): whatever Debezium had written
// already is not written again.
// An envelope says which commit came before its transaction: the first entry of `source.sequence`.
// In one partition that never decreases, so the tail begins behind the last record that was there
// before lsn_commit. A tombstone goes with the record before it. A partition whose records say
// nothing (unwrapped rows, heartbeats) has no tail: what Debezium wrote there may come again.
// CommitOrder is pure; FindTails reads Kafka. Source: FORMAT.md §3 `sequence`, §7, §8; Debezium's
// WalPositionLocator.
#pragma once

#include <map>
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
  kBefore,   // The record's transaction had been committed at `commit`, or it is a snapshot's.
  kAfter,    // It came later.
  kNeutral,  // The record does not say.
};

// Reads an envelope, or a record of the transaction topic. `commit`: lsn_commit; kNoLsn when
// Debezium had passed none, so that only the snapshot came before.
CommitOrder OrderOf(const ConsumedRecord& record, Lsn commit);

// By topic, the offset at which each partition's tail begins: its end where there is none.
// `partitions`: of the topics to look at. Reads backwards, more the longer a tail is. Errors as
// LogReader's.
absl::StatusOr<std::map<std::string, TopicPosition>> FindTails(
    kafka::LogReader& reader, const std::map<std::string, int32_t>& partitions, Lsn commit);

}  // namespace walrelay::app
