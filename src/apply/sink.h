// Writes records of Kafka into a lake or a target: rows and progress in one transaction.
//
// Exactly once: the next offset of every partition is kept in the sink's own database and moves in
// the same transaction as the rows, by compare-and-set. Records below it have been applied and are
// dropped. Errors: after any of them throw the Sink away and open a new one, which reads the
// progress again.
//   Unavailable         server gone, or another process holds this sink: try again later
//   Aborted             deadlock or serialization failure: repeat
//   Unknown             the connection was lost during COMMIT: open a new Sink; its progress tells
//   FailedPrecondition  somebody else moved the progress (IsSinkConflict()); a table or row that
//   cannot be applied: an operator acts
//   DataLoss            a topic was made anew: its records are not those that were applied
// Records that cannot be read, and those that the server refuses for what they hold, are no error:
// they go to walrelay.dead_letters in the same transaction, and the later changes of their rows
// with them. Not thread-safe: one thread a Sink. Every call ends within the limits set, see
// SinkOptions. Source: DESIGN.md §2 "Link B", §6.
#pragma once

#include <absl/functional/function_ref.h>
#include <absl/status/statusor.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "apply/schema_policy.h"
#include "apply/schemaless_format.h"
#include "apply/source_table.h"
#include "change/record.h"
#include "pg/connection_options.h"

namespace walrelay::apply {

enum class SinkKind : uint8_t {
  kLake,    // Raw events in cdc_raw.cdc_events and a mirror in schema cdc_processed.
  kTarget,  // A mirror in schema public.
};

// The type of the raw events' JSON columns, when their table is created. jsonb costs the server
// twice as much as json, which costs more than text.
enum class RawPayload : uint8_t { kJsonb, kJson, kText };
std::string_view RawPayloadName(RawPayload payload);  // "jsonb"

// Whether triggers fire and foreign keys are checked on what we write: see apply/session_role.h.
enum class ReplicationRole : uint8_t { kReplica, kOrigin };
std::string_view ReplicationRoleName(ReplicationRole role);  // "replica"

struct SinkOptions {
  pg::ConnectionOptions connection;
  SinkKind kind = SinkKind::kTarget;
  std::string pipeline;                          // With `kind`: the identity of progress and lock.
  std::string topic_prefix;                      // For messages only.
  std::string target_table_format = "${table}";  // ${schema} and ${table} are replaced.
  bool raw = true;                               // Lake only: keep the raw events.
  RawPayload raw_payload = RawPayload::kJsonb;
  bool raw_days = false;       // Their table is partitioned by day, and
  int64_t raw_keep_days = 0;   // days that ended so long ago are dropped; 0: none.
  bool mirror = true;
  bool keeps_progress = true;  // Off: only this object knows what it has applied.
  ReplicationRole replication_role = ReplicationRole::kReplica;
  bool exclusive = true;  // Hold the lock alone. Off where processes share partitions through a
                          // group; compare-and-set still guards.
  int worker = 0;         // Of several in this process: which.
  bool partial = false;   // Others apply other partitions: LoadProgress() is told ours.
  // Of a partial sink: whether all partitions of a topic are ours.
  std::function<bool(std::string_view topic)> owns_topic;
  // Where a topic may have several partitions (sink_truncate.cc): how many, and what Kafka still
  // holds of one within first ≤ offset < end; from which offset on that is. Both, or neither.
  std::function<int32_t(std::string_view topic)> partitions_of;
  std::function<absl::StatusOr<int64_t>(
      const TopicPartition& partition, int64_t first, int64_t end,
      absl::FunctionRef<absl::Status(const ConsumedRecord&)> visit)>
      read_again;
  int64_t dead_letters_per_minute = 100;  // Beyond it the sink stops.
  bool park_tables = true;                // Off: a table that no longer fits stops the sink.
  SchemaPolicies schema;                  // When a table of the source changes.
  bool soft_deletes = false;              // Deleted rows stay in the mirror, marked as such.
  std::string unavailable_placeholder = "__debezium_unavailable_value";
  SchemalessFormat schemaless;
  std::chrono::milliseconds connect_limit{10'000};
  std::chrono::milliseconds statement_limit{60'000};
  // How long an answer is waited for: the server ends a statement by itself before that.
  std::chrono::milliseconds answer_limit() const {
    return statement_limit + std::chrono::seconds(5);
  }
  std::chrono::milliseconds lock_limit{10'000};
  // The source's exact types, where it can be reached; may be empty. Nullopt: not known. See
  // apply/source_catalog.h.
  std::function<absl::StatusOr<std::optional<SourceTable>>(const std::string& schema,
                                                           const std::string& table)>
      source_table;
};

struct BatchResult {
  int64_t events = 0;  // Enveloped records that were applied.
  int64_t tombstones = 0;
  int64_t repeated = 0;  // Delivered again, and dropped.
  int64_t dead_letters = 0;
  int64_t refused = 0;  // Of these, those that do not only wait behind another one of their row.
  int64_t incomplete_rows =
      0;              // Written without a value that was never sent and is not known here.
  int64_t bytes = 0;  // Of keys and values applied.
  // "schema.table" of the source, then Debezium's letter: r c u d t m.
  std::map<std::string, std::map<char, int64_t>> events_by_table;
  int64_t newest_source_ts_us = 0;  // Since 1970; 0: none.

  void Add(const BatchResult& other);
};

// A partition that may be taken over from the consumer that wrote this sink before (takeover.h).
struct PartitionToTake {
  TopicPartition partition;
  std::optional<int64_t> committed;  // The offset that its group reads next; nullopt: unknown.
  std::optional<int64_t> progress;   // The offset that we apply next; nullopt: it was never read.
  int64_t oldest = 0;                // In Kafka.
  int64_t end = 0;
};

struct TakenPartition {
  TopicPartition partition;
  int64_t from = 0;    // The offset that is applied next.
  int64_t stored = 0;  // From there on: records whose raw event is there already.
};

class Sink {
 public:
  // Connects, prepares schemas, views and the progress table, and takes the lock. Unavailable when
  // another session holds it; the message says which.
  static absl::StatusOr<std::unique_ptr<Sink>> Open(SinkOptions options);
  ~Sink();

  // The next offset of each partition that was ever applied. Waits for a transaction in doubt to
  // end.
  absl::StatusOr<std::map<TopicPartition, int64_t>> LoadProgress();

  // Moves the progress to where another consumer has stopped, and has the raw events that it wrote
  // from there on left out. Partitions without anything to take over are left out.
  absl::StatusOr<std::vector<TakenPartition>> TakeOver(
      std::span<const PartitionToTake> partitions);
  // The same of partitions that are this sink's from now on, and what waits for operators, which
  // another one may have left. A partial sink must be given no record of a partition before.
  absl::StatusOr<std::map<TopicPartition, int64_t>> LoadProgress(
      const std::set<TopicPartition>& partitions);

  // Applies records, of each partition in the order of its offsets, in one transaction. What was
  // applied before is dropped; give the last such record of each partition once after opening, and
  // its fingerprint is compared.
  //
  // With `more_follows` it may return while the server is still at work, so that the next batch is
  // read meanwhile: then is_settled() is false, the records must stay, and the batch is committed
  // and counted by the next Apply() or by Settle(), which comes before any other call.
  absl::StatusOr<BatchResult> Apply(std::span<const ConsumedRecord> batch,
                                    bool more_follows = false);
  bool is_settled() const;
  absl::StatusOr<BatchResult> Settle();

  // Topics that are not applied until somebody resumes their table; their records are dropped, and
  // their progress stays. Why, by topic.
  std::map<std::string, std::string> ParkedTopics() const;

  // Does what operators have asked for. To be called now and then. Applies the dead letters that
  // were marked for it (letter_store.h): how many. Resumes tables, also those of which another
  // worker saw that they go on: then their topics are to be read again from LoadProgress() on.
  // Parks those that another one has parked.
  struct Attended {
    int64_t letters = 0;
    int64_t resumed = 0;
    int64_t incomplete_rows = 0;  // That there are now.
  };
  absl::StatusOr<Attended> Attend();

  // Hash of the last record that was applied of a partition, as RecordFingerprint() makes it;
  // empty: none.
  std::string_view LastFingerprint(const TopicPartition& partition) const;

  int backend_pid() const;

 private:
  struct State;
  explicit Sink(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Tells a topic that was made anew from the one that was read: a hash of key and value.
std::string RecordFingerprint(const ConsumedRecord& record);

}  // namespace walrelay::apply
