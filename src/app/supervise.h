// Runs one stage until it is told to stop or fails for good, and shows its state on the way.
//
// A transient error (Unavailable, Aborted, Unknown, ResourceExhausted, DeadlineExceeded) is
// repeated for ever with capped, jittered back-off; everything else ends the stage. Each stage runs
// in its own thread.
#pragma once

#include <functional>
#include <string>

#include "admin/status_board.h"
#include "app/stop.h"
#include "base/status.h"

namespace walrelay::app {

// True where the same call may succeed later without anybody's help.
bool IsTransient(const absl::Status& status);

// Calls `session` until it returns a permanent error (returned), Cancelled or OK (both: OK).
// `session` sets the board's state itself while it runs; waiting and the end are set here.
absl::Status Supervise(const std::string& stage, admin::StatusBoard& board, const StopSignal& stop,
                       const std::function<absl::Status()>& session);

}  // namespace walrelay::app
