// Since when the stream is behind the server, and whether anything arrives: two questions that one
// sample cannot answer.
//
// Fed with what the capture loop publishes. Pure: the caller brings the time. Cannot fail. Not
// thread-safe. Source: USERS.md §7, §37 (RUNNING but stuck; a lag metric that stands still).
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "change/lsn.h"

namespace walrelay::admin {

class LagClock {
 public:
  // `received_bytes` counts everything that came from the server, keepalives too. `server_end` is
  // kNoLsn while unknown.
  void Observe(WallTime now, Lsn server_end, Lsn position, uint64_t received_bytes);

  // How long the server's end has been beyond the position, by an end seen in the past that is not
  // reached yet. Zero when it was reached.
  std::chrono::nanoseconds Behind(WallTime now) const;
  // How long nothing at all has been received while the distance to the server's end grew. A server
  // that reads a large transaction still sends keepalives and is not meant here.
  std::chrono::nanoseconds Stalled(WallTime now) const;

 private:
  Lsn mark_{};  // An end of WAL not reached yet; kNoLsn: none.
  WallTime mark_seen_{};
  uint64_t received_bytes_ = 0;
  WallTime received_at_{};
  uint64_t lag_when_received_ = 0;
  uint64_t lag_ = 0;
};

}  // namespace walrelay::admin
