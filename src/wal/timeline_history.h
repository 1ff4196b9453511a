// The history file of a timeline, as TIMELINE_HISTORY sends it.
//
// Pure. Source: src/backend/access/transam/timeline.c, readTimeLineHistory.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string_view>
#include <vector>

#include "change/lsn.h"

namespace walrelay::wal {

// `timeline` was left for the next one at `switch_lsn`: WAL from there on, on this timeline, is not
// in our history.
struct TimelineSwitch {
  uint32_t timeline = 0;
  Lsn switch_lsn{};
  bool operator==(const TimelineSwitch&) const = default;
};

// Oldest first. DataLoss when the file does not parse.
absl::StatusOr<std::vector<TimelineSwitch>> ParseTimelineHistory(std::string_view file);

}  // namespace walrelay::wal
