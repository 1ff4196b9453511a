// The JSON form of a position record: the value of a record in __walrelay_positions.
//
// One object with the members of PositionRecord; LSNs as PostgreSQL prints them, `topics` maps a
// name to its next offsets. A record of a newer format is refused, so that an older program cannot
// misread it; members that this version does not know are left out. Pure; any thread. Source:
// DESIGN.md §2.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "change/position.h"

namespace walrelay::kafka {

// One line, members in a fixed order.
std::string EncodePosition(const PositionRecord& record);

// FailedPrecondition for a newer format; DataLoss for anything that EncodePosition does not write.
absl::StatusOr<PositionRecord> DecodePosition(std::string_view json);

}  // namespace walrelay::kafka
