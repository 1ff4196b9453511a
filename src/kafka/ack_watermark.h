// Finds what a position record may say: the highest commit with nothing open below it, and where
// each partition stood then.
//
// Kafka acknowledges records of different partitions in any order. The position must not pass a
// record still in flight: after a crash PostgreSQL would not send it again. AckWatermark therefore
// follows the longest acknowledged prefix, and stops at commits only. The slot is confirmed up to a
// position record that is itself acknowledged, which is its owner's business. Cannot fail.
// Amortised constant time per call, memory by records in flight and not by the size of a
// transaction. Not thread-safe: the capture loop owns it. Source: DESIGN.md §2; PostgreSQL manual,
// "Streaming Replication Protocol", Standby status update.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "change/lsn.h"
#include "kafka/partitions.h"
#include "kafka/ring.h"

namespace walrelay::kafka {

// An offset that nobody knows: the partition was never looked at, or a delivery report had none.
inline constexpr int64_t kNoOffset = -1;

struct AckedPosition {
  Lsn end_lsn{};          // Everything that committed before it is acknowledged. Never decreases.
  Lsn last_commit_lsn{};  // As the last Committed() that is covered had it.
  int64_t last_commit_micros = 0;  // The same.
  std::vector<int64_t> next;  // By PartitionId: the offset after the last covered record, or what
                              // Start() said; kNoOffset or beyond the end: never touched.
};

class AckWatermark {
 public:
  using Ticket = uint64_t;  // Names one record in flight. Tickets count up from 0.

  explicit AckWatermark(Lsn start, Lsn last_commit = kNoLsn, int64_t last_commit_micros = 0);

  // Where a partition stands before our first record to it: part of position() at once.
  void Start(PartitionId partition, int64_t next);
  // A record goes out.
  Ticket Sent(PartitionId partition);
  // Which partition an open one went to.
  PartitionId PartitionOf(Ticket ticket) { return open_[ticket - first_open_].partition; }
  // It is durable, at this offset or kNoOffset. Once per ticket. Returns its partition.
  PartitionId Acknowledged(Ticket ticket, int64_t offset);
  // A transaction marker of ours takes the offset behind the last record. Nothing is in flight.
  void Marked(PartitionId partition);
  // All records of a transaction have been Sent(); or, with none since the last call, the stream is
  // known to have nothing for us up to here. LSNs do not decrease. The time is the last commit's, 0
  // where it has none.
  void Committed(Lsn end_lsn, Lsn last_commit_lsn, int64_t last_commit_micros);
  void Committed(Lsn end_lsn) { Committed(end_lsn, last_commit_lsn_, last_commit_micros_); }

  // The highest commit with nothing open below it.
  const AckedPosition& position() const { return position_; }
  // Records that are Sent() and not Acknowledged().
  size_t in_flight() const { return in_flight_; }
  // True when position() is the last commit and no record came after it.
  bool idle() const { return open_.empty() && commits_.empty() && pending_.empty(); }
  // The end LSN of the last Committed(), covered or not.
  Lsn committed() const { return committed_; }

 private:
  struct Open {
    PartitionId partition;
    bool acknowledged;
    int64_t offset;
  };
  struct Commit {
    Ticket first_after;  // The ticket that the first record after the commit has.
    Lsn end_lsn;
    Lsn last_commit_lsn;
    int64_t last_commit_micros;
  };

  void FoldAcknowledged();
  void CoverUpTo(Ticket prefix_end);

  AckedPosition position_;
  Lsn committed_;
  Lsn last_commit_lsn_;
  int64_t last_commit_micros_;
  Ticket first_open_ = 0;  // The ticket of open_.front(); every lower one is acknowledged.
  size_t in_flight_ = 0;
  Ring<Open> open_;       // From the first unacknowledged record on.
  Ring<Commit> commits_;  // Not covered yet.
  std::vector<int64_t>
      next_;  // As position_.next, but of the acknowledged prefix, ahead of the commit.
  std::vector<PartitionId> pending_;  // Where next_ differs from position_.next; each once.
  std::vector<bool> is_pending_;      // By PartitionId.
};

}  // namespace walrelay::kafka
