// The JSON of /health, and what its probes answer.
//
// Pure. Cannot fail. README.md documents the shape: change both.
#pragma once

#include <string>

#include "admin/health.h"
#include "admin/router.h"
#include "base/json.h"

namespace walrelay::admin {

// "2024-12-16T10:30:45.123Z"
std::string IsoTime(WallTime time);

// {"status":"healthy","message":…,"pipeline":…,"version":…,"lag_bytes":…,"stages":[{"name":…,"state":…,"detail":…,
//  "since":…,"next_try":…,"lag_seconds":…}]}; members that are not known are left out.
void WriteHealth(JsonWriter& out, const PipelineView& pipeline, const Health& health,
                 const std::vector<StageStatus>& stages, const MetricsView& metrics, WallTime now);

}  // namespace walrelay::admin
