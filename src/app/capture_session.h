// One session of the capture stage: the connections, and what snapshot and streaming share.
//
// A session owns the replication connection, a second connection for catalog look-ups, the link to
// Kafka and the loop that waits for them. Both phases hand records to Deliver(), which waits for
// room in the producer while Tend() keeps everything else alive: delivery reports, positions,
// status messages, metrics. One thread. Nothing outlives a session but the counters. Source:
// DESIGN.md §4 "capture".
#pragma once

#include <memory>
#include <optional>
#include <set>

#include "admin/counters.h"
#include "admin/metrics.h"
#include "admin/status_board.h"
#include "app/capture_settings.h"
#include "app/kafka_link.h"
#include "app/loop.h"
#include "app/offset_tracker.h"
#include "app/start_decision.h"
#include "app/stop.h"
#include "app/table_registry.h"
#include "base/status.h"
#include "envelope/encoder.h"
#include "pg/connection.h"
#include "wal/replication_stream.h"

namespace walrelay::app {

// What the capture stage keeps across sessions.
struct CaptureShared {
  const CaptureSettings& settings;
  const StopSignal& stop;
  admin::StatusBoard& board;
  admin::Metrics& metrics;
  admin::CaptureCounters& counters;
  PositionMemory& memory;
};

class CaptureSession {
 public:
  explicit CaptureSession(const CaptureShared& shared);

  // Connects to everything, and makes sure that the publication exists.
  absl::Status Connect();
  // The slot is ours: it is what keeps other processes waiting from here on.
  absl::Status LetOthersBegin();
  // Unavailable where somebody had the slot when this session connected: then it may only wait for
  // that slot and go on. Who makes, adopts or drops a slot, or reads a snapshot, asks first: the
  // other one may have been about to do the same, with what it had made so far in plain sight.
  absl::Status CheckAlone() const;
  // Asks the servers how to start (start_decision.h).
  absl::StatusOr<StartDecision> Decide();

  // Has `position` say which of Debezium's records was there: a later one that says more is not
  // ours. After Decide().
  void NameConnectRecord(PositionRecord& position) const;
  // Makes of `position` one that Debezium could have left when it had passed the commit `passed`:
  // where each partition stood then, so that what it wrote since is recognised. After Decide().
  absl::Status TakeOver(PositionRecord& position, Lsn passed);
  // Whether only the stream tells if transactions that Debezium wrote come again (debezium_tail.h).
  // Nothing is claimed, and nothing sent, before it has.
  bool in_doubt() const { return doubt_.has_value(); }
  // `first`: what the stream begins with; none: no transaction up to server_flush().
  absl::Status Settle(std::optional<Xid> first);

  // Gives a record to Kafka; waits while the producer is full.
  absl::Status Deliver(const Record& record);
  // The same for a row, whose table and key columns are named when it is too large.
  absl::Status Deliver(const Record& record, const envelope::TablePlan& plan);
  // An error because Kafka has refused a record, after a while, with the table that it is of.
  absl::Status NameTable(const absl::Status& status) const;
  // What has to be done from time to time, whatever else goes on. Does not block for long.
  absl::Status Tend();
  // When Tend() wants to be called again at the latest.
  SteadyTime next_chore() const;
  // Confirms to the server what a durable position record covers. Does nothing while not streaming.
  absl::Status SendStatus();
  // Everything sent becomes durable, then our position and Debezium's offset record say so. Blocks,
  // at most about `limit`.
  absl::Status FlushAndRecord(std::chrono::milliseconds limit);
  // Nothing is open and the server has sent everything below `lsn`: the position follows, and is
  // confirmed. Blocks for the two records that this takes.
  absl::Status AdvanceIdle(Lsn lsn);
  // The end of the session: nothing stays open in Kafka. Returns why it has ended; a process that was
  // fenced may meet the other one's records before it is told. Blocks, bounded.
  absl::Status Leave(absl::Status status);
  // slot.drop.on.stop. The stream has ended; nothing else can be done with the session then.
  absl::Status DropSlot();

  const CaptureSettings& settings() const { return shared_.settings; }
  const CaptureShared& shared() const { return shared_; }
  admin::CaptureCounters& counters() { return shared_.counters; }
  Loop& loop() { return loop_; }
  KafkaLink& link() { return *link_; }
  pg::Connection& catalog() { return *catalog_; }
  wal::ReplicationStream& stream() { return *stream_; }
  TableRegistry& tables() { return *tables_; }
  envelope::Encoder& encoder() { return *encoder_; }
  OffsetTracker& offsets() { return offsets_; }
  Epoch EpochFrom(Lsn incarnation) const;
  // Where the source's WAL ended when we connected.
  Lsn server_flush() const { return identity_.flush_lsn; }
  // Of the slot, now.
  absl::StatusOr<Lsn> ConfirmedFlush();
  // source.xmin: the slot's catalog_xmin, read anew every xmin.fetch.interval.ms; none without.
  absl::StatusOr<std::optional<uint64_t>> Xmin(SteadyTime now);
  // Somebody else has had the slot since then: says so on the board, and in the log after a while.
  void ShowBusy(const absl::Status& busy, SteadyTime since);
  // Waits, and keeps everything else alive meanwhile.
  absl::Status Pause(std::chrono::milliseconds pause);
  // The position that earlier runs left; none at a first start. After Decide().
  const std::optional<PositionRecord>& stored_position() const { return stored_position_; }

  // The state of streaming that status messages and chores need.
  bool streaming = false;
  bool in_transaction = false;
  Lsn received{};

 private:
  // Until the slot is taken only one process of a pipeline may be at work: another one would take
  // what it has made for left behind, and fence it. Unavailable while there is one; who streams is
  // waited for when we want the slot.
  absl::Status BeginAlone();
  absl::Status EnsurePublication();
  // Asks the server who it is, and where its WAL ends.
  absl::Status Identify();
  absl::Status FenceWhenSlotIsFree();
  // What is done to the source's tables, or asked of them, before anything is captured.
  absl::Status PrepareTables();
  absl::StatusOr<std::optional<ConnectFacts>> ReadConnectFacts();
  // Those of the pipeline, with their partitions.
  std::map<std::string, int32_t> OwnTopics(const std::map<std::string, int32_t>& topics) const;
  absl::StatusOr<std::vector<std::string>> TopicsWithRecords(
      const std::map<std::string, int32_t>& topics);
  absl::Status LeaveIfKafkaIsAway(SteadyTime now);
  absl::Status WriteDueOffset(SteadyTime now);
  absl::Status WriteOffsetNow();
  // Debezium's record of it; counts as written.
  std::string OffsetRecord(const OffsetState& state);
  absl::Status SampleSlot(SteadyTime now);
  absl::Status Heartbeat(SteadyTime now);

  CaptureShared shared_;
  Loop loop_;
  bool has_said_busy_ = false;
  std::optional<pg::Connection> catalog_;
  std::optional<wal::ReplicationStream> stream_;
  std::unique_ptr<KafkaLink> link_;
  std::unique_ptr<TableRegistry> tables_;
  std::unique_ptr<envelope::Encoder> encoder_;
  OffsetTracker offsets_;
  struct DueOffset {
    OffsetState state;
    Lsn end{};  // Written once a position covers this.
  };
  std::optional<DueOffset> due_offset_;
  wal::SystemIdentity identity_;
  std::optional<PositionRecord> stored_position_;
  struct Doubt {
    std::set<Xid> xids;
    PositionRecord position;  // If all of them come.
  };
  std::optional<Doubt> doubt_;
  std::map<std::string, int32_t> partition_counts_;
  std::optional<int64_t>
      connect_offset_;  // Of the newest of Debezium's records, or kNoConnectRecord.
  std::chrono::milliseconds status_interval_{10'000};
  bool begins_alone_ = false;  // The lock is held.
  bool delivering_ = false;
  Lsn confirmed_sent_{};
  SteadyTime status_at_{};
  SteadyTime position_at_{};
  SteadyTime publish_at_{};
  SteadyTime sample_at_{};
  SteadyTime offset_at_{};
  SteadyTime heartbeat_at_{};
  SteadyTime xmin_at_{};
  std::optional<uint64_t> xmin_;
};

}  // namespace walrelay::app
