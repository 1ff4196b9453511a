// Streaming: messages of the slot become records, until stop, an error, or the end of the
// connection.
//
// Source: DESIGN.md §2, §4, §5; PROTOCOL.md §2.8 (lazy reading), §4.2 (feedback).
#pragma once

#include "app/capture_session.h"
#include "app/known_history.h"
#include "base/status.h"

namespace walrelay::app {

// The session's position is durable and its link begun. `known`: see StreamFrom. Never returns OK.
absl::Status RunStream(CaptureSession& session, Lsn from,
                       const std::optional<KnownHistory::Bounds>& known);

}  // namespace walrelay::app
