// Brings changes from PostgreSQL into Kafka: one session from start-up to an error or stop.
//
// Run() connects, decides how to start (start_decision.h), takes the snapshot if there is one to
// take, and streams. It ends with Unavailable when source or Kafka are away (the supervisor comes
// back later), with Cancelled at stop, and with a permanent error that carries its exit code.
// Everything of a session is made in Run() and gone after it; only the counters live on. One
// thread. Source: DESIGN.md §2, §4, §5.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "admin/counters.h"
#include "admin/metrics.h"
#include "admin/status_board.h"
#include "app/capture_settings.h"
#include "app/position_memory.h"
#include "app/stop.h"
#include "base/status.h"

namespace walrelay::app {

class CaptureSession;

class Capture {
 public:
  // Everything given outlives the capture.
  Capture(CaptureSettings settings, const StopSignal& stop, admin::StatusBoard& board,
          admin::Metrics& metrics);

  absl::Status Run();

 private:
  absl::Status RunSession(CaptureSession& session);

  CaptureSettings settings_;
  const StopSignal& stop_;
  admin::StatusBoard& board_;
  admin::Metrics& metrics_;
  admin::CaptureCounters counters_;
  bool streamed_before_ = false;
  PositionMemory memory_;
};

}  // namespace walrelay::app
