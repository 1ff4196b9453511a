#include "app/exit_code.h"

#include <absl/strings/cord.h>

#include <array>
#include <optional>

#include "base/check.h"

namespace walrelay::app {
namespace {

constexpr char kPayloadUrl[] = "walrelay/exit-code";

constexpr std::array kTable = {
    ExitCodeText{ExitCode::kOk, "ok", "done, or stopped as asked"},
    ExitCodeText{ExitCode::kUnknown, "unknown", "an error without a code of its own"},
    ExitCodeText{ExitCode::kUsage, "usage", "the command line or the configuration is wrong"},
    ExitCodeText{ExitCode::kNotConfirmed, "not-confirmed",
                 "a destructive command was not confirmed; nothing was done"},
    ExitCodeText{ExitCode::kSourceUnreachable, "source-unreachable",
                 "the source database does not answer"},
    ExitCodeText{ExitCode::kSourceRefused, "source-refused",
                 "the source refused us: password, role, database or privilege"},
    ExitCodeText{ExitCode::kSourceUnsuitable, "source-unsuitable",
                 "the source cannot be captured: wal_level, version, standby"},
    ExitCodeText{ExitCode::kSlotMissing, "slot-missing", "the replication slot does not exist"},
    ExitCodeText{ExitCode::kSlotLost, "slot-lost",
                 "the slot was invalidated or its WAL removed; changes are gone"},
    ExitCodeText{ExitCode::kSlotAhead, "slot-ahead",
                 "the slot is past our position; the changes between are gone"},
    ExitCodeText{ExitCode::kSlotInUse, "slot-in-use", "another session uses the slot"},
    ExitCodeText{ExitCode::kSlotUnsuitable, "slot-unsuitable",
                 "the slot has another plugin, database or kind, or its name is taken"},
    ExitCodeText{ExitCode::kPublicationMissing, "publication-missing",
                 "the publication does not exist"},
    ExitCodeText{ExitCode::kPublicationUnsuitable, "publication-unsuitable",
                 "the publication cannot be made or does not hold what is asked for"},
    ExitCodeText{ExitCode::kReplicaIdentity, "replica-identity",
                 "publishing a table would make UPDATE and DELETE on it fail in the application"},
    ExitCodeText{ExitCode::kKafkaUnreachable, "kafka-unreachable", "no broker answers"},
    ExitCodeText{ExitCode::kKafkaRefused, "kafka-refused",
                 "Kafka refused us: login, ACL, topic or a fatal error"},
    ExitCodeText{ExitCode::kRecordTooLarge, "record-too-large",
                 "a record is larger than Kafka takes"},
    ExitCodeText{
        ExitCode::kRecordsGone, "records-gone",
        "Kafka has lost or removed records: those that a sink has applied, or has not read"},
    ExitCodeText{ExitCode::kDataLoss, "data-loss", "the stream cannot be decoded or has a gap"},
    ExitCodeText{ExitCode::kPositionMismatch, "position-mismatch",
                 "the stored position contradicts the slot, the topics or the server"},
    ExitCodeText{ExitCode::kEpochMismatch, "epoch-mismatch",
                 "this is another server than the one the position is from"},
    ExitCodeText{ExitCode::kOptionsChanged, "options-changed",
                 "options that shape the stream differ from those it was written with"},
    ExitCodeText{ExitCode::kTimelineMismatch, "timeline-mismatch",
                 "this server's history lacks changes that Kafka already has"},
    ExitCodeText{ExitCode::kPositionBeyondServer, "position-beyond-server",
                 "the server's WAL ends before our position, or has other transactions before it: "
                 "it was restored from a backup"},
    ExitCodeText{ExitCode::kTopicsNotEmpty, "topics-not-empty",
                 "neither slot nor position, but the topics already hold records"},
    ExitCodeText{ExitCode::kRecordsMissing, "records-missing",
                 "Kafka no longer has records of ours that it had acknowledged"},
    ExitCodeText{ExitCode::kRecordsDiffer, "records-differ",
                 "a topic holds records of somebody else where ours should be"},
    ExitCodeText{ExitCode::kFenced, "fenced",
                 "another process has taken over this pipeline; do not start this one again"},
    ExitCodeText{ExitCode::kSinkUnreachable, "sink-unreachable",
                 "the lake or target database does not answer"},
    ExitCodeText{ExitCode::kSinkConflict, "sink-conflict",
                 "somebody else moved the sink's progress, or two tables meet in one"},
    ExitCodeText{ExitCode::kSinkRefused, "sink-refused",
                 "the lake or target database refused a row or a table"},
    ExitCodeText{
        ExitCode::kSinkInUse, "sink-in-use",
        "somebody else still writes the sink: the consumer to take over from, or walrelay"},
    ExitCodeText{ExitCode::kCopiesDiffer, "copies-differ",
                 "verify: a copy is not equal to the source"},
    ExitCodeText{ExitCode::kNotCompared, "not-compared",
                 "verify: no difference was found, but not all could be compared"},
};

absl::StatusCode StatusCodeFor(ExitCode code) {
  switch (code) {
    case ExitCode::kSourceUnreachable:
    case ExitCode::kSlotInUse:
    case ExitCode::kKafkaUnreachable:
    case ExitCode::kSinkUnreachable:
      return absl::StatusCode::kUnavailable;
    case ExitCode::kSlotLost:
    case ExitCode::kSlotAhead:
    case ExitCode::kTimelineMismatch:
    case ExitCode::kPositionBeyondServer:
    case ExitCode::kRecordsGone:
    case ExitCode::kRecordsMissing:
    case ExitCode::kRecordsDiffer:
    case ExitCode::kDataLoss:
      return absl::StatusCode::kDataLoss;
    case ExitCode::kUsage:
      return absl::StatusCode::kInvalidArgument;
    case ExitCode::kOk:
    case ExitCode::kUnknown:
    case ExitCode::kNotConfirmed:
    case ExitCode::kSourceRefused:
    case ExitCode::kSourceUnsuitable:
    case ExitCode::kSlotMissing:
    case ExitCode::kSlotUnsuitable:
    case ExitCode::kPublicationMissing:
    case ExitCode::kPublicationUnsuitable:
    case ExitCode::kReplicaIdentity:
    case ExitCode::kKafkaRefused:
    case ExitCode::kRecordTooLarge:
    case ExitCode::kPositionMismatch:
    case ExitCode::kEpochMismatch:
    case ExitCode::kTopicsNotEmpty:
    case ExitCode::kOptionsChanged:
    case ExitCode::kFenced:
    case ExitCode::kSinkConflict:
    case ExitCode::kSinkRefused:
    case ExitCode::kSinkInUse:
    case ExitCode::kCopiesDiffer:
    case ExitCode::kNotCompared:
      return absl::StatusCode::kFailedPrecondition;
  }
  return absl::StatusCode::kInternal;
}

std::optional<ExitCode> Attached(const absl::Status& status) {
  const auto payload = status.GetPayload(kPayloadUrl);
  if (!payload) return std::nullopt;
  const std::string digits(*payload);
  int number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return ExitCode{number};
}

}  // namespace

std::span<const ExitCodeText> ExitCodeTable() { return kTable; }

absl::Status ExitError(ExitCode code, absl::StatusCode status_code, std::string_view message) {
  CHECK(status_code != absl::StatusCode::kOk);
  return WithExitCode(absl::Status(status_code, {message.data(), message.size()}), code);
}

absl::Status ExitError(ExitCode code, std::string_view message) {
  return ExitError(code, StatusCodeFor(code), message);
}

absl::Status WithExitCode(absl::Status status, ExitCode code) {
  if (!status.ok() && !Attached(status)) {
    status.SetPayload(kPayloadUrl, absl::Cord(std::to_string(static_cast<int>(code))));
  }
  return status;
}

absl::Status KafkaError(absl::Status status) {
  const bool unreachable = absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
  return WithExitCode(std::move(status),
                      unreachable ? ExitCode::kKafkaUnreachable : ExitCode::kKafkaRefused);
}

ExitCode ExitCodeOf(const absl::Status& status) {
  if (status.ok() || absl::IsCancelled(status)) return ExitCode::kOk;
  if (const auto code = Attached(status)) return *code;
  if (absl::IsInvalidArgument(status)) return ExitCode::kUsage;
  if (absl::IsDataLoss(status)) return ExitCode::kDataLoss;
  return ExitCode::kUnknown;
}

}  // namespace walrelay::app
