// A version-7 UUID: what Debezium 3.6 puts into the header __debezium.context.runId, one a start.
// Source: RFC 9562, section 5.7.
#pragma once

#include <string>

#include "base/clock.h"

namespace walrelay::app {

std::string NewRunId(WallTime now);

}  // namespace walrelay::app
