// Turns decoded changes into the Kafka records that Debezium would write.
//
// Each call hands its records to the sink in the order in which they must be written; none, where
// options skip the event. Views in a record hold until the next call. The caller gives every time,
// LSN and id: nothing here reads a clock. With provide.transaction.metadata the encoder counts the
// events between BeginTransaction and EndTransaction. Errors: FailedPrecondition where Debezium's
// task would fail too (a value that cannot be converted in a required column without a default),
// naming table and column, never a value; whatever the sink returns. A warm encoder allocates
// nothing per event. Not thread-safe: the capture loop owns it.
// Source: FORMAT.md §1–§7.
#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "change/change.h"
#include "change/lsn.h"
#include "change/record.h"
#include "envelope/options.h"
#include "envelope/table_plan.h"

namespace walrelay::envelope {

// The value of source.snapshot, decided by the caller (FORMAT.md §3).
enum class SnapshotMarker {
  kStreaming,
  kTrue,
  kFirst,
  kFirstInDataCollection,
  kLastInDataCollection,
  kLast
};

// What an event says about its place besides its row (FORMAT.md §3).
struct EventContext {
  Lsn lsn{};  // Of the message (XLogData start); in the snapshot its consistent point.
  std::optional<Lsn> last_commit;  // End LSN of the last Commit or non-transactional message; none:
                                   // null in `sequence`.
  std::optional<uint64_t> tx_id;   // Xid of Begin, or txid_current() of the snapshot.
  int64_t source_ts_micros = 0;    // Commit time, or the snapshot's CURRENT_TIMESTAMP; since 1970.
  std::optional<uint64_t> xmin;    // catalog_xmin, when it is fetched.
  SnapshotMarker marker = SnapshotMarker::kStreaming;
  std::optional<std::string_view> origin;  // Of the Origin message of this transaction (3.6).
  Lsn origin_lsn{};                        // With `origin` only.
  WallTime now{};                          // ts_ms, ts_us, ts_ns of the envelope.
};

// Counts of the current transaction, as END and the Connect offset report them.
struct TransactionCounts {
  bool open = false;
  uint64_t total = 0;
  std::vector<std::pair<std::string, uint64_t>> tables;  // "schema.table" in order of first sight.
};

class Encoder {
 public:
  explicit Encoder(std::shared_ptr<const Options> options);
  ~Encoder();
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;

  // `tuple` has plan.snapshot_columns(); the plan is one for ReadFrom::kSnapshot.
  absl::Status Snapshot(const TablePlan& plan, const Tuple& tuple, const EventContext& context,
                        RecordSink sink);

  // Rows of the stream. Tuples have the columns of the relation that the plan was built from.
  absl::Status Insert(const TablePlan& plan, const walrelay::Insert& change,
                      const EventContext& context, RecordSink sink);
  absl::Status Update(const TablePlan& plan, const walrelay::Update& change,
                      const EventContext& context, RecordSink sink);
  absl::Status Delete(const TablePlan& plan, const walrelay::Delete& change,
                      const EventContext& context, RecordSink sink);
  // One call for each of the relations of a Truncate, in their order.
  absl::Status Truncate(const TablePlan& plan, const EventContext& context, RecordSink sink);

  // pg_logical_emit_message. context.tx_id is none for a non-transactional one.
  absl::Status Message(const LogicalMessage& message, const EventContext& context, RecordSink sink);

  absl::Status Heartbeat(WallTime now, RecordSink sink);

  // Transaction metadata: both do nothing unless it is on. context.lsn is that of the Begin
  // message, and the end LSN at the end; context.tx_id must be there.
  absl::Status BeginTransaction(const EventContext& context, RecordSink sink);
  absl::Status EndTransaction(const EventContext& context, RecordSink sink);
  const TransactionCounts& transaction() const;
  // Goes on with the counts of a Connect offset, when the stream resumes inside a transaction.
  void ResumeTransaction(TransactionCounts counts);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace walrelay::envelope
