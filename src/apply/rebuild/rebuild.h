// Makes a mirror of the lake anew from its raw events, beside the live one, and puts it in its place.
//
// The events go through a Sink of their own, which writes a table beside and keeps no progress. When
// it has nearly caught up, one transaction keeps the live sinks out by the lock of
// walrelay.progress, which every transaction of theirs moves first, ends their sessions, since they
// remember rows and columns of the old table, applies what came meanwhile, and puts the new table,
// its dead letters and its incomplete rows in the place of the old ones. The live sinks come back by
// themselves. Errors: DataLoss: rows would be missing, and that was not allowed. Unavailable: server
// gone. FailedPrecondition: an operator acts. One thread. Source: DESIGN.md §1, §6.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "apply/rebuild/raw_history.h"
#include "apply/rebuild/table_swap.h"
#include "apply/sink.h"
#include "apply/source_table.h"
#include "pg/connection.h"

namespace walrelay::apply {

struct RebuildOptions {
  SinkOptions sink;  // Of the live mirror.
  SourceTableName table;
  bool has_markers = false;  // Transactions of Kafka put offsets without a record into the topics.
  bool partial = false;      // Holes and lost rows are accepted.
  bool keep_old = false;
  std::function<void(int64_t events)> progress;  // Called now and then.
};

struct RebuildPlan {
  std::string live;      // "cdc_processed.orders"
  bool replaces = true;  // There is one.
  std::string kept;      // What the old one will be called; empty: it is dropped.
  int64_t live_rows = 0;
  HistorySummary history;
};

struct RebuildResult {
  int64_t events = 0;
  int64_t dead_letters = 0;
  int64_t lost_rows = 0;
  int64_t rows = 0;
};

class Rebuild {
 public:
  // Only reads.
  static absl::StatusOr<std::unique_ptr<Rebuild>> Open(RebuildOptions options);
  absl::StatusOr<RebuildPlan> Plan();
  // Keeps other rebuilds of the table away. Unavailable: somebody is at it.
  absl::Status Lock();
  // All the rest. What was made so far is removed when it fails.
  absl::StatusOr<RebuildResult> Run();

 private:
  Rebuild(RebuildOptions options, pg::Connection connection, SwapNames names);
  std::string sink_name() const;
  absl::Status CheckLetters();
  static SchemaPolicies Decided(SchemaPolicies policies);
  absl::Status Prepare();
  absl::Status Fill();
  absl::StatusOr<int64_t> ReadRound();
  absl::Status ApplyBatch();
  absl::Status Finish();
  absl::Status DropGoneColumns();
  absl::Status CheckLost();
  absl::Status TakeBookkeeping();
  absl::Status Discard();

  RebuildOptions options_;
  pg::Connection connection_;
  SwapNames names_;
  std::string pipeline_;  // Of the sink that writes beside.
  std::string source_table_;
  std::unique_ptr<TableSwap> swap_;
  std::unique_ptr<RawHistory> history_;
  std::unique_ptr<Sink> sink_;
  std::vector<RawRecord> batch_;
  size_t batch_bytes_ = 0;
  RebuildResult result_;
};

}  // namespace walrelay::apply
