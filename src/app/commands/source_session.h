// A session with the source for one command, and what its failures mean for the exit code.
#pragma once

#include "app/config.h"
#include "app/exit_code.h"
#include "base/status.h"
#include "pg/connection.h"

namespace walrelay::app {

// Unreachable: kSourceUnreachable. Password, role, database, privilege: kSourceRefused.
absl::StatusOr<pg::Connection> ConnectToSource(const Config& config);

// The status with the exit code of what the server said, else `otherwise`.
absl::Status SourceError(absl::Status status, ExitCode otherwise);

}  // namespace walrelay::app
