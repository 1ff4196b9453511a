// A batch on its way: which records are new, what they say, and how they are written.
#include <algorithm>

#include "apply/decimal.h"
#include "apply/sink_state.h"
#include "apply/table_fault.h"
#include "base/crash_point.h"
#include "base/status.h"

namespace walrelay::apply {
namespace {

// What is sent in one go; beyond it raw events and large tables go by COPY.
constexpr size_t kSmallRows = 200;
constexpr size_t kSmallBytes = 256 * 1024;

}  // namespace

absl::StatusOr<Sink::State::Selection> Sink::State::Select(Batch batch, BatchResult& result) {
  Selection selection;
  selection.records.reserve(batch.size());
  std::map<TopicPartition, size_t> at;
  for (uint32_t index = 0; index < batch.size(); ++index) {
    const ConsumedRecord& record = batch[index];
    if (IsParked(record.topic)) continue;
    if (!Advance(record, at, selection.steps)) {
      RETURN_IF_ERROR(CheckSameTopic(record));
      ++result.repeated;
      continue;
    }
    result.bytes +=
        static_cast<int64_t>(record.key.value_or("").size() + record.value.value_or("").size());
    if (!record.value) {
      ++result.tombstones;
    } else {
      selection.records.push_back(index);
    }
  }
  // Only the last record of each partition needs its fingerprint.
  for (auto it = batch.rbegin(); it != batch.rend(); ++it) {
    const auto found = at.find({std::string(it->topic), it->partition});
    if (found == at.end()) continue;
    PartitionProgress& next = selection.steps[found->second].next;
    if (next.next_offset == it->offset + 1 && next.fingerprint.empty())
      next.fingerprint = RecordFingerprint(*it);
    if (at.size() == 1 && !next.fingerprint.empty()) break;
  }
  return selection;
}

// False for a record that was applied before.
bool Sink::State::Advance(const ConsumedRecord& record, std::map<TopicPartition, size_t>& at,
                          std::vector<ProgressStep>& steps) {
  if (lookup.topic != record.topic) lookup.topic.assign(record.topic);
  lookup.partition = record.partition;
  auto found = at.find(lookup);
  if (found == at.end()) {
    const auto stored = progress.find(lookup);
    ProgressStep step{.partition = lookup, .is_first = stored == progress.end()};
    if (!step.is_first) {
      step.expected = stored->second.next_offset;
      if (record.offset < step.expected) return false;
    }
    found = at.emplace(lookup, steps.size()).first;
    steps.push_back(std::move(step));
  } else if (record.offset < steps[found->second].next.next_offset) {
    return false;
  }
  steps[found->second].next.next_offset = record.offset + 1;
  return true;
}

// Topics have no id here (DESIGN.md §2): one that was deleted and made anew has other records at
// the offsets that were applied. Only the last of them is known.
absl::Status Sink::State::CheckSameTopic(const ConsumedRecord& repeated) const {
  const auto stored = progress.find(lookup);
  if (stored == progress.end() || repeated.offset + 1 != stored->second.next_offset ||
      stored->second.fingerprint.empty() ||
      stored->second.fingerprint == RecordFingerprint(repeated)) {
    return absl::OkStatus();
  }
  return absl::DataLossError(Cat(
      "topic ", repeated.topic, " partition ", repeated.partition, " has another record at offset ",
      repeated.offset, " than the one that was applied: the topic was made anew. To read it from ",
      "its start, delete its rows from walrelay.progress and, in the lake, cdc_raw.cdc_events"));
}

// The key as its JSON, without the schema that may change; else as its bytes; else the whole row.
RowId Sink::State::RowOf(const ConsumedRecord& record, const Envelope& envelope) const {
  RowId row{.table = Cat(envelope.schema, ".", envelope.table), .key = {}};
  if (!envelope.key_json.empty()) {
    row.key = envelope.key_json;
  } else if (record.key && !record.key->empty()) {
    AppendHexBytea(*record.key, row.key);
  } else {
    row.key = envelope.op == 'd' ? envelope.before_json : envelope.after_json;
  }
  return row;
}

// What the row of this change was before, where that has another id.
std::optional<RowId> Sink::State::FormerRowOf(const ConsumedRecord& record,
                                              const Envelope& envelope) {
  RowId row{.table = Cat(envelope.schema, ".", envelope.table), .key = {}};
  if (envelope.has_old_key) {
    const absl::StatusOr<JsonValue> old_key = old_key_reader.Parse(envelope.old_key);
    if (!old_key.ok()) return std::nullopt;
    JsonWriter(row.key).Copy(*old_key);  // As a key's JSON: the header's blanks may be others.
  } else if (envelope.op == 'u' && record.key.value_or("").empty()) {
    row.key = envelope.before_json;
  }
  return row.key.empty() ? std::nullopt : std::optional(std::move(row));
}

absl::Status Sink::State::ReadRecord(Batch batch, uint32_t index, const Copies& copies,
                                     BatchResult& result) {
  const ConsumedRecord& record = batch[index];
  const auto refuse = [&](const Refusal& why) {
    dead.Add(record, why);
    ++result.dead_letters;
    if (!why.is_follower) ++result.refused;
    return absl::OkStatus();
  };
  const absl::StatusOr<const Envelope*> read = reader.Read(record);
  if (!read.ok()) return refuse({.reason = std::string(Message(read.status()))});
  const Envelope& envelope = **read;
  ++result.events;
  result.newest_source_ts_us = std::max(result.newest_source_ts_us, envelope.source_ts_us);
  ++result.events_by_table[Cat(envelope.schema, ".", envelope.table)][envelope.op];
  if (options.kind == SinkKind::kLake && options.raw && copies.raw && !IsStored(record)) {
    raw.Add(record, envelope, index);
    schemas.Add(record, envelope);
  }
  if (!options.mirror || !copies.mirror || envelope.op == 'm') return absl::OkStatus();
  if (!parked.empty()) {
    const RowId row = RowOf(record, envelope);
    const std::optional<RowId> former = FormerRowOf(record, envelope);
    const bool has_parked = former && *former != row && parked.Contains(*former) &&
                            !(copies.retried && copies.retried->contains(*former));
    if (has_parked || (!copies.retried && parked.Contains(row))) {
      if (has_parked) parked.Park(row);
      return refuse({.reason = has_parked ? "a change of its row under the old key was not applied"
                                          : "an earlier change of its row was not applied",
                     .row = row,
                     .is_follower = true});
    }
  }
  if (copies.retried) {
    ASSIGN_OR_RETURN(const bool is_gone, mirror.IsGone(envelope));
    if (is_gone) return absl::OkStatus();
  }
  if (mirror.IsBarrier(envelope)) {
    RETURN_IF_ERROR(transaction.Begin());
    RETURN_IF_ERROR(WriteSoFar(batch, result));
  }
  absl::Status added =
      envelope.op == 't' ? ApplyTruncate(batch, index, envelope, copies.retried != nullptr, result)
                         : mirror.Add(envelope, index);
  if (IsWriteFirst(added)) {
    if (!copies.retried) return CutBefore(index);
    RETURN_IF_ERROR(WriteSoFar(batch, result));
    added = mirror.Add(envelope, index);
  }
  if (added.code() != absl::StatusCode::kDataLoss) return added;
  const RowId row = RowOf(record, envelope);
  parked.Park(row);
  return refuse({.reason = std::string(Message(added)), .row = row});
}

absl::Status Sink::State::WriteSoFar(Batch batch, BatchResult& result) {
  RETURN_IF_ERROR(Write(batch, Ending::kStay));
  result.incomplete_rows += static_cast<int64_t>(mirror.incomplete());
  Clear();
  return absl::OkStatus();
}

absl::StatusOr<bool> Sink::State::WriteOrLeave(Batch batch, Ending ending) {
  const auto failed = [&](const StatementQueue::Purpose& purpose,
                          const absl::Status& cause) -> absl::Status {
    if (purpose.moves_progress) return ProgressTable::MoveError(cause);
    const absl::Status error =
        purpose.source_table.empty() ? cause : WithTable(cause, purpose.source_table);
    if (purpose.record == StatementQueue::kNoRecord)
      return Annotate(error, Cat("cannot write to ", purpose.what));
    const ConsumedRecord& record = batch[purpose.record];
    return Annotate(error,
                    Cat("cannot write to ", purpose.what, " the record of topic ", record.topic,
                        " partition ", record.partition, " offset ", record.offset));
  };
  RETURN_IF_ERROR(connection.Settle());  // The batch before it is at its end first.
  RETURN_IF_ERROR(mirror.MakePlans());
  const size_t rows = raw.size() + schemas.size() + mirror.rows() + dead.size();
  const size_t bytes = raw.bytes() + schemas.bytes() + mirror.bytes() + dead.bytes();
  if (rows > kSmallRows || bytes > kSmallBytes) return WriteLarge(ending, failed);
  RETURN_IF_ERROR(WriteTogether(ending != Ending::kStay, failed));
  return false;
}

// Everything in one flight. Without an open transaction it is one by itself, and the last answer is
// its commit.
absl::Status Sink::State::WriteTogether(bool commit, RowError failed) {
  StatementQueue queue;
  const bool is_whole = commit && !transaction.is_open();
  if (is_whole) {
    RETURN_IF_ERROR(QueueProgress(queue));
    if (transaction.defers_constraints()) {
      ASSIGN_OR_RETURN(const std::string* name, prepared.Name(kDeferConstraints));
      queue.Begin(*name, {.what = "the constraints"});
    }
  }
  RETURN_IF_ERROR(schemas.Queue(prepared, queue));
  RETURN_IF_ERROR(raw.Queue(prepared, queue));
  RETURN_IF_ERROR(mirror.Queue(queue));
  RETURN_IF_ERROR(dead.Queue(prepared, queue));
  if (is_whole) CrashPoint("sink-small-batch");
  const absl::Status written = queue.Run(connection, failed);
  if (is_whole && !written.ok() && connection.is_lost()) {
    return absl::UnknownError(Cat("the connection was lost during COMMIT: ", Message(written)));
  }
  RETURN_IF_ERROR(written);
  return is_whole || !commit ? absl::OkStatus() : transaction.Commit();
}

absl::StatusOr<bool> Sink::State::WriteLarge(Ending ending, RowError failed) {
  RETURN_IF_ERROR(transaction.Begin());
  if (ending == Ending::kLeave && schemas.size() == 0 && dead.size() == 0) {
    ASSIGN_OR_RETURN(const bool left, LeaveLarge(failed));
    if (left) return true;
  } else {
    RETURN_IF_ERROR(raw.Copy(connection));
    CrashPoint("sink-raw-copied");
    RETURN_IF_ERROR(mirror.Write(failed));
    StatementQueue queue;
    RETURN_IF_ERROR(schemas.Queue(prepared, queue));
    RETURN_IF_ERROR(dead.Queue(prepared, queue));
    RETURN_IF_ERROR(queue.Run(connection, failed));
  }
  if (ending == Ending::kStay) return false;
  CrashPoint("sink-before-commit");
  RETURN_IF_ERROR(transaction.Commit());
  return false;
}

// Comes before the rows, in every transaction: of two processes with the same records one waits
// here for the other, and then ends with the error that says so, instead of meeting the other's
// rows and tables.
absl::Status Sink::State::MoveProgress() {
  StatementQueue queue;
  RETURN_IF_ERROR(QueueProgress(queue));
  return queue.Run(connection, [](const StatementQueue::Purpose&, const absl::Status& error) {
    return ProgressTable::MoveError(error);
  });
}

absl::Status Sink::State::QueueProgress(StatementQueue& queue) {
  for (const ProgressTable::Statement& move : moves) {
    ASSIGN_OR_RETURN(const std::string* name, prepared.Name(move.sql));
    queue.Begin(*name, {.what = "table walrelay.progress", .moves_progress = true});
    for (const std::string& text : move.texts) queue.Add(std::string_view(text));
  }
  return absl::OkStatus();
}

}  // namespace walrelay::apply
