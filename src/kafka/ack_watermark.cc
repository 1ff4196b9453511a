#include "kafka/ack_watermark.h"

#include "base/check.h"

namespace walrelay::kafka {
namespace {

// Grows a vector that is indexed by PartitionId.
template <class T>
void Reach(std::vector<T>& values, PartitionId partition, T fill) {
  if (partition >= values.size()) values.resize(partition + 1, fill);
}

}  // namespace

AckWatermark::AckWatermark(Lsn start, Lsn last_commit, int64_t last_commit_micros)
    : position_{.end_lsn = start,
                .last_commit_lsn = last_commit,
                .last_commit_micros = last_commit_micros,
                .next = {}},
      committed_(start),
      last_commit_lsn_(last_commit),
      last_commit_micros_(last_commit_micros) {}

void AckWatermark::Start(PartitionId partition, int64_t next) {
  Reach(position_.next, partition, kNoOffset);
  Reach(next_, partition, kNoOffset);
  Reach(is_pending_, partition, false);
  position_.next[partition] = next;
  next_[partition] = next;
}

AckWatermark::Ticket AckWatermark::Sent(PartitionId partition) {
  open_.push_back({.partition = partition, .acknowledged = false, .offset = kNoOffset});
  ++in_flight_;
  return first_open_ + open_.size() - 1;
}

PartitionId AckWatermark::Acknowledged(Ticket ticket, int64_t offset) {
  CHECK(ticket >= first_open_);
  CHECK(ticket - first_open_ < open_.size());
  Open& record = open_[ticket - first_open_];
  CHECK(!record.acknowledged);
  record.acknowledged = true;
  record.offset = offset;
  --in_flight_;
  const PartitionId partition = record.partition;
  if (ticket == first_open_) FoldAcknowledged();
  return partition;
}

void AckWatermark::Marked(PartitionId partition) {
  CHECK(in_flight_ == 0);
  if (next_[partition] == kNoOffset) return;
  ++next_[partition];
  // Where records of an unfinished transaction stand in between, the position does not reach it.
  if (!is_pending_[partition]) ++position_.next[partition];
}

void AckWatermark::Committed(Lsn end_lsn, Lsn last_commit_lsn, int64_t last_commit_micros) {
  CHECK(end_lsn >= committed_);
  committed_ = end_lsn;
  last_commit_lsn_ = last_commit_lsn;
  last_commit_micros_ = last_commit_micros;
  const Ticket first_after = first_open_ + open_.size();
  if (commits_.empty() || commits_.back().first_after != first_after) {
    commits_.push_back({.first_after = first_after,
                        .end_lsn = end_lsn,
                        .last_commit_lsn = last_commit_lsn,
                        .last_commit_micros = last_commit_micros});
  } else {
    // Nothing was sent since the last one: one mark says both.
    commits_.back().end_lsn = end_lsn;
    commits_.back().last_commit_lsn = last_commit_lsn;
    commits_.back().last_commit_micros = last_commit_micros;
  }
  CoverUpTo(first_open_);
}

// Moves the acknowledged prefix forward, and the position with it at each commit that it passes.
void AckWatermark::FoldAcknowledged() {
  while (!open_.empty() && open_.front().acknowledged) {
    const Open record = open_.front();
    CoverUpTo(first_open_);
    open_.pop_front();
    ++first_open_;

    Reach(next_, record.partition, kNoOffset);
    Reach(is_pending_, record.partition, false);
    int64_t& next = next_[record.partition];
    // Without an offset the record is counted: records of one partition follow each other without a
    // gap.
    if (record.offset != kNoOffset) {
      next = record.offset + 1;
    } else if (next != kNoOffset) {
      ++next;
    }
    if (!is_pending_[record.partition]) {
      is_pending_[record.partition] = true;
      pending_.push_back(record.partition);
    }
  }
  CoverUpTo(first_open_);
}

// Makes the commits whose records are all below `prefix_end` the position. next_ must be that of
// the prefix.
void AckWatermark::CoverUpTo(Ticket prefix_end) {
  if (commits_.empty() || commits_.front().first_after > prefix_end) return;
  while (!commits_.empty() && commits_.front().first_after <= prefix_end) {
    position_.end_lsn = commits_.front().end_lsn;
    position_.last_commit_lsn = commits_.front().last_commit_lsn;
    position_.last_commit_micros = commits_.front().last_commit_micros;
    commits_.pop_front();
  }
  for (const PartitionId partition : pending_) {
    Reach(position_.next, partition, kNoOffset);
    position_.next[partition] = next_[partition];
    is_pending_[partition] = false;
  }
  pending_.clear();
}

}  // namespace walrelay::kafka
