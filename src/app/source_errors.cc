#include "app/source_errors.h"

#include "pg/error.h"

namespace walrelay::app {

absl::Status SourceError(absl::Status status, ExitCode otherwise) {
  const std::string sqlstate = pg::SqlStateOf(status);
  const bool refused = sqlstate.starts_with("28") || sqlstate == "3D000" || sqlstate == "42501";
  if (refused) return WithExitCode(std::move(status), ExitCode::kSourceRefused);
  if (sqlstate == "42710")
    return WithExitCode(std::move(status), ExitCode::kSlotUnsuitable);  // duplicate_object
  if (sqlstate == "55000")
    return WithExitCode(std::move(status), ExitCode::kSourceUnsuitable);  // wal_level
  if (sqlstate == "55006") return WithExitCode(std::move(status), ExitCode::kSlotInUse);
  const bool unreachable = absl::IsUnavailable(status) || absl::IsUnknown(status);
  return WithExitCode(std::move(status), unreachable ? ExitCode::kSourceUnreachable : otherwise);
}

absl::Status PublicationError(absl::Status status) {
  const bool identity = Message(status).find("replica identity") != std::string_view::npos;
  return SourceError(std::move(status),
                     identity ? ExitCode::kReplicaIdentity : ExitCode::kPublicationUnsuitable);
}

absl::Status StreamError(absl::Status status) {
  if (status.ok() || absl::IsUnavailable(status) || absl::IsCancelled(status)) return status;
  const std::string sqlstate = pg::SqlStateOf(status);
  if (sqlstate == "42704") {  // undefined_object: the message names the kind
    const bool publication = Message(status).find("publication") != std::string_view::npos;
    if (!publication) return WithExitCode(std::move(status), ExitCode::kSlotMissing);
    return WithExitCode(
        absl::Status(status.code(),
                     Cat(Message(status),
                         ": it was dropped, or is newer than the changes to be "
                         "read, which cannot be read without it; to go on with a new snapshot: "
                         "walrelay slot drop, then start once with --set "
                         "source.snapshot.mode=when_needed")),
        ExitCode::kPublicationMissing);
  }
  // object_not_in_prerequisite_state: an invalidated slot; undefined_file: its WAL segment was
  // removed.
  if (sqlstate == "55000" || sqlstate == "58P01")
    return WithExitCode(std::move(status), ExitCode::kSlotLost);
  return SourceError(std::move(status),
                     absl::IsDataLoss(status) ? ExitCode::kDataLoss : ExitCode::kSourceUnsuitable);
}

}  // namespace walrelay::app
