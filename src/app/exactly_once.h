// Keeps each record of the stream once in Kafka: recognises at start what an earlier run has
// written, and watches from then on that nobody else writes between our records.
//
// Joins the filter of replays (replay_filter.h) with the watch over offsets (kafka/contiguity.h),
// and asks Kafka what they need: bytes of tails as far as they have room, ends of partitions. A
// partition is opened before its first record: its end is asked for again, because requests of a
// process that was killed may have arrived since. What does not fit is DataLoss with
// ExitCode::kRecordsDiffer or kRecordsMissing, names every record by topic, partition, offset and
// LSN, and is returned from then on: no position may be written past it. With `accept` it is logged
// instead. Calls that ask Kafka block, bounded: ReadAhead(), Find() with a tail or at a partition's
// first record, Check() in doubt. Not thread-safe: the capture loop owns it. Source: DESIGN.md §2
// link A.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "app/replay_filter.h"
#include "base/status.h"
#include "change/record.h"
#include "kafka/contiguity.h"
#include "kafka/log_reader.h"
#include "kafka/partitions.h"

namespace walrelay::app {

// What ExactlyOnce asks Kafka. Unavailable when it does not answer in time.
class TopicDoor {
 public:
  virtual ~TopicDoor() = default;
  // The offset that the next record to this partition will have.
  virtual absl::StatusOr<int64_t> EndOffset(const TopicPartition& partition) = 0;
  // As kafka::LogReader::Read.
  virtual absl::Status Read(const std::map<TopicPartition, kafka::OffsetRange>& ranges,
                            kafka::LogReader::OnRecord on_record) = 0;
};

class ExactlyOnce {
 public:
  // Both outlive it.
  ExactlyOnce(TopicDoor& door, const kafka::PartitionTable& partitions, bool accept,
              ReplayFilter::IsClocked is_clocked = {});

  // At start: a partition holds next ≤ offset < end behind the position; both are its end where it
  // was looked at for the first time.
  void Start(kafka::PartitionId id, int64_t next, int64_t end);

  // Reads the beginnings of all tails together, while the server looks for where to begin: one
  // after the other costs a round trip each.
  absl::Status ReadAhead();
  // Topics that hold a tail.
  std::vector<std::string> topics_with_tails() const { return filter_.topics(); }

  // True when a record can go out without further questions: no tail is left, and its partition is
  // open.
  bool IsClear(kafka::PartitionId id) const { return filter_.done() && watch_.started(id); }
  // Where a record already stands; nullopt: it has to be sent, and its partition is open.
  absl::StatusOr<std::optional<ReplayFilter::Place>> Find(const Record& record,
                                                          kafka::PartitionId id);

  void Sent(kafka::PartitionId id) { watch_.Sent(id); }
  // Returns the record's offset: the one that it must have, where the report has none.
  int64_t Acknowledged(kafka::PartitionId id, int64_t offset);
  // The marker of a Kafka transaction of ours stands behind its records.
  void Marked(kafka::PartitionId id) { watch_.Marked(id); }
  // What Acknowledged() has found; to be called before a position is written.
  absl::Status Check();
  // The stream has given everything before this LSN, up to which an earlier run can have written.
  absl::Status Passed(Lsn end) { return filter_.CheckUsedUp(end); }

  bool is_open(kafka::PartitionId id) const { return watch_.started(id); }
  bool done() const { return filter_.done(); }
  const ReplayFilter::Counts& counts() const { return filter_.counts(); }
  // Records of somebody else that were met so far.
  uint64_t unexpected() const { return filter_.counts().unexpected + foreign_; }

 private:
  absl::Status Fetch(const std::map<TopicPartition, kafka::Tail*>& tails);
  absl::StatusOr<bool> Open(kafka::PartitionId id);
  absl::Status Report(const kafka::OffsetGap& gap);

  TopicDoor& door_;
  const kafka::PartitionTable& partitions_;
  bool accept_;
  ReplayFilter filter_;
  kafka::Contiguity watch_;
  std::vector<int64_t> end_;  // By PartitionId, until it is open: where its tail ends.
  std::optional<kafka::OffsetGap> gap_;
  uint64_t foreign_ = 0;
  absl::Status failure_;
};

}  // namespace walrelay::app
