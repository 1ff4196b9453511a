// A batch that the server is at work on while the next one is read: without it the two take turns,
// and each idles half of the time. Only the last part of a large batch is left, its COPY or the
// statement behind it; the COMMIT comes with Settle(). When the server refuses something then, the
// batch is applied once more, and waited for, so that the faults are found as in any other.
#include "apply/sink_state.h"
#include "base/crash_point.h"
#include "base/log.h"
#include "base/status.h"

namespace walrelay::apply {

absl::StatusOr<bool> Sink::State::LeaveLarge(RowError failed) {
  const pg::Later later = [this](const absl::Status& answer) { return TakeAnswer(answer); };
  if (raw.size() == 0) return mirror.WriteLeaving(failed, later);
  RETURN_IF_ERROR(mirror.Write(failed));
  RETURN_IF_ERROR(raw.Copy(connection, later));
  CrashPoint("sink-raw-copied");
  return true;
}

// The next batch goes on where this one ends.
void Sink::State::Sent(Batch batch, std::vector<ProgressStep>& steps, BatchResult& result) {
  sent.emplace(SentBatch{.records = batch, .result = std::move(result), .before = {}});
  for (ProgressStep& step : steps) {
    const auto known = progress.find(step.partition);
    sent->before[step.partition] =
        known == progress.end() ? std::nullopt : std::optional(known->second);
    progress[step.partition] = std::move(step.next);
  }
  moves.clear();
  Clear();
}

absl::Status Sink::State::TakeAnswer(const absl::Status& answer) {
  SentBatch batch = *std::move(sent);
  sent.reset();
  absl::Status status = answer;
  if (status.ok()) {
    CrashPoint("sink-before-commit");
    status = transaction.Commit();
  }
  if (status.ok()) {
    CrashPoint("sink-committed");
    settled.Add(batch.result);
    return status;
  }
  for (auto& [partition, was] : batch.before) {
    if (was) {
      progress[partition] = *std::move(was);
    } else {
      progress.erase(partition);
    }
  }
  if (connection.is_lost()) return status;
  log::Info("the batch that was sent is applied once more: ", Message(status));
  undone = batch.records;
  return absl::AbortedError("a batch that was sent before has to be applied once more");
}

bool Sink::is_settled() const { return !state_->sent; }

absl::StatusOr<BatchResult> Sink::Settle() {
  const absl::Status status = state_->connection.Settle();
  BatchResult result = std::exchange(state_->settled, {});
  if (!state_->undone) {
    RETURN_IF_ERROR(status);
    return result;
  }
  const auto records = *std::exchange(state_->undone, std::nullopt);
  RETURN_IF_ERROR(state_->transaction.Rollback());
  RETURN_IF_ERROR(state_->Forget());
  ASSIGN_OR_RETURN(const BatchResult again, Apply(records));
  result.Add(again);
  return result;
}

}  // namespace walrelay::apply
