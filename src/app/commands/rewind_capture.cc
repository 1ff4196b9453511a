#include <memory>

#include "admin/counters.h"
#include "app/commands/position_transfer.h"
#include "app/commands/rewind_commands.h"
#include "app/commands/source_session.h"
#include "app/exit_code.h"
#include "app/option_table.h"
#include "app/source_errors.h"
#include "wal/slot.h"

namespace walrelay::app {
namespace {

// The slot, if its position may be moved now.
absl::StatusOr<wal::Slot> IdleSlot(pg::Connection& source, const std::string& name) {
  const auto slot = wal::ReadSlot(source, name);
  if (!slot.ok()) return SourceError(slot.status(), ExitCode::kUnknown);
  if (!*slot) {
    return ExitError(ExitCode::kSlotMissing,
                     Cat("slot ", name, " does not exist: there is nothing to read again"));
  }
  if ((*slot)->is_lost()) {
    return ExitError(ExitCode::kSlotLost,
                     Cat("slot ", name, " is lost: its changes can no longer be read"));
  }
  if ((*slot)->active) {
    return ExitError(ExitCode::kSlotInUse, Cat("slot ", name, " is in use by backend ",
                                               (*slot)->active_pid, ": stop what reads it first"));
  }
  return **slot;
}

absl::StatusOr<Lsn> Goal(const std::string& to, const wal::Slot& slot, Lsn server) {
  if (to == "earliest") return slot.confirmed_flush;
  const auto lsn = ParseLsn(to);
  if (!lsn) {
    return absl::InvalidArgumentError(
        Cat("--to '", to, "' must be an LSN such as 16/B3748, or earliest"));
  }
  if (*lsn < slot.confirmed_flush) {
    return ExitError(ExitCode::kSlotAhead,
                     Cat("slot ", slot.name, " was confirmed up to ", slot.confirmed_flush,
                         ": the server sends nothing from before it, so that ",
                         WalRange(*lsn, slot.confirmed_flush),
                         " cannot be had again; --to earliest goes back as far as it can. To write "
                         "rows again, take a snapshot"));
  }
  if (*lsn > server) {
    return absl::InvalidArgumentError(Cat(*lsn, " is beyond the server, which is at ", server));
  }
  return *lsn;
}

}  // namespace

absl::Status RewindCaptureCommand(const Config& config, Console& console, const std::string& to,
                                  const Consent& consent) {
  const std::string name = OptionReader(Section::kSource, config.source).Text("slot.name");
  ASSIGN_OR_RETURN(pg::Connection source, ConnectToSource(config));
  ASSIGN_OR_RETURN(const wal::Slot slot, IdleSlot(source, name));
  const auto server = wal::CurrentLsn(source);
  if (!server.ok()) return SourceError(server.status(), ExitCode::kUnknown);
  admin::CaptureCounters counters;
  PositionMemory memory;
  ASSIGN_OR_RETURN(const auto link, OpenPositionLink(config, memory, counters));
  const auto stored = link->ReadPosition();
  if (!stored.ok()) return KafkaError(stored.status());
  if (!*stored || (*stored)->phase != PositionPhase::kStreaming) {
    return ExitError(ExitCode::kPositionMismatch,
                     Cat("there is no position of slot ", name,
                         " to move: walrelay has not streamed from it yet, or is in a snapshot"));
  }
  PositionRecord position = **stored;
  ASSIGN_OR_RETURN(const Lsn goal, Goal(to, slot, *server));
  if (goal == position.end_lsn) {
    console.out << Cat("The position is ", goal, " already\n");
    return absl::OkStatus();
  }
  const std::string consequence =
      goal < position.end_lsn
          ? Cat("Moves the position of slot ", name, " back: changes from ",
                WalRange(goal, position.end_lsn),
                " are written to Kafka again, behind the records that are there. Every consumer "
                "sees them twice; of ours, cdc_raw.cdc_events gets a second row of each, and the "
                "mirrors stay as they are once all is applied.")
          : Cat("Moves the position of slot ", name, " forward: changes from ",
                WalRange(position.end_lsn, goal),
                " will never be in Kafka, nor in lake and target, and the server will drop them.");
  ASSIGN_OR_RETURN(const bool proceed, MayProceed(console, consent, consequence));
  if (!proceed) return absl::OkStatus();
  // Debezium's record stays where it was: it must not look as if Debezium had run since.
  const auto connect = link->ReadConnectRecord();
  if (!connect.ok()) return KafkaError(connect.status());
  if (*connect) position.connect_offset = (*connect)->offset;
  position.last_commit_lsn = std::min(position.last_commit_lsn, goal);
  position.end_lsn = position.epoch.incarnation = goal;
  // What stands in the topics does not tell any more what has been written from there on.
  link->Begin(position, Earlier::kNothing);
  if (auto status = link->Claim(); !status.ok()) return KafkaError(std::move(status));
  console.out << Cat("The next start goes on from ", goal, "\n");
  return absl::OkStatus();
}

}  // namespace walrelay::app
