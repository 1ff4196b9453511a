// What the stages count: plain numbers that their own thread adds to, and publishes about once a
// second.
//
// The way of the data touches no lock and no atomic: the capture loop and each sink worker own
// their struct, keep it across reconnects (so that counters only grow while the process lives), and
// hand a copy to Metrics::Publish(). Names of fields end in their unit. Not thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "change/lsn.h"

namespace walrelay::admin {

// The kinds of events, in Debezium's letters: r c u d t m.
enum class Op : uint8_t { kRead, kCreate, kUpdate, kDelete, kTruncate, kMessage };
inline constexpr size_t kOps = 6;

// One table's events by kind.
struct OpCounts {
  std::array<uint64_t, kOps> count{};
  void Add(Op op, uint64_t events = 1) { count[static_cast<size_t>(op)] += events; }
  bool operator==(const OpCounts&) const = default;
};

// Events by table. A label without a bound would make the scrape as long as the catalog: tables
// after the first kMaxTables share one entry.
class TableCounts {
 public:
  static constexpr size_t kMaxTables = 1000;
  static constexpr std::string_view kOthers = "(others)";

  // The entry of "schema.table". The reference stays valid as long as this object: keep it beside
  // the relation plan, and an event costs one addition.
  OpCounts& Of(std::string_view table) {
    const auto found = tables_.find(table);
    if (found != tables_.end()) return found->second;
    return tables_[std::string(tables_.size() < kMaxTables ? table : kOthers)];
  }
  const std::map<std::string, OpCounts, std::less<>>& tables() const { return tables_; }
  TableCounts& operator+=(const TableCounts& other);

 private:
  std::map<std::string, OpCounts, std::less<>> tables_;
};

// Durations in fixed classes, from half a millisecond to a minute.
struct DurationCounts {
  static constexpr std::array<double, 16> kBoundsSeconds = {
      0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
      0.25,   0.5,   1.0,    2.5,   5.0,  10.0,  30.0, 60.0};
  std::array<uint64_t, kBoundsSeconds.size() + 1>
      count{};  // Not cumulative; the last one is beyond the last bound.
  double sum_seconds = 0;

  void Observe(double seconds) {
    size_t i = 0;
    while (i < kBoundsSeconds.size() && seconds > kBoundsSeconds[i]) ++i;
    ++count[i];
    sum_seconds += seconds;
  }
  DurationCounts& operator+=(const DurationCounts& other);
};

// The slot and the server's end of WAL, as a query shows them (every 10 s or so, from the catalog
// connection; keepalives do not tell where the WAL ends, only how far the walsender has read).
struct SlotSample {
  Lsn server_end{};  // pg_current_wal_flush_lsn().
  Lsn restart_lsn{};
  Lsn confirmed_flush{};
  int64_t retained_bytes =
      0;  // server_end - restart_lsn: what the slot keeps on the source's disk.
  std::optional<int64_t>
      safe_wal_size_bytes;  // None: max_slot_wal_keep_size is unlimited, or the server is too old.
  std::string wal_status;   // reserved, extended, unreserved, lost; empty where the server has no
                            // such column.
  bool active = false;
};

struct SnapshotProgress {
  uint64_t tables = 0;
  uint64_t tables_done = 0;
  uint64_t rows = 0;
  uint64_t rows_estimated = 0;  // By pg_class.reltuples.
  double seconds = 0;
  bool running = false;
};

struct CaptureCounters {
  // Only ever growing.
  TableCounts events;            // Changes that became records.
  uint64_t filtered_events = 0;  // Changes that filters or skipped.operations dropped.
  uint64_t transactions = 0;     // Commits passed.
  uint64_t wal_bytes = 0;     // Everything received on the replication connection, keepalives too.
  uint64_t records = 0;       // Given to the Kafka producer: events, tombstones, heartbeats, …
  uint64_t record_bytes = 0;  // Their keys and values.
  uint64_t records_acknowledged = 0;
  uint64_t replayed_records = 0;    // Made again after a start, up to where the WAL ended then.
  uint64_t skipped_records = 0;     // Of these, found in Kafka and not written again.
  uint64_t unexpected_records = 0;  // Of somebody else, where ours should be (topic.mismatch).
  uint64_t positions_written = 0;  // Acknowledged position records.
  uint64_t reconnects = 0;         // Of the replication connection, after the first connect.
  DurationCounts produce_delay;    // Source commit → acknowledged by Kafka; one observation a
                                   // transaction or less.

  // As they are now.
  bool connected = false;  // The replication connection streams.
  Lsn received{};          // End of what was received.
  Lsn position{};          // end_lsn of the newest acknowledged position record.
  Lsn confirmed{};         // Sent to the server as flushed.
  int64_t oldest_open_commit_micros =
      0;  // Commit time (since 1970) of the oldest transaction not acknowledged; 0: none.
  int64_t last_event_micros = 0;     // Commit time of the newest event; 0: none yet.
  uint64_t kafka_queue_records = 0;  // In the producer.
  uint64_t kafka_queue_bytes = 0;
  std::optional<SlotSample> slot;  // The newest sample.
  SnapshotProgress snapshot;
};

// One worker of a sink.
struct SinkCounters {
  // Only ever growing.
  TableCounts events;         // Records applied, by source table.
  uint64_t batches = 0;       // Database transactions committed.
  uint64_t records = 0;       // Consumed and applied, tombstones too.
  uint64_t record_bytes = 0;  // Their keys and values.
  uint64_t rows = 0;          // Written to raw and mirror tables, deletes counted.
  uint64_t dead_letters = 0;
  uint64_t retries = 0;     // Failures after which it tries again.
  uint64_t reconnects = 0;  // Of the database connection, after the first connect.
  DurationCounts batch_duration;  // Of one database transaction with its plan.
  DurationCounts
      apply_delay;  // Source commit → committed here, of the newest event; one observation a batch.

  // As they are now.
  bool connected = false;
  uint64_t partitions = 0;              // Assigned to this worker.
  uint64_t incomplete_rows = 0;         // Of the whole sink: walrelay.incomplete_rows.
  uint64_t parked_topics = 0;           // The same; they wait for somebody.
  std::optional<uint64_t> lag_records;  // In Kafka and not applied; none: not known.
  int64_t oldest_waiting_micros =
      0;  // When the oldest record that is not applied yet was produced, since 1970; 0: none waits.
  int64_t last_event_micros = 0;  // Source commit time of the newest event applied; 0: none yet.
};

}  // namespace walrelay::admin
