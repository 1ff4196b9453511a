// The program's exit codes, and how a Status carries one.
//
// A script or a supervisor decides by the code: stop for good, call an operator, try again later.
// The place that knows best makes the status with ExitError(code, …); it travels up through
// RETURN_IF_ERROR like any other, and main ends the process with ExitCodeOf() and the message on
// one line, which says what to do. A status without a code of its own is mapped by its absl code.
// Exit codes are part of the interface: their numbers never change meaning.
#pragma once

#include <span>
#include <string_view>

#include "base/status.h"

namespace walrelay::app {

enum class ExitCode : int {
  kOk = 0,                  // Done, or stopped because stop was asked for.
  kUnknown = 1,             // Anything without a code below: a bug, or out of memory or disk.
  kUsage = 2,               // Command line or configuration.
  kNotConfirmed = 3,        // A destructive command was not confirmed: nothing was done.
  kSourceUnreachable = 10,  // Commands that run once only; a running pipeline keeps trying.
  kSourceRefused = 11,      // Wrong password, no such role or database, missing privilege.
  kSourceUnsuitable = 12,   // wal_level, server version, a standby.
  kSlotMissing = 20,
  kSlotLost = 21,        // Invalidated, or its WAL was removed.
  kSlotAhead = 22,       // confirmed_flush is past our position: changes are gone.
  kSlotInUse = 23,       // Commands that run once only.
  kSlotUnsuitable = 24,  // Other plugin or database, a physical slot, or the name is taken.
  kPublicationMissing = 30,
  kPublicationUnsuitable = 31,  // Cannot be created or does not hold what is asked for.
  kReplicaIdentity =
      32,  // Publishing a table would make the application's own UPDATE and DELETE fail.
  kKafkaUnreachable = 40,  // Commands that run once only.
  kKafkaRefused = 41,  // Authentication, authorization, an unusable topic, a fatal producer error.
  kRecordTooLarge = 42,
  kRecordsGone = 43,  // Retention or truncation removed records that a sink has not read.
  kDataLoss = 50,     // Bytes that do not parse, or a gap in the stream.
  kPositionMismatch =
      51,  // The position record and slot, topics or server flush LSN contradict each other.
  kEpochMismatch = 52,   // Other system identifier: another server.
  kOptionsChanged = 53,  // Options that shape the stream differ from those of the position record.
  kTimelineMismatch = 54,  // This server's history does not hold what Kafka already has.
  kPositionBeyondServer =
      55,  // The server's WAL ends before our position, or is another one: it was restored.
  kTopicsNotEmpty = 56,   // Neither slot nor position, but the topics already hold records.
  kRecordsMissing = 57,   // Kafka has lost, expired or deleted records that it had acknowledged.
  kRecordsDiffer = 58,    // A topic holds, where ours should be, records of somebody else.
  kFenced = 59,           // Another process has taken over; this one must not come back by itself.
  kSinkUnreachable = 60,  // Commands that run once only.
  kSinkConflict = 61,     // Somebody else moved its progress, or two source tables meet in one.
  kSinkRefused = 62,      // The sink's database refused a row or a change of its tables.
  kSinkInUse = 63,     // Somebody else still writes it: the consumer that we take over from, or us.
  kCopiesDiffer = 70,  // verify: a copy is not equal to the source.
  kNotCompared = 71,   // verify: no difference was found, but not everything could be compared.
};

struct ExitCodeText {
  ExitCode code;
  std::string_view name;     // "slot-missing": in JSON output and logs.
  std::string_view meaning;  // One line, for --help and the README.
};

// Every exit code, in ascending order.
std::span<const ExitCodeText> ExitCodeTable();

// A status that ends the process with `code` when it reaches main. Its absl code still says what
// the caller does next: taken from `code` (Unavailable for …Unreachable and kSlotInUse, DataLoss
// for lost data, else FailedPrecondition).
absl::Status ExitError(ExitCode code, std::string_view message);
// The same with an absl code chosen by the caller. `status_code` must not be OK.
absl::Status ExitError(ExitCode code, absl::StatusCode status_code, std::string_view message);

// The status with `code` attached, unless it is OK or already carries one: the innermost place
// knows best.
absl::Status WithExitCode(absl::Status status, ExitCode code);
// The same for a failure of Kafka's: kKafkaUnreachable or kKafkaRefused.
absl::Status KafkaError(absl::Status status);

// What the process ends with. OK and Cancelled: kOk.
ExitCode ExitCodeOf(const absl::Status& status);

}  // namespace walrelay::app
