// Whether the pipeline does its work: one verdict from the stages' states and numbers, with the
// reason for people.
//
//   unhealthy (503)  a stage failed; nothing is received while the lag grows; a stage waits, or has
//   not reported, for
//                    longer than kPatience
//   degraded (200)   a stage waits for a server, since a moment
//   healthy (200)    all others: starting, snapshot, streaming, stopped on purpose
// Pure. Cannot fail.
// Source: USERS.md §7, §51 (RUNNING but stuck; health probes that lie).
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "admin/metrics.h"
#include "admin/status_board.h"
#include "base/clock.h"

namespace walrelay::admin {

// Longer than wal_sender_timeout (60 s by default), so that a silent server has been given up
// before.
inline constexpr std::chrono::seconds kPatience{90};

enum class Verdict { kHealthy, kDegraded, kUnhealthy };
std::string_view ToString(Verdict verdict);

struct Health {
  Verdict verdict = Verdict::kHealthy;
  std::string message;  // The first reason for the worst verdict; else what all stages do.
};

Health Judge(const std::vector<StageStatus>& stages, const MetricsView& metrics, WallTime now);
// True when every stage is connected and at work: what a readiness probe asks.
bool Ready(const std::vector<StageStatus>& stages);

}  // namespace walrelay::admin
