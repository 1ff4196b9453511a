// A batch that the server refuses because of some of its records: halves are tried under savepoints
// until those records stand alone. They go to the dead letters, the rest is applied, and all of it
// is one transaction with the progress. Costs about twice the batch for one such record.
#include "apply/row_fault.h"
#include "apply/sink_state.h"
#include "base/log.h"
#include "base/status.h"
#include "pg/error.h"

namespace walrelay::apply {

absl::StatusOr<BatchResult> Sink::State::ApplyWithoutRefused(Batch batch) {
  RETURN_IF_ERROR(transaction.Rollback());
  RETURN_IF_ERROR(Forget());
  BatchResult result;
  ASSIGN_OR_RETURN(Selection selection, Select(batch, result));
  if (options.keeps_progress) moves = progress_table.Move(selection.steps);
  RETURN_IF_ERROR(transaction.Begin());
  RETURN_IF_ERROR(ApplyPart(batch, selection.records, result));
  RETURN_IF_ERROR(CheckRate(result));
  RETURN_IF_ERROR(transaction.Commit());
  Committed(selection.steps, result);
  return result;
}

absl::Status Sink::State::ApplyPart(Batch batch, Part part, BatchResult& result) {
  RETURN_IF_ERROR(transaction.Savepoint());
  BatchResult of_part;
  const absl::Status applied = ReadAndWrite(batch, part, {}, of_part);
  if (applied.ok()) {
    result.Add(of_part);
    return transaction.Release();
  }
  if (!IsRowFault(applied)) return applied;
  RETURN_IF_ERROR(transaction.RollbackToSavepoint());
  RETURN_IF_ERROR(Forget());
  if (part.size() == 1) return PutAside(batch, part[0], applied, result);
  const size_t half = part.size() / 2;
  RETURN_IF_ERROR(ApplyPart(batch, part.first(half), result));
  return ApplyPart(batch, part.subspan(half), result);
}

absl::Status Sink::State::ReadAndWrite(Batch batch, Part part, const Copies& copies,
                                       BatchResult& result) {
  for (const uint32_t index : part) {
    RETURN_IF_ERROR(ReadRecord(batch, index, copies, result));
  }
  RETURN_IF_ERROR(WriteSoFar(batch, result));
  return transaction.CheckConstraints();
}

// The raw event of a record that the mirror refuses is history all the same.
absl::Status Sink::State::PutAside(Batch batch, uint32_t index, const absl::Status& why,
                                   BatchResult& result) {
  const ConsumedRecord& record = batch[index];
  const absl::StatusOr<const Envelope*> envelope = reader.Read(record);
  Refusal refusal{.reason = std::string(Message(why)), .sqlstate = pg::SqlStateOf(why)};
  if (envelope.ok()) refusal.row = RowOf(record, **envelope);
  if (options.kind == SinkKind::kLake && options.raw) {
    RETURN_IF_ERROR(transaction.Savepoint());
    const absl::Status stored = ReadAndWrite(batch, Part(&index, 1), {.mirror = false}, result);
    if (!stored.ok() && !IsRowFault(stored)) return stored;
    RETURN_IF_ERROR(stored.ok() ? transaction.Release() : transaction.RollbackToSavepoint());
    if (!stored.ok()) {
      RETURN_IF_ERROR(Forget());
      refusal.reason += "; it is not among the raw events either";
    }
  }
  dead.Add(record, refusal);
  parked.Park(refusal.row);
  ++result.dead_letters;
  ++result.refused;
  RETURN_IF_ERROR(Write(batch, Ending::kStay));
  Clear();
  return CheckRate(result);
}

// So many that their cause is not in the records: better stop than fill the dead letters.
absl::Status Sink::State::CheckRate(const BatchResult& result) {
  if (!letter_rate.WouldExceed(result.refused, std::chrono::steady_clock::now())) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(Cat(
      "more than ", letter_rate.limit(),
      " records in a minute could not be applied, the last ones for reasons that the log names; "
      "nothing of this batch was applied. Repair the cause, or allow more with "
      "dead.letters.per.minute"));
}

}  // namespace walrelay::apply
