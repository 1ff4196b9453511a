// Watches that nobody writes between our records: the offsets of one partition's reports must
// follow each other.
//
// A report may come without an offset (librdkafka gives none for a repeated request whose first
// attempt had arrived). Such records are counted: when the next report that has an offset, or the
// partition's end when nothing is in flight, is where counting says, nobody else can have written
// between them. Constant time per call, no allocation once a partition is known. Cannot fail. Not
// thread-safe: the capture loop owns it. Source: DESIGN.md §2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "kafka/partitions.h"

namespace walrelay::kafka {

// A partition does not hold what it should: of the offsets first ≤ offset < end, `ours` belong to
// records of ours and the rest to somebody else; end < first + ours: records of ours are missing.
struct OffsetGap {
  PartitionId partition = 0;
  int64_t first = 0;
  int64_t end = 0;
  int64_t ours = 0;
  bool operator==(const OffsetGap&) const = default;
};

class Contiguity {
 public:
  // Our next record to this partition will have the offset `next`.
  void Start(PartitionId partition, int64_t next);
  bool started(PartitionId partition) const {
    return partition < partitions_.size() && partitions_[partition].next >= 0;
  }

  // The offset that the next report must have.
  int64_t expected(PartitionId partition) const {
    return partitions_[partition].next + partitions_[partition].counted;
  }

  void Sent(PartitionId partition) { ++partitions_[partition].in_flight; }
  // A record is durable, at this offset or kNoOffset. Records of one partition come in order.
  std::optional<OffsetGap> Acknowledged(PartitionId partition, int64_t offset);

  // A transaction marker of ours takes the next offset. Nothing is in flight. A broker that crashes
  // between a commit and its markers may forget one (Kafka 4.3.0): where it is not there, the next
  // record stands in its place, and what was committed counts with the next marker.
  void Marked(PartitionId partition) {
    ++partitions_[partition].next;
    partitions_[partition].behind_marker = true;
  }
  // Where a marker was not there, since the last call.
  std::vector<PartitionId> TakeUnmarked() { return std::exchange(unmarked_, {}); }

  // A partition with nothing in flight whose last reports had no offset: its end must be looked at.
  std::optional<PartitionId> doubtful();
  // Where a doubtful partition ends.
  std::optional<OffsetGap> Ends(PartitionId partition, int64_t end);

 private:
  struct Partition {
    int64_t next = -1;     // After the last record whose offset is certain; -1: not started.
    int64_t counted = 0;   // Records of ours since, without an offset.
    size_t in_flight = 0;
    bool behind_marker = false;  // Nothing has been reported since Marked().
  };

  void PassOverMarker(PartitionId partition, int64_t seen);

  std::vector<Partition> partitions_;
  std::vector<PartitionId> in_doubt_;  // Also those that were settled meanwhile.
  std::vector<PartitionId> unmarked_;
};

}  // namespace walrelay::kafka
