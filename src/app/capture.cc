#include "app/capture.h"

#include "app/capture_session.h"
#include "app/exit_code.h"
#include "app/snapshot_run.h"
#include "app/stream_run.h"
#include "base/log.h"
#include "wal/slot.h"

namespace walrelay::app {
namespace {

// Where streaming begins, with the position there durable; kNoLsn: nothing is streamed.
absl::StatusOr<Lsn> Prepare(CaptureSession& session, const TakeSnapshot& action) {
  RETURN_IF_ERROR(session.CheckAlone());
  ASSIGN_OR_RETURN(const Lsn from, RunSnapshot(session, action));
  return action.stream_after ? from : kNoLsn;
}

absl::StatusOr<Lsn> Prepare(CaptureSession& session, const StreamFrom& action) {
  PositionRecord position = session.stored_position().value_or(PositionRecord{});
  Lsn from = action.from;
  const bool new_epoch = action.create_slot || action.adopt;
  if (new_epoch) RETURN_IF_ERROR(session.CheckAlone());
  if (action.create_slot) {
    ASSIGN_OR_RETURN(
        const auto created,
        session.stream().CreateSlot(
            session.settings().source.slot,
            {.export_snapshot = false, .failover = session.settings().source.failover_slot}));
    from = created.consistent_point;
  }
  if (new_epoch) {
    position.epoch = session.EpochFrom(from);
    position.last_commit_lsn = kNoLsn;
    position.last_commit_micros = 0;
  }
  position.epoch = session.EpochFrom(
      position.epoch.incarnation);  // A promoted standby goes on under a new timeline.
  position.phase = PositionPhase::kStreaming;
  position.end_lsn = from;
  session.NameConnectRecord(position);
  if (action.debezium_passed)
    RETURN_IF_ERROR(session.TakeOver(position, *action.debezium_passed));
  const bool replays = !new_epoch || action.debezium_passed;
  session.link().Begin(position, replays ? Earlier::kOurs : Earlier::kNothing,
                       session.server_flush());
  // Nothing is confirmed, and nothing sent, before our position is there. Where the slot has been
  // ours, another process may still have it: RunStream() claims the position when the slot is free,
  // and where the stream has to settle a doubt, when it has.
  if (new_epoch && !session.in_doubt()) RETURN_IF_ERROR(session.link().Claim());
  return from;
}

absl::StatusOr<Lsn> Prepare(CaptureSession&, const RefuseToStart& refusal) {
  return ExitError(refusal.code, refusal.message);
}

}  // namespace

Capture::Capture(CaptureSettings settings, const StopSignal& stop, admin::StatusBoard& board,
                 admin::Metrics& metrics)
    : settings_(std::move(settings)), stop_(stop), board_(board), metrics_(metrics) {}

absl::Status Capture::Run() {
  if (streamed_before_) ++counters_.reconnects;
  CaptureSession session({.settings = settings_,
                          .stop = stop_,
                          .board = board_,
                          .metrics = metrics_,
                          .counters = counters_,
                          .memory = memory_});
  return session.NameTable(session.Leave(RunSession(session)));
}

absl::Status Capture::RunSession(CaptureSession& session) {
  RETURN_IF_ERROR(session.Connect());
  ASSIGN_OR_RETURN(const StartDecision decision, session.Decide());
  if (!decision.note.empty()) log::Info(decision.note);
  ASSIGN_OR_RETURN(
      const Lsn from,
      std::visit([&](const auto& action) { return Prepare(session, action); }, decision.action));
  if (from == kNoLsn) {
    RETURN_IF_ERROR(session.FlushAndRecord(
        std::chrono::seconds(10)));  // Debezium's record of the finished snapshot.
    log::Info("the snapshot is complete, and snapshot.mode asks for nothing more");
    return absl::OkStatus();
  }
  streamed_before_ = true;
  const auto* const stream_from = std::get_if<StreamFrom>(&decision.action);
  const absl::Status status =
      RunStream(session, from, stream_from == nullptr ? std::nullopt : stream_from->known);
  metrics_.Publish(counters_);
  if (absl::IsCancelled(status) && settings_.source.drop_slot_on_stop) return session.DropSlot();
  return status;
}

}  // namespace walrelay::app
