// What an error of the source means for the exit code, by what was tried when it came.
//
// The absl code stays: it says whether a running pipeline tries again. A status that carries an
// exit code keeps it. Pure. Source: PostgreSQL manual, "PostgreSQL Error Codes".
#pragma once

#include "app/exit_code.h"
#include "base/status.h"

namespace walrelay::app {

// Connecting, and statements of any kind. `otherwise`: where the server's code says nothing
// special.
absl::Status SourceError(absl::Status status, ExitCode otherwise);
// Bringing a publication about.
absl::Status PublicationError(absl::Status status);
// Creating a slot, starting to stream from it, and streaming.
absl::Status StreamError(absl::Status status);

}  // namespace walrelay::app
