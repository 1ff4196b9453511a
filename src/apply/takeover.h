// Going on where a consumer before us has stopped, or where an operator wants to: the sink's tables
// are taken as they are, no raw event is written twice, none is left out.
//
// The consumer commits its offsets to Kafka and writes its rows in two steps, and may have been
// killed between them. What it has written is seen in cdc_raw.cdc_events, whose rows name topic,
// partition and offset. So a partition begins at the first offset that is not both committed and
// stored. From there on the mirrors are applied (again: a replay changes nothing); raw events that
// are there already are remembered in walrelay.stored_events and passed over. A target has no raw
// events: it begins where the group says. Errors as pg/connection.h, and DataLoss where a raw event
// lies beyond the end of its topic, which was then made anew. One thread at a time. Source:
// DESIGN.md §2 "Link B"; the pipeline's document, "Python Consumer".
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "apply/sink.h"
#include "change/record.h"
#include "pg/connection.h"

namespace walrelay::apply {

// Which offsets have their raw event already, though the progress has not passed them.
class StoredEvents {
 public:
  void Add(const TopicPartition& partition, int64_t first, int64_t end);
  bool empty() const { return runs_.empty(); }
  bool Contains(const TopicPartition& partition, int64_t offset) const;
  // What lies below `next` is not asked for any more.
  void Passed(const TopicPartition& partition, int64_t next);

 private:
  using Runs = std::map<int64_t, int64_t>;  // First offset to the one after the last.
  std::map<TopicPartition, Runs> runs_;
};

// Where a partition begins. Pure. Nullopt: there is nothing to take over.
std::optional<int64_t> TakeoverStart(const PartitionToTake& partition,
                                     std::optional<int64_t> newest_stored);

class Takeover {
 public:
  Takeover(pg::Connection& connection, std::string pipeline, SinkKind kind);

  // Only reads, and may be asked of a database that no sink has ever used. Partitions without
  // anything to take over are left out.
  absl::StatusOr<std::vector<TakenPartition>> Plan(std::span<const PartitionToTake> partitions);
  // Plans, and moves the progress there, in one transaction. Waits for sessions that are still
  // writing raw events.
  absl::StatusOr<std::vector<TakenPartition>> Take(std::span<const PartitionToTake> partitions);

  // The same for offsets that an operator has chosen. Both call for an open transaction.
  absl::StatusOr<std::vector<TakenPartition>> CountStored(
      const std::map<TopicPartition, int64_t>& starts);
  // With `back` also to offsets that were applied before; their dead letters are dropped, since
  // their records come again.
  absl::Status MoveTo(const std::vector<TakenPartition>& partitions, bool back);

  // Of partitions that the progress has not passed.
  absl::StatusOr<StoredEvents> Load();

 private:
  absl::Status DropLetters(std::string_view topics, std::string_view partitions,
                           std::string_view offsets);
  absl::Status Begin(std::string_view mode);
  absl::Status HasRawEvents();
  absl::StatusOr<std::map<TopicPartition, int64_t>> NewestStored(
      std::span<const PartitionToTake> partitions);

  pg::Connection& connection_;
  std::string pipeline_;
  std::string sink_;
  bool has_raw_;
};

}  // namespace walrelay::apply
