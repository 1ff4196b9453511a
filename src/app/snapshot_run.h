// The initial snapshot: all captured tables as `r` events, at one moment of the database.
//
// With a slot to create, the moment is its consistent point: the slot exports its snapshot, the
// reader imports it, and streaming begins right there, so that nothing is missing and nothing comes
// twice. An intent record is durable before the slot is made; a start that finds it begins again.
// Rows of each table come through COPY. Source: DESIGN.md §2, §5 "Snapshot"; FORMAT.md §3;
// OPTIONS.md §2.2.
#pragma once

#include "app/capture_session.h"
#include "app/start_decision.h"
#include "base/status.h"

namespace walrelay::app {

// Returns the LSN where streaming begins, with the position there already durable.
absl::StatusOr<Lsn> RunSnapshot(CaptureSession& session, const TakeSnapshot& action);

}  // namespace walrelay::app
