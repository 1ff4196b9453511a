// walrelay position show: where we are, by our own record, by Debezium's, and by the slot.
#pragma once

#include "app/config.h"
#include "app/console.h"
#include "base/status.h"

namespace walrelay::app {

// Reads Kafka and, where it answers, the source. Exit codes: exit_code.h.
absl::Status ShowPositionCommand(const Config& config, Console& console, bool json);

}  // namespace walrelay::app
