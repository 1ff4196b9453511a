// Runs one stage until it is told to stop or fails for good, and shows its state on the way.
//
// A transient error (Unavailable, Aborted, Unknown, ResourceExhausted, DeadlineExceeded) is
// repeated with capped, jittered back-off, for ever unless a limit is given; everything else ends
// the stage. Each stage runs in its own thread.
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
// `session` sets the board's state itself once it works; waiting, which lasts until then, and the
// end are set here. After
// `max_retries` transient errors in a row, without a session that lived for a while, the last one
// counts as permanent; -1: never.
absl::Status Supervise(const std::string& stage, admin::StatusBoard& board, const StopSignal& stop,
                       const std::function<absl::Status()>& session, int64_t max_retries = -1);

}  // namespace walrelay::app
