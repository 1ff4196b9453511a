// What a Sink holds, and the steps of a batch. Private to sink*.cc:
//   sink.cc          opening, the whole batch
//   sink_batch.cc    records → rows in memory → statements
//   sink_refused.cc  the record that the server refuses: found, put aside, the rest applied
//   sink_parked.cc   the table that no longer fits: its topics wait, the others go on
//   sink_retry.cc    dead letters that are tried again
//   sink_truncate.cc a truncate among several partitions
//   sink_later.cc    the batch that the server is at work on while the next one is read
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "apply/day_partitions.h"
#include "apply/dead_letter_rate.h"
#include "apply/dead_letters.h"
#include "apply/envelope_reader.h"
#include "apply/last_truncate.h"
#include "apply/letter_store.h"
#include "apply/mirror.h"
#include "apply/parked_keys.h"
#include "apply/parked_tables.h"
#include "apply/placeholder.h"
#include "apply/progress.h"
#include "apply/raw_events.h"
#include "apply/schema_versions.h"
#include "apply/session_role.h"
#include "apply/sink.h"
#include "apply/statement_queue.h"
#include "apply/takeover.h"
#include "base/json.h"

namespace walrelay::apply {

// Members refer to each other: it stays where it was made.
struct Sink::State {
  using Batch = std::span<const ConsumedRecord>;
  using Part = std::span<const uint32_t>;  // Places in the batch.

  SinkOptions options;
  pg::Connection connection;
  ProgressTable progress_table;
  Transaction transaction;
  PreparedStatements prepared;
  Mirror mirror;
  RawEvents raw;
  SchemaVersions schemas;  // Of the raw events.
  DeadLetters dead;
  DayPartitions days;
  Takeover takeover;
  StoredEvents stored_events;
  ParkedTables parked_tables;
  std::map<std::string, ParkedTable, std::less<>> parked_topics;
  LetterStore letters;
  ParkedKeys parked;
  DeadLetterRate letter_rate;
  EnvelopeReader reader;
  JsonReader old_key_reader;
  EnvelopeReader again_reader;  // Of records that were applied before.
  std::map<TopicPartition, PartitionProgress> progress;
  std::vector<ProgressTable::Statement>
      moves;  // Of the batch at hand; the first of its transaction.
  TopicPartition lookup;
  struct RefusedTruncate {
    std::string table;
    LastTruncate truncate;
  };
  std::optional<RefusedTruncate> refused_truncate;  // Not asked about again when its table goes on.
  struct SentBatch {
    Batch records;
    BatchResult result;
    std::map<TopicPartition, std::optional<PartitionProgress>> before;  // The progress that it moved.
  };
  std::optional<SentBatch> sent;  // The server is at work on it.
  std::optional<Batch> undone;    // It was sent, and nothing of it was applied.
  BatchResult settled;            // What was sent and has been committed since it was last told.

  State(SinkOptions given, pg::Connection opened, Placeholder placeholder);

  absl::Status SetRole(const SessionRole& role);
  absl::Status KeepDays();

  // What of a batch is new, and where that brings each partition.
  struct Selection {
    std::vector<uint32_t> records;
    std::vector<ProgressStep> steps;
  };
  absl::StatusOr<Selection> Select(Batch batch, BatchResult& result);
  bool Advance(const ConsumedRecord& record, std::map<TopicPartition, size_t>& at,
               std::vector<ProgressStep>& steps);
  absl::Status CheckSameTopic(const ConsumedRecord& repeated) const;

  // Which of a record's copies are made.
  struct Copies {
    bool raw = true;
    bool mirror = true;
    // Not null: letters of these rows are tried again, although the rows are parked.
    const std::set<RowId>* retried = nullptr;
  };
  absl::Status ReadRecord(Batch batch, uint32_t index, const Copies& copies, BatchResult& result);
  // Whether its raw event was there before us.
  bool IsStored(const ConsumedRecord& record) const {
    return !stored_events.empty() &&
           stored_events.Contains({std::string(record.topic), record.partition}, record.offset);
  }
  RowId RowOf(const ConsumedRecord& record, const Envelope& envelope) const;
  std::optional<RowId> FormerRowOf(const ConsumedRecord& record, const Envelope& envelope);

  // A truncate. `is_late`: from the dead letters, so that its own partition has come further too.
  absl::Status ApplyTruncate(Batch batch, uint32_t index, const Envelope& envelope, bool is_late,
                             BatchResult& result);
  absl::Status CheckOwnsTopic(const ConsumedRecord& record, const std::string& table) const;
  absl::StatusOr<int64_t> ReadAgain(
      const TopicPartition& partition, int64_t first, int64_t end, std::string_view schema,
      std::string_view table,
      absl::FunctionRef<absl::Status(const ConsumedRecord&, const Envelope&)> visit);
  absl::StatusOr<std::optional<int64_t>> FirstBehind(const TopicPartition& partition, int64_t end,
                                                     const Envelope& truncate, int64_t lsn);
  absl::Status CheckStillOurs(const std::set<TopicPartition>& partitions);
  absl::Status ApplyAgain(Batch batch, const TopicPartition& partition, int64_t first,
                          const Envelope& truncate, BatchResult& result);
  absl::Status ReleaseTruncated(const std::string& table,
                                const std::map<TopicPartition, int64_t>& behind);
  // The records of a batch with those of a truncate's partition, up to it, first.
  struct TruncateFirst {
    std::vector<ConsumedRecord> records;
    size_t before = 0;  // Of these.
  };
  static TruncateFirst PutTruncateFirst(Batch batch, uint32_t index);

  // Writes what was read so far, in the open transaction, and forgets it.
  absl::Status WriteSoFar(Batch batch, BatchResult& result);
  // Writes what was read. kStay: the batch goes on in its transaction. kLeave: as kCommit, or the
  // server is left at work: then the second returns true.
  enum class Ending { kStay, kCommit, kLeave };
  absl::Status Write(Batch batch, Ending ending) { return WriteOrLeave(batch, ending).status(); }
  absl::StatusOr<bool> WriteOrLeave(Batch batch, Ending ending);
  absl::Status WriteTogether(bool commit, RowError failed);
  absl::StatusOr<bool> WriteLarge(Ending ending, RowError failed);
  absl::Status MoveProgress();
  absl::Status QueueProgress(StatementQueue& queue);

  absl::StatusOr<BatchResult> ApplyRows(Batch batch, Ending ending);
  absl::StatusOr<BatchResult> ApplyWhole(Batch batch, Ending ending);
  absl::StatusOr<BatchResult> ApplyWithoutRefused(Batch batch);
  absl::Status ApplyPart(Batch batch, Part part, BatchResult& result);
  absl::Status ReadAndWrite(Batch batch, Part part, const Copies& copies, BatchResult& result);
  absl::Status PutAside(Batch batch, uint32_t index, const absl::Status& why, BatchResult& result);
  absl::Status CheckRate(const BatchResult& result);
  void Committed(std::vector<ProgressStep>& steps, const BatchResult& result);

  // Writes all that was read but its last part, which the server is left at work on. False: it was
  // waited for.
  absl::StatusOr<bool> LeaveLarge(RowError failed);
  void Sent(Batch batch, std::vector<ProgressStep>& steps, BatchResult& result);
  absl::Status TakeAnswer(const absl::Status& answer);

  bool IsParked(std::string_view topic) const {
    return !parked_topics.empty() && parked_topics.contains(topic);
  }
  absl::Status ReadParkedTables();
  // Parks the topics of a batch that have records of this table. False: there are none.
  absl::StatusOr<bool> ParkTable(Batch batch, const std::string& table, std::string_view reason);

  absl::StatusOr<int64_t> Retry();
  // Letters that are applied all or not at all, in their order, and the rows that they park.
  struct LetterGroup {
    std::vector<const StoredLetter*> letters;
    std::set<RowId> rows;
  };
  // By the place of their first letter.
  absl::StatusOr<std::map<size_t, LetterGroup>> GroupByRow(std::span<const StoredLetter> marked);
  absl::Status RetryGroup(const LetterGroup& group, int64_t& applied);
  absl::StatusOr<bool> HasRawEvent(const ConsumedRecord& record);

  absl::Status ReadParked();
  // Nothing that was read is left.
  void Clear();
  // After a rollback: nothing that was made or parked meanwhile either.
  absl::Status Forget();
};

}  // namespace walrelay::apply
